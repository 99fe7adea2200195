"""Describes the machine: its board, clock, temperature, throttle flags, system and packages."""

import os
import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path

PACKAGES = ("ai-edge-litert", "tflite-runtime", "keras", "msgspec", "numpy", "opencv-python-headless", "tensorflow-cpu")

_CPU_FOLDER = "sys/devices/system/cpu"
_THROTTLED_FILES = (
    "sys/devices/platform/soc/soc:firmware/get_throttled",
    "sys/devices/platform/axi/axi:firmware/get_throttled",
)

Machine = dict[str, object]

_ROOT = Path("/")


def describe_machine() -> Machine:
    """Return what is known of this machine at this moment; None where it does not say."""
    flags = throttle_flags()
    return {
        "model": board_name(),
        "cores": os.cpu_count(),
        "cores_usable": len(os.sched_getaffinity(0)),
        "architecture": platform.machine(),
        "clock_mhz": clock_mhz(),
        "governor": _first_line(_ROOT / _CPU_FOLDER / "cpu0/cpufreq/scaling_governor"),
        "temperature_c": _temperature_c(),
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


def throttle_flags(root: Path = _ROOT) -> int | None:
    """Return a Raspberry Pi's flags as `edge.board.THROTTLED` describes them; None on other machines.

    root: where /sys is looked for; where it does not say, `vcgencmd` is asked.
    """
    for path in _THROTTLED_FILES:
        if (flags := _first_line(root / path)) is not None:
            return int(flags, 16)
    try:
        said = subprocess.run(  # wherever the system keeps it
            ["vcgencmd", "get_throttled"],  # noqa: S607
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
        return int(said.stdout.strip().removeprefix("throttled="), 16)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


def package_version(package: str) -> str | None:
    """Return the installed version of a Python package, None where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _temperature_c() -> float | None:
    millidegrees = _first_line(_ROOT / "sys/class/thermal/thermal_zone0/temp")
    return None if millidegrees is None else int(millidegrees) / 1000


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
