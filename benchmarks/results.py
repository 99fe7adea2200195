"""Keeps results by machine, and finds an earlier run of the same one."""

from pathlib import Path

import msgspec

from benchmarks.figures import Figures
from benchmarks.machine import is_same, slug
from edge.machine import Machine

RESULTS = Path(__file__).parent / "results"


class Saved(msgspec.Struct):
    """A run as `results.json` holds it. taken_on: the day, in UTC."""

    taken_on: str
    machine: Machine
    figures: Figures


def folder_for(machine: Machine) -> Path:
    """Return where this machine's results are kept; the folder is made."""
    folder = RESULTS / slug(machine)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def read_before(machine: Machine) -> Saved | None:
    """Return the run that was kept last, if it is of the same machine and of this version."""
    try:
        saved = msgspec.json.decode((folder_for(machine) / "results.json").read_bytes(), type=Saved)
    except (OSError, msgspec.MsgspecError):
        return None
    return saved if is_same(saved.machine, machine) else None


def keep(saved: Saved) -> None:
    """Write the results where the next run of this machine finds them."""
    encoded = msgspec.json.format(msgspec.json.encode(saved), indent=1)
    (folder_for(saved.machine) / "results.json").write_bytes(encoded + b"\n")


def read_steps(machine: Machine) -> dict[str, float]:
    """Return the micro-benchmarks' medians, CPU µs by name, as pytest-benchmark has left them."""
    steps: dict[str, float] = {}
    for path in sorted(folder_for(machine).glob("steps*.json")):
        for row in msgspec.json.decode(path.read_bytes())["benchmarks"]:
            steps[row["fullname"].partition("/")[2].removeprefix("test_").replace(".py::test_", ": ")] = (
                row["stats"]["median"] * 1e6
            )
    return steps
