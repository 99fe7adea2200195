/* Counts the instructions that an emulated program executes: a plugin for QEMU's user-mode emulation.
 *
 * QEMU translates a program block by block and passes each new block to the plugin. The plugin registers a callback that
 * runs whenever the block runs, and adds the block's number of instructions to the counter of the running thread. So the
 * count is exact with any number of threads (a block that a signal or a fault interrupts counts whole).
 *
 * The program sets a mark with a system call without any other effect: getpgid(0x45440000 + n), n from 0 to 255. No
 * process can have such an id, so the call fails at once; in Python it is os.getpgid. At each mark the plugin writes a
 * line "n instructions", of all threads since the start. Instructions of the kernel are not counted.
 *
 *     gcc -O2 -shared -fPIC -DAPI_VERSION=1 plugin.c -o plugin.so
 *     qemu-aarch64 -plugin ./plugin.so,out=marks.txt PROGRAM ARGUMENT...
 *
 * Debian's QEMU supports plugins but comes without qemu-plugin.h, so the functions used here are declared below. They
 * have not changed since plugins exist (QEMU 4.2). The version number has, and QEMU refuses a plugin whose number is too
 * old or too new: `setup` tries the numbers. Names come from QEMU's docs/devel/tcg-plugins.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifndef API_VERSION
#define API_VERSION 1
#endif

#define SHOWN __attribute__((visibility("default")))

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb; /* a translated block */

enum { NO_REGISTERS = 0 }; /* QEMU_PLUGIN_CB_NO_REGS: the callback reads no registers, so none are saved */

extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, struct qemu_plugin_tb *));
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, void (*)(unsigned int thread, void *data),
                                                 int registers, void *data);
extern void qemu_plugin_register_vcpu_syscall_cb(qemu_plugin_id_t,
                                                 void (*)(qemu_plugin_id_t, unsigned int thread, int64_t number,
                                                          uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                                                          uint64_t, uint64_t));

SHOWN int qemu_plugin_version = API_VERSION;
SHOWN int qemu_plugin_install(qemu_plugin_id_t, const void *info, int argc, char **argv);

enum { THREADS = 256 };             /* a new thread reuses the number of one that has ended */
enum { GETPGID = 155 };             /* its number among aarch64's system calls (asm-generic/unistd.h) */
enum { MARK = 0x45440000 };         /* above any process number: the kernel's limit is 2^22 */

/* One cache line for each thread, so that threads do not slow each other down. */
static struct {
    uint64_t instructions;
    char rest[64 - sizeof(uint64_t)];
} counters[THREADS];

static FILE *out;

static void on_run(unsigned int thread, void *instructions) {
    counters[thread % THREADS].instructions += (uintptr_t)instructions;
}

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *block) {
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_cb(block, on_run, NO_REGISTERS, (void *)(uintptr_t)qemu_plugin_tb_n_insns(block));
}

static void on_system_call(qemu_plugin_id_t id, unsigned int thread, int64_t number, uint64_t first, uint64_t a2,
                           uint64_t a3, uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8) {
    (void)id, (void)thread, (void)a2, (void)a3, (void)a4, (void)a5, (void)a6, (void)a7, (void)a8;
    if (number != GETPGID || (first & ~(uint64_t)0xff) != MARK)
        return;
    uint64_t sum = 0;
    for (int i = 0; i < THREADS; i++)
        sum += counters[i].instructions;
    fprintf(out, "%u %" PRIu64 "\n", (unsigned int)(first & 0xff), sum);
    fflush(out);
}

int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv) {
    (void)info;
    const char *path = NULL;
    for (int i = 0; i < argc; i++)
        if (strncmp(argv[i], "out=", 4) == 0)
            path = argv[i] + 4;
    out = path ? fopen(path, "w") : NULL;
    if (!out) {
        fprintf(stderr, "plugin: expected out=FILE with a file that can be written, found %s\n", path ? path : "none");
        return 1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
    qemu_plugin_register_vcpu_syscall_cb(id, on_system_call);
    return 0;
}
