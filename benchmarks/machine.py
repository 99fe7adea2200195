"""Describes the machine that a figure was taken on: a figure without it means little."""

import os
import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path

PACKAGES = ("ai-edge-litert", "tflite-runtime", "keras", "msgspec", "numpy", "opencv-python-headless", "tensorflow-cpu")

_MODEL_FILE = Path("/proc/device-tree/model")
_CPU_FOLDER = Path("/sys/devices/system/cpu")
_THERMAL_FILE = Path("/sys/class/thermal/thermal_zone0/temp")
_THROTTLED_FILES = (
    Path("/sys/devices/platform/soc/soc:firmware/get_throttled"),
    Path("/sys/devices/platform/axi/axi:firmware/get_throttled"),
)

Machine = dict[str, object]

SAME = ("model", "cores", "architecture")
"""What must be equal for two runs to be compared."""


def describe_machine() -> Machine:
    """Return what is known of this machine at this moment; None where it does not say."""
    return {
        "model": _model(),
        "cores": os.cpu_count(),
        "cores_usable": len(os.sched_getaffinity(0)),
        "architecture": platform.machine(),
        "clock_mhz": _clock_mhz(),
        "governor": _first_line(_CPU_FOLDER / "cpu0/cpufreq/scaling_governor"),
        "temperature_c": _temperature_c(),
        "throttled": _throttled(),
        "load_1_min": round(os.getloadavg()[0], 2),
        "os": _os_name(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "packages": {name: version for name in PACKAGES if (version := _version(name)) is not None},
    }


def is_same(one: Machine, other: Machine) -> bool:
    """Whether two runs come from the same kind of machine, so that their figures may be compared."""
    return all(one.get(key) == other.get(key) for key in SAME)


def slug(machine: Machine) -> str:
    """Return the machine's name as a folder's name, such as `raspberry-pi-5-model-b-4-cores`."""
    text = f"{machine['model']} {machine['cores']} cores {machine['architecture']}"
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def describe_shortly(machine: Machine) -> str:
    """One line for a table's head."""
    clock = f", {machine['clock_mhz']} MHz" if machine["clock_mhz"] else ""
    return f"{machine['model']}, {machine['cores']} cores{clock}, {machine['os']}, Python {machine['python']}"


def _model() -> str:
    if (name := _first_line(_MODEL_FILE)) is not None:
        return re.sub(r" Rev [\d.]+$", "", name.rstrip("\0"))
    for line in (_text(Path("/proc/cpuinfo")) or "").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _clock_mhz() -> int | None:
    """Return the highest clock that the first core may take, or else the one it has now."""
    khz = _first_line(_CPU_FOLDER / "cpu0/cpufreq/cpuinfo_max_freq")
    if khz is not None:
        return int(khz) // 1000
    found = re.search(r"^cpu MHz\s*:\s*([\d.]+)", _text(Path("/proc/cpuinfo")) or "", flags=re.MULTILINE)
    return round(float(found[1])) if found else None


def _temperature_c() -> float | None:
    millidegrees = _first_line(_THERMAL_FILE)
    return None if millidegrees is None else int(millidegrees) / 1000


def _throttled() -> str | None:
    """Return the firmware's flags in hexadecimal; 0x0 means neither throttled nor under-volted since boot."""
    for path in _THROTTLED_FILES:
        if (flags := _first_line(path)) is not None:
            return f"0x{flags.removeprefix('0x')}"
    try:
        said = subprocess.run(  # wherever the system keeps it
            ["vcgencmd", "get_throttled"],  # noqa: S607
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return said.stdout.strip().removeprefix("throttled=")


def _os_name() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return None


def _first_line(path: Path) -> str | None:
    text = _text(path)
    return text.splitlines()[0].strip() if text else None
