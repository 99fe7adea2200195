"""Checks the system: release, word size, Python, numpy, memory, clock."""

import importlib.util
import os
import sys
from pathlib import Path

from edge.doctor.check import HEAVY_S, QUICK_S, Check
from edge.doctor.context import Context
from edge.doctor.finding import Finding, failed, ok, warning
from edge.doctor.programs import ask
from edge.errors import EdgeError

_RELEASES = ("bookworm", "trixie")
_OLDEST_PYTHON, _NEWEST_PYTHON = (3, 11), (3, 13)
_NEW_CARD = "write the 64-bit Raspberry Pi OS to the card with Raspberry Pi Imager"

_NEEDED_MB = 150
"""Source: a run holds 93 MB of memory (`make bench`); the rest is for the page cache and the log."""


def _release(context: Context) -> Finding:
    lines = (context.text("etc/os-release") or "").splitlines()
    facts = {key: value.strip('"') for key, _, value in (line.partition("=") for line in lines)}
    name = facts.get("PRETTY_NAME", "a system without /etc/os-release")
    codename = facts.get("VERSION_CODENAME", "")
    if codename in _RELEASES and facts.get("ID") in {"debian", "raspbian"}:
        return ok(name)
    return warning(
        f"expected Raspberry Pi OS or Debian, Bookworm or Trixie, found {name}", "not tested there: see how it does"
    )


def _word_size(context: Context) -> Finding:
    if context.pointer_bits == 64:  # noqa: PLR2004  # what the check is about
        return ok(f"64 bits, {context.architecture}")
    if context.architecture in {"aarch64", "x86_64"}:
        return failed(
            f"expected a 64-bit system, found 32-bit programs on a 64-bit kernel ({context.architecture})", _NEW_CARD
        )
    return failed(f"expected a 64-bit system, found a 32-bit one ({context.architecture})", _NEW_CARD)


def _python(context: Context) -> Finding:
    found = ".".join(map(str, context.python))
    if _OLDEST_PYTHON <= context.python <= _NEWEST_PYTHON:
        return ok(f"{found}, {sys.executable}")
    return failed(f"expected Python 3.11 to 3.13, found {found}", "use Raspberry Pi OS Bookworm or Trixie")


def _numpy(context: Context) -> Finding:
    import numpy as np  # noqa: PLC0415  # whether it can be imported is the question

    folder = Path(np.__file__).parent
    said = f"{np.__version__}, {folder}"
    misfit = _misfit()
    if misfit:
        return failed(f"expected a numpy that picamera2's simplejpeg fits, found {said}: {misfit}", _without(folder))
    if _hides_apts(folder, context.at("usr/lib/python3/dist-packages/numpy")):
        return warning(f"expected apt's numpy, which apt's packages are built with, found {said}", _without(folder))
    return ok(said if misfit is None else f"{said}; picamera2's simplejpeg fits")


def _misfit() -> str | None:
    """Return why picamera2's simplejpeg does not fit this numpy; empty: it fits; None: it is not there."""
    if importlib.util.find_spec("simplejpeg") is None:
        return None
    try:
        import simplejpeg  # type: ignore[import-not-found]  # noqa: F401, PLC0415  # that it can be imported is in question
    except (ValueError, ImportError) as error:  # "numpy.dtype size changed": built against another numpy
        return " ".join(str(error).split())
    return ""


def _hides_apts(folder: Path, apts: Path) -> bool:
    """Whether this environment sees apt's packages, but another numpy than apt's."""
    return str(apts.parent) in sys.path and apts.exists() and folder != apts


def _without(folder: Path) -> str:
    """Return the command that takes this numpy away, so that the system's is used."""
    site = folder.parent
    if not site.is_relative_to(sys.prefix):
        return "sudo apt install --reinstall python3-numpy python3-simplejpeg"
    parts = " ".join(str(path) for path in sorted(site.glob("numpy*")))
    return f"{'' if os.access(site, os.W_OK) else 'sudo '}rm -r {parts}"


def _memory(context: Context) -> Finding:
    lines = (context.text("proc/meminfo") or "").splitlines()
    sizes = {key: int(value.split()[0]) // 1024 for key, _, value in (line.partition(":") for line in lines)}
    if "MemAvailable" not in sizes:
        return ok("this machine does not tell")
    said = f"{sizes['MemAvailable']} of {sizes['MemTotal']} MB free, {sizes.get('SwapTotal', 0)} MB of swap"
    if sizes["MemAvailable"] < _NEEDED_MB:
        return warning(
            f"expected {_NEEDED_MB} MB of free memory, found {said}",
            "ps -eo rss,comm --sort=-rss | head names what to end",
        )
    return ok(said)


def _clock(context: Context) -> Finding:
    if context.at("run/systemd/timesync/synchronized").exists():
        return ok("set by the network")
    answer = ask(["timedatectl", "show", "--property=NTPSynchronized", "--value"], limit_s=QUICK_S / 2)
    if answer is not None and answer.output.strip() == "yes":
        return ok("set by the network")
    return warning(
        "nothing says that it is set by the network: the log's times may be wrong", "sudo timedatectl set-ntp true"
    )


CHECKS = (
    Check("system", "system", _release, EdgeError.exit_code),
    Check("system", "word size", _word_size, EdgeError.exit_code),
    Check("system", "Python", _python, EdgeError.exit_code),
    Check("system", "numpy", _numpy, EdgeError.exit_code, limit_s=HEAVY_S, isolated=True),
    Check("system", "memory", _memory, EdgeError.exit_code),
    Check("system", "clock", _clock, EdgeError.exit_code),
)
