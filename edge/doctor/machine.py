"""Checks the board and the system: supply, temperature, release, word size, Python, NumPy, memory, clock."""

import importlib.util
import os
import sys
from pathlib import Path

from edge.device.info import board_name, clock_mhz
from edge.device.sensors import SINCE_BOOT, THROTTLED, UNDER_VOLTAGE, Sensors, describe_flags
from edge.doctor.check import HEAVY_S, QUICK_S, Check, Context, Finding, failed, ok, warning
from edge.doctor.programs import run_program
from edge.errors import EdgeError

_NO_FLAGS = "this machine reports no throttle flags"
_SUPPLY = "use the board's own power supply, and a short thick cable"
_COOLING = "give the board a heat sink or a fan, and air"

_HOT_C = 80.0
"""Source: Raspberry Pi documentation: from 80 °C on the firmware lowers the processor's clock, step by step."""

_RELEASES = ("bookworm", "trixie")
_OLDEST_PYTHON, _NEWEST_PYTHON = (3, 11), (3, 13)
_NEW_CARD = "write the 64-bit Raspberry Pi OS to the card with Raspberry Pi Imager"

_NEEDED_MB = 150
"""Source: a run uses 93 MB of memory (`make bench`); the rest is for the page cache and the log."""


def _check_board(context: Context) -> Finding:
    clock = clock_mhz(context.root)
    name = board_name(context.root)
    return ok(f"{name}, {clock} MHz" if clock else name)


def _check_supply(context: Context) -> Finding:
    flags = Sensors(context.root).throttle_flags()
    if flags is None:
        return ok(_NO_FLAGS)
    if flags & UNDER_VOLTAGE:
        return warning("the supply is too weak at this moment (under-voltage)", _SUPPLY)
    if flags >> SINCE_BOOT & UNDER_VOLTAGE:
        return warning("the supply has been too weak since boot (under-voltage)", _SUPPLY)
    return ok("no under-voltage since boot")


def _check_throttling(context: Context) -> Finding:
    flags = Sensors(context.root).throttle_flags()
    if flags is None:
        return ok(_NO_FLAGS)
    if (flags | flags >> SINCE_BOOT) & THROTTLED:
        # Under-voltage has a line of its own.
        reasons = ", ".join(name for name in describe_flags(flags) if not name.startswith("under-voltage"))
        return warning(f"the firmware limits the processor's clock: {reasons}", _COOLING)
    return ok("not throttled since boot")


def _check_temperature(context: Context) -> Finding:
    found_c = Sensors(context.root).temperature_c()
    if found_c is None:
        return ok("this machine has no temperature sensor")
    if found_c >= _HOT_C:
        return warning(f"expected less than {_HOT_C:.0f} °C, found {found_c:.0f} °C", _COOLING)
    return ok(f"{found_c:.0f} °C")


def _check_release(context: Context) -> Finding:
    lines = (context.text("etc/os-release") or "").splitlines()
    release = {key: value.strip('"') for key, _, value in (line.partition("=") for line in lines)}
    name = release.get("PRETTY_NAME", "a system without /etc/os-release")
    if release.get("VERSION_CODENAME", "") in _RELEASES and release.get("ID") in {"debian", "raspbian"}:
        return ok(name)
    return warning(
        f"expected Raspberry Pi OS or Debian, Bookworm or Trixie, found {name}", "it may run, but was not tested there"
    )


def _check_word_size(context: Context) -> Finding:
    if context.pointer_bits == 64:  # noqa: PLR2004  # the number that this check is about
        return ok(f"64 bits, {context.architecture}")
    if context.architecture in {"aarch64", "x86_64"}:
        return failed(
            f"expected a 64-bit system, found 32-bit programs on a 64-bit kernel ({context.architecture})", _NEW_CARD
        )
    return failed(f"expected a 64-bit system, found a 32-bit one ({context.architecture})", _NEW_CARD)


def _check_python(context: Context) -> Finding:
    found = ".".join(map(str, context.python))
    if _OLDEST_PYTHON <= context.python <= _NEWEST_PYTHON:
        return ok(f"{found}, {sys.executable}")
    return failed(f"expected Python 3.11 to 3.13, found {found}", "use Raspberry Pi OS Bookworm or Trixie")


def _check_numpy(context: Context) -> Finding:
    import numpy as np

    folder = Path(np.__file__).parent
    found = f"{np.__version__}, {folder}"
    mismatch = _simplejpeg_mismatch()
    if mismatch:
        text = f"expected a numpy that picamera2's simplejpeg was built for, found {found}: {mismatch}"
        return failed(text, _removal_of(folder))
    if _hides_apts_numpy(folder, context.at("usr/lib/python3/dist-packages/numpy")):
        text = f"expected apt's numpy, which apt's packages are built for, found {found}"
        return warning(text, _removal_of(folder))
    return ok(found if mismatch is None else f"{found}; picamera2's simplejpeg fits")


def _simplejpeg_mismatch() -> str | None:
    """Return why picamera2's simplejpeg cannot use this numpy; empty if it can; None if it is not installed."""
    if importlib.util.find_spec("simplejpeg") is None:
        return None
    try:
        import simplejpeg  # type: ignore[import-not-found]  # noqa: F401  # installed by apt only; importing is the test
    except (ValueError, ImportError) as error:  # "numpy.dtype size changed": built for another numpy
        return " ".join(str(error).split())
    return ""


def _hides_apts_numpy(folder: Path, apts: Path) -> bool:
    """Return whether this environment sees apt's packages but uses another numpy than apt's."""
    return str(apts.parent) in sys.path and apts.exists() and folder != apts


def _removal_of(folder: Path) -> str:
    """Return the command that removes this numpy, so that the system's is used."""
    site_packages = folder.parent
    if not site_packages.is_relative_to(sys.prefix):
        return "sudo apt install --reinstall python3-numpy python3-simplejpeg"
    paths = " ".join(str(path) for path in sorted(site_packages.glob("numpy*")))
    return f"{'' if os.access(site_packages, os.W_OK) else 'sudo '}rm -r {paths}"


def _check_memory(context: Context) -> Finding:
    lines = (context.text("proc/meminfo") or "").splitlines()
    sizes = {key: int(value.split()[0]) // 1024 for key, _, value in (line.partition(":") for line in lines)}
    if "MemAvailable" not in sizes:
        return ok("this machine does not report its free memory")
    found = f"{sizes['MemAvailable']} of {sizes['MemTotal']} MB free, {sizes.get('SwapTotal', 0)} MB of swap"
    if sizes["MemAvailable"] < _NEEDED_MB:
        return warning(
            f"expected {_NEEDED_MB} MB of free memory, found {found}",
            "ps -eo rss,comm --sort=-rss | head lists the programs that use most",
        )
    return ok(found)


def _check_clock(context: Context) -> Finding:
    if context.at("run/systemd/timesync/synchronized").exists():
        return ok("set by the network")
    result = run_program(["timedatectl", "show", "--property=NTPSynchronized", "--value"], limit_s=QUICK_S / 2)
    if result is not None and result.output.strip() == "yes":
        return ok("set by the network")
    return warning(
        "expected a clock that the network has set, found none: the log's times may be wrong",
        "sudo timedatectl set-ntp true",
    )


CHECKS = (
    Check("board", "board", _check_board, EdgeError.exit_code),
    Check("board", "supply", _check_supply, EdgeError.exit_code),
    Check("board", "throttling", _check_throttling, EdgeError.exit_code),
    Check("board", "temperature", _check_temperature, EdgeError.exit_code),
    Check("system", "system", _check_release, EdgeError.exit_code),
    Check("system", "word size", _check_word_size, EdgeError.exit_code),
    Check("system", "Python", _check_python, EdgeError.exit_code),
    Check("system", "numpy", _check_numpy, EdgeError.exit_code, limit_s=HEAVY_S, isolated=True),
    Check("system", "memory", _check_memory, EdgeError.exit_code),
    Check("system", "clock", _check_clock, EdgeError.exit_code),
)
