"""Describes the machine: its board, clock, temperature, throttle flags, system and packages."""

import os
import platform
import re
from importlib import metadata
from pathlib import Path

from edge.board import Board

PACKAGES = ("ai-edge-litert", "tflite-runtime", "keras", "msgspec", "numpy", "opencv-python-headless", "tensorflow-cpu")

_CPU_FOLDER = "sys/devices/system/cpu"

Machine = dict[str, object]

_ROOT = Path("/")


def describe_machine() -> Machine:
    """Return what is known of this machine at this moment; None where it does not say."""
    board = Board()
    flags = board.throttle_flags()
    return {
        "model": board_name(),
        "cores": os.cpu_count(),
        "cores_usable": len(os.sched_getaffinity(0)),
        "architecture": platform.machine(),
        "clock_mhz": clock_mhz(),
        "governor": _first_line(_ROOT / _CPU_FOLDER / "cpu0/cpufreq/scaling_governor"),
        "temperature_c": board.temperature_c(),
        "throttled": None if flags is None else f"{flags:#x}",
        "load_1_min": round(os.getloadavg()[0], 2),
        "os": _os_name(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "packages": {name: version for name in PACKAGES if (version := package_version(name)) is not None},
    }


def board_name(root: Path = _ROOT) -> str:
    """Return the board's name without its revision, or else the processor's. root: where /proc is looked for."""
    if (name := _first_line(root / "proc/device-tree/model")) is not None:
        return re.sub(r" Rev [\d.]+$", "", name.rstrip("\0"))
    for line in (_text(root / "proc/cpuinfo") or "").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def clock_mhz(root: Path = _ROOT) -> int | None:
    """Return the highest clock that the first core may take, or else the one it has now. root: where /sys is."""
    khz = _first_line(root / _CPU_FOLDER / "cpu0/cpufreq/cpuinfo_max_freq")
    if khz is not None:
        return int(khz) // 1000
    found = re.search(r"^cpu MHz\s*:\s*([\d.]+)", _text(root / "proc/cpuinfo") or "", flags=re.MULTILINE)
    return round(float(found[1])) if found else None


def current_clock_mhz() -> int | None:
    """Return the clock that the first core has now."""
    khz = _first_line(_ROOT / _CPU_FOLDER / "cpu0/cpufreq/scaling_cur_freq")
    return clock_mhz() if khz is None else int(khz) // 1000


def package_version(package: str) -> str | None:
    """Return the installed version of a Python package, None where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _os_name() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()


def _text(path: Path) -> str | None:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return None


def _first_line(path: Path) -> str | None:
    text = _text(path)
    return text.splitlines()[0].strip() if text else None
