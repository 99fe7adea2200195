# shellcheck shell=bash
# Paths and functions shared by the scripts in this folder.
# shellcheck disable=SC2034

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
here=$repository/tests/pi
# The same cache as benchmarks/instructions/setup.
cache=${EDGE_PI_ROOT:-${XDG_CACHE_HOME:-$HOME/.cache}/edge-emotion/pi-root}
reports=$repository/reports/emulated-pi
packages="qemu-user-static qemu-user binfmt-support mmdebstrap arch-test qemu-system-arm qemu-utils cpio kmod e2fsprogs gcc libc6-dev debian-archive-keyring ca-certificates"

fail() {
    echo "emulated Pi: FAILED: $*" >&2
    exit 1
}

need() { # COMMAND...
    local missing=() name
    for name in "$@"; do command -v "$name" >/dev/null || missing+=("$name"); done
    [ "${#missing[@]}" = 0 ] || fail "expected ${missing[*]}, found none: sudo apt install $packages"
}

# aarch64 programs can start other aarch64 programs only if the kernel runs them with QEMU.
need_binfmt() {
    local folder=/proc/sys/fs/binfmt_misc
    if [ ! -e $folder/qemu-aarch64 ] && [ "$(id -u)" = 0 ]; then
        [ -e $folder/register ] || mount -t binfmt_misc binfmt_misc $folder || true
        update-binfmts --enable qemu-aarch64 || true
    fi
    grep -qs '^enabled' $folder/qemu-aarch64 ||
        fail "expected the kernel to start aarch64 programs with QEMU, found that it does not: run this with sudo once"
}

# XNNPACK chooses its routines by /proc/cpuinfo and /sys. With those of the PC it crashes.
show_cpu() { # CPU ROOT
    PYTHONPATH=$repository/benchmarks/instructions python3 -B -c '
import sys, pathlib, boards
boards.show_cpu(boards.CPUS[sys.argv[1]], pathlib.Path(sys.argv[2]))' "$@"
}
