"""Describes the machine: board, processor, system and packages, and a stable name that does not reveal its serial."""

import hashlib
import hmac
import os
import platform
import re
from importlib import metadata
from pathlib import Path

from edge.device.files import ROOT, read_int, read_text
from edge.device.sensors import Sensors

PACKAGES = ("ai-edge-litert", "tflite-runtime", "keras", "msgspec", "numpy", "opencv-python-headless", "tensorflow-cpu")

_CPU0 = "sys/devices/system/cpu/cpu0/cpufreq"

Machine = dict[str, object]
"""A machine's description, ready for JSON."""


def describe_machine() -> Machine:
    """Return this machine's description at this moment; a value that it does not tell is None."""
    sensors = Sensors()
    flags = sensors.throttle_flags()
    return {
        "model": board_name(),
        "cores": os.cpu_count(),
        "cores_usable": len(os.sched_getaffinity(0)),
        "architecture": platform.machine(),
        "clock_mhz": clock_mhz(),
        "governor": read_text(ROOT / _CPU0 / "scaling_governor"),
        "temperature_c": sensors.temperature_c(),
        "throttled": None if flags is None else f"{flags:#x}",
        "load_1_min": round(os.getloadavg()[0], 2),
        "os": _os_name(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "packages": {name: version for name in PACKAGES if (version := package_version(name)) is not None},
    }


def board_name(root: Path = ROOT) -> str:
    """Return the board's name without its revision; the processor's name on a machine that is no board.

    Args:
        root: the folder that holds /proc.
    """
    if name := read_text(root / "proc/device-tree/model"):
        return re.sub(r" Rev [\d.]+$", "", name)
    return processor_name(root) or platform.processor() or platform.machine()


def processor_name(root: Path = ROOT) -> str | None:
    """Return the processor's name from /proc/cpuinfo; None if it has none, as on Arm.

    Args:
        root: the folder that holds /proc.
    """
    found = re.search(r"^model name\s*:(.*)", read_text(root / "proc/cpuinfo") or "", flags=re.MULTILINE)
    return found[1].strip() if found else None


def clock_mhz(root: Path = ROOT) -> int | None:
    """Return the highest clock that the first core may run at, MHz, or else its present clock.

    Args:
        root: the folder that holds /proc and /sys.
    """
    khz = read_int(root / _CPU0 / "cpuinfo_max_freq")
    if khz is not None:
        return khz // 1000
    found = re.search(r"^cpu MHz\s*:\s*([\d.]+)", read_text(root / "proc/cpuinfo") or "", flags=re.MULTILINE)
    return round(float(found[1])) if found else None


def current_clock_mhz() -> int | None:
    """Return the first core's present clock, MHz."""
    khz = read_int(ROOT / _CPU0 / "scaling_cur_freq")
    return clock_mhz() if khz is None else khz // 1000


def package_version(package: str) -> str | None:
    """Return the installed version of a Python package; None if it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _os_name() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()


_KEY = bytes.fromhex("0393b931e21b47e592647464013f8318")
"""Drawn once for this program, so the name leads neither to the serial number nor to another program's name."""

_SOURCES = ("proc/device-tree/serial-number", "etc/machine-id")
"""The board's serial number comes first, because copying an SD card copies its machine-id."""

_DIGITS = 12
"""48 bits: among 500 devices the probability that two share a name is 4 in 10^10."""


def find_device_id(root: Path = ROOT) -> str:
    """Return twelve hexadecimal digits, the same after every boot; empty if the machine has nothing to identify it by.

    Args:
        root: the folder that holds /proc and /etc.
    """
    for source in _SOURCES:
        number = read_text(root / source)
        if number and number != "uninitialized":  # systemd writes this into machine-id before the first boot
            return hmac.new(_KEY, number.encode(), hashlib.sha256).hexdigest()[:_DIGITS]
    return ""
