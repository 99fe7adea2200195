"""The Raspberry Pis for which time is estimated: their CPU as Linux shows it, clock, instructions per cycle.

A published time of OpenCV's Haar cascade on a real Pi 4 gives the instructions per cycle of a Cortex-A72 for this work;
`calibrate.py` repeats the calculation. For the other CPUs the range is scaled by published figures.
"""

from dataclasses import dataclass
from pathlib import Path

A72_IPC = (0.70, 0.88)
"""Instructions per cycle of a Cortex-A72 in a Haar cascade, lowest and highest.

Source: github.com/TonyCongqianWang/cv_facedetection_eval (2024), time_comparison_pi.md: alt2 on ten pictures, one
thread, Pi 4 at 1500 MHz, 299 to 1452 ms; counted here on the same pictures: 386 to 1866 million instructions. That is
0.845 to 0.881 per cycle. Newer Pi 4s run at 1800 MHz by default: if that one did, it was 0.70 to 0.73, so the range
starts there.
"""

A53_OVER_A72 = (0.58, 0.78)
"""Work per clock of a Cortex-A53 as a share of a Cortex-A72's, lowest and highest.

Source: CoreMark per MHz 3.17 (Pi 3 B) and 5.50 (Pi 4), github.com/kreier/benchmark; 7-zip on one core, arm64, 914 at
1200 MHz (Pi 3 B, same source) and 1741 to 1769 at 1800 MHz (Pi 4 B, github.com/ThomasKaiser/sbc-bench, Results.md).
"""

A76_OVER_A72 = (1.36, 1.7)
"""Work per clock of a Cortex-A76 as a multiple of a Cortex-A72's, lowest and highest.

Source: 7-zip as for the A53, 3196 to 3305 at 2400 MHz (Pi 5 B, sbc-bench); and Arm's 60 to 70 % more integer work per
clock of its Neoverse N1, the server's A76, than of the A72 (anandtech.com/show/13959, page 4).
"""


def _scaled(factors: tuple[float, float]) -> tuple[float, float]:
    return round(A72_IPC[0] * factors[0], 2), round(A72_IPC[1] * factors[1], 2)


@dataclass(frozen=True, slots=True)
class Cpu:
    """A CPU core.

    Attributes:
        qemu: QEMU's name of it.
        part: as in /proc/cpuinfo on a Pi.
        variant: as in /proc/cpuinfo on a Pi.
        revision: as in /proc/cpuinfo on a Pi.
        features: as in /proc/cpuinfo on a Pi.
        level1_data_kb: size of the first-level data cache.
        level1_code_kb: size of the first-level instruction cache.
        level2_kb: size of the second-level cache.
        shared: whether the four cores share one second-level cache.
        ipc: instructions per cycle, lowest and highest.
    """

    qemu: str
    part: int
    variant: int
    revision: int
    features: str
    level1_data_kb: int
    level1_code_kb: int
    level2_kb: int
    shared: bool
    ipc: tuple[float, float]


CPUS = {
    "A53": Cpu("cortex-a53", 0xD03, 0, 4, "fp asimd evtstrm crc32 cpuid", 32, 32, 512, True, _scaled(A53_OVER_A72)),
    "A72": Cpu("cortex-a72", 0xD08, 0, 3, "fp asimd evtstrm crc32 cpuid", 32, 48, 1024, True, A72_IPC),
    "A76": Cpu(
        "cortex-a76",
        0xD0B,
        4,
        1,
        "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp",
        64,
        64,
        512,
        False,
        _scaled(A76_OVER_A72),
    ),
}


@dataclass(frozen=True, slots=True)
class Board:
    """A Raspberry Pi.

    Attributes:
        name: of the board.
        cpu: key of `CPUS`.
        ghz: clock, lowest and highest of the models with this name.
    """

    name: str
    cpu: str
    ghz: tuple[float, float]

    def milliseconds(self, instructions: float) -> tuple[float, float]:
        """Estimate the time of one core for so many instructions, shortest and longest, ms."""
        slow, fast = CPUS[self.cpu].ipc
        return instructions / (fast * self.ghz[1]) / 1e6, instructions / (slow * self.ghz[0]) / 1e6


BOARDS = (
    Board("Zero 2 W", "A53", (1.0, 1.0)),
    Board("Pi 3", "A53", (1.2, 1.4)),
    Board("Pi 4", "A72", (1.5, 1.8)),
    Board("Pi 5", "A76", (2.4, 2.4)),
)

CORES = range(4)


def show_cpu(cpu: Cpu, root: Path) -> None:
    """Write the files below `root` in which Linux on a Pi describes this CPU.

    XNNPACK selects its routines by these files and fails if they contradict each other. The emulator reads a file from
    `root` if it is there; without these the program would see the files of the emulating machine.
    """
    lines = [
        f"processor\t: {core}\nBogoMIPS\t: 108.00\nFeatures\t: {cpu.features}\nCPU implementer\t: 0x41\n"
        f"CPU architecture: 8\nCPU variant\t: {cpu.variant:#x}\nCPU part\t: {cpu.part:#x}\n"
        f"CPU revision\t: {cpu.revision}\n"
        for core in CORES
    ]
    _write(root / "proc/cpuinfo", "\n".join(lines))
    folder, everyone = root / "sys/devices/system/cpu", f"{CORES[0]}-{CORES[-1]}"
    for name in ("possible", "present", "online"):
        _write(folder / name, everyone)
    for core in CORES:
        of_core = folder / f"cpu{core}"
        _write(of_core / "topology/physical_package_id", "0")
        for name in ("cluster_cpus_list", "core_siblings_list", "package_cpus_list"):
            _write(of_core / "topology" / name, everyone)
        caches = (
            (1, "Data", cpu.level1_data_kb, str(core)),
            (1, "Instruction", cpu.level1_code_kb, str(core)),
            (2, "Unified", cpu.level2_kb, everyone if cpu.shared else str(core)),
        )
        for number, (level, kind, size_kb, cores) in enumerate(caches):
            cache = of_core / f"cache/index{number}"
            _write(cache / "level", str(level))
            _write(cache / "type", kind)
            _write(cache / "size", f"{size_kb}K")
            _write(cache / "shared_cpu_list", cores)


def _write(path: Path, line: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{line}\n", encoding="ascii")
