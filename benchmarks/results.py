"""Defines the figures of `results.json`, and stores them by machine, for comparison with later runs."""

import re
from pathlib import Path

import msgspec

from edge.device.info import Machine

RESULTS = Path(__file__).parent / "results"

COMPARED_FACTS = ("model", "cores", "architecture")
"""Facts of a machine that must be equal for two runs to be compared."""


class SceneFigures(msgspec.Struct, kw_only=True):
    """Our pipeline on one scene.

    Attributes:
        cpu_ms: CPU time per frame, ms, the median of the rounds.
        rounds_ms: the same of each round.
        source_ms: CPU time of handing over a frame, ms.
        threads_ms: CPU time per frame by thread, ms.
        recall: in all frames.
        precision: in all frames.
        switches: identity switches.
        repeats: whether all rounds have the same readings.
    """

    cpu_ms: float
    rounds_ms: list[float]
    source_ms: float
    threads_ms: dict[str, float]
    recall: float | None
    precision: float | None
    switches: int
    repeats: bool


class Quality(msgspec.Struct):
    """Recall and precision in the compared frames."""

    recall: float | None
    precision: float | None


class PeerFigures(msgspec.Struct):
    """A baseline loop on one scene.

    Attributes:
        cpu_ms: CPU time per frame, ms, the median of the rounds.
        ratio: how many times our CPU time per frame it takes.
        recall: in the frames that it processed.
        precision: in the frames that it processed.
    """

    cpu_ms: float
    ratio: float
    recall: float | None
    precision: float | None


class LiveFigures(msgspec.Struct, kw_only=True):
    """Our pipeline in real time, at 30 frames per second.

    Attributes:
        cpu_ms: CPU time per due frame with three faces, ms.
        idle_cpu_ms: the same without a face or motion.
        latency_ms: p50, p95 and p99 from frame to reading, ms.
        dropped: number of dropped frames.
        arrivals: number of faces that entered.
        never: number of those that never had a track.
        arrival_p95_s: p95 from half of the face visible to its first reading, s.
        arrival_whole_p95_s: the same since the whole face was visible.
        full_frame_p95_s: p95 from half of the face visible to its detection by full-frame Haar, s.
    """

    cpu_ms: float
    idle_cpu_ms: float
    latency_ms: list[float | None]
    dropped: int
    arrivals: int
    never: int
    arrival_p95_s: float | None
    arrival_whole_p95_s: float | None
    full_frame_p95_s: float | None


class SuiteFigures(msgspec.Struct, kw_only=True):
    """All figures of a run; those that were not measured are empty or None.

    Attributes:
        scenes: by workload label.
        compared: recall and precision by workload label, then by detector.
        ratios: CPU time of one scene to that of another, by their names.
        peers: baseline loops by workload label, then by kind.
        live: in real time.
        switches: identity switches by tracker.
        starts_s: from the start of a process to its first reading, s.
        peak_mb: peak resident memory of these processes, MB.
        photos: share of photographs with a detected face, and their number.
    """

    scenes: dict[str, SceneFigures]
    compared: dict[str, dict[str, Quality]]
    ratios: dict[str, float]
    peers: dict[str, dict[str, PeerFigures]]
    live: LiveFigures
    switches: dict[str, int]
    starts_s: list[float]
    peak_mb: float
    photos: tuple[float, int] | None


class SavedRun(msgspec.Struct):
    """The content of `results.json`.

    Attributes:
        taken_on: UTC date, ISO 8601.
        machine: facts of the machine.
        figures: all figures.
    """

    taken_on: str
    machine: Machine
    figures: SuiteFigures


def folder_for(machine: Machine) -> Path:
    """Return the folder of this machine's results, such as `raspberry-pi-5-model-b-4-cores-aarch64`; make it."""
    text = f"{machine['model']} {machine['cores']} cores {machine['architecture']}"
    folder = RESULTS / re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def describe_in_a_line(machine: Machine) -> str:
    """Return the machine's model, cores, clock, system and Python in one line."""
    clock = f", {machine['clock_mhz']} MHz" if machine["clock_mhz"] else ""
    return f"{machine['model']}, {machine['cores']} cores{clock}, {machine['os']}, Python {machine['python']}"


def read_previous(machine: Machine) -> SavedRun | None:
    """Return the run stored last; None if it is of another machine or of another version of the figures."""
    try:
        saved = msgspec.json.decode((folder_for(machine) / "results.json").read_bytes(), type=SavedRun)
    except (OSError, msgspec.MsgspecError):
        return None
    is_same = all(saved.machine.get(fact) == machine.get(fact) for fact in COMPARED_FACTS)
    return saved if is_same else None


def save(saved: SavedRun) -> None:
    """Store a run, for the next one on this machine to be compared with."""
    encoded = msgspec.json.format(msgspec.json.encode(saved), indent=1)
    (folder_for(saved.machine) / "results.json").write_bytes(encoded + b"\n")


def read_steps(machine: Machine) -> dict[str, float]:
    """Return the medians of the micro-benchmarks, CPU µs by name, from the files of pytest-benchmark."""
    steps: dict[str, float] = {}
    for path in sorted(folder_for(machine).glob("steps*.json")):
        for row in msgspec.json.decode(path.read_bytes())["benchmarks"]:
            steps[row["fullname"].partition("/")[2].removeprefix("test_").replace(".py::test_", ": ")] = (
                row["stats"]["median"] * 1e6
            )
    return steps
