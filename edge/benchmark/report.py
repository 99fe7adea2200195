"""The `bench` command: measures this device, and writes the row that it has in the table of devices."""

import time
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from edge import __version__
from edge.benchmark.measure import Figures
from edge.benchmark.plan import CAMERA, CLIP, SCENES, measure_all, measure_process
from edge.benchmark.start import Start
from edge.board import Board, name_flags
from edge.errors import SinkError
from edge.machine import Machine, current_clock_mhz, describe_machine
from edge.settings import Settings

HEAD = (
    "board",
    *SCENES,
    "frame to reading",
    CLIP,
    CAMERA,
    "memory",
    "start",
    "clock",
    "temperature",
    "throttled",
    "version",
)
"""The columns of the table of devices."""

_LATENCY_OF = "three faces"

_BUSY_LOAD = 0.5
"""From this load on something else runs, and takes its share of the figures."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All that was measured. before, after: the machine at these moments. clock_mhz: while it was measured."""

    version: str
    taken_on: str
    before: Machine
    after: Machine
    clock_mhz: int | None
    throttled: list[str] | None
    live: dict[str, Figures]
    unpaced: dict[str, Figures]
    process: Start


def bench(settings: Settings, *, seconds: float, json_path: Path | None) -> int:
    """Measure for about `seconds`, print a table and the Markdown row, and write everything to `json_path`.

    Raises:
        EdgeError: something cannot be used; SinkError: the file cannot be written.
    """
    if json_path is not None:
        _write(b"", json_path)  # better told now than in a minute
    console = Console()
    before = describe_machine()
    _warn_if_busy(console, before)
    live: dict[str, Figures] = {}
    unpaced: dict[str, Figures] = {}
    clock = None
    with console.status("drawing scenes…") as status:
        for label, figures in measure_all(settings, seconds=seconds):
            (live if figures.live else unpaced)[label] = figures
            clock = clock if figures.live else current_clock_mhz()
            status.update(f"measured: {label}, {figures.fps:.0f} frames a second")
        status.update("measuring the process…")
        process = measure_process()
    report = Report(
        version=__version__,
        taken_on=time.strftime("%Y-%m-%d", time.gmtime()),
        before=before,
        after=describe_machine(),
        clock_mhz=clock,
        throttled=_throttled(),
        live=live,
        unpaced=unpaced,
        process=process,
    )
    console.print(table_of(report))
    console.print("\nThe row of this device for benchmarks/README.md:\n")
    print(row_of(report))  # noqa: T201  # as it is, without line breaks
    if json_path is not None:
        _write(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n", json_path)
    return 0


def _warn_if_busy(console: Console, machine: Machine) -> None:
    load = machine["load_1_min"]
    if isinstance(load, float) and load >= _BUSY_LOAD:
        remedy = "end it, and the service with sudo systemctl stop edge-emotion"
        console.print(f"something else runs here (load {load}): {remedy}", soft_wrap=True)


def _throttled() -> list[str] | None:
    """What the firmware says of now and since boot; None where there is none that tells."""
    flags = Board().throttle_flags()
    return None if flags is None else name_flags(flags)


def table_of(report: Report) -> Table:
    """A table for the screen: a line a run."""
    table = Table(
        title=f"{report.before['model']}, {report.before['os']}",
        caption="CPU: of all threads, ms a frame. p50 to p99: from a frame in memory to its reading, ms.",
    )
    for name in ("", "frames", "fps", "CPU", "faces", "p50", "p95", "p99", "drops"):
        table.add_column(name, justify="right" if name not in {"", "frames"} else "left", no_wrap=True)
    for label, run in (*report.unpaced.items(), *report.live.items()):
        times = [f"{value:.1f}" for value in (run.p50, run.p95, run.p99)] if run.live else [""] * 3
        given = "every one" if not run.live else "as they come" if label == CAMERA else "30 a second"
        table.add_row(label, given, f"{run.fps:.1f}", f"{run.cpu_ms:.2f}", f"{run.faces:.1f}", *times, str(run.dropped))
    return table


def row_of(report: Report) -> str:
    """The device's row in Markdown, under `HEAD`."""
    cells = [f"{report.before['model']}, {report.before['os']}"]
    cells += [_cost(report.unpaced.get(label)) for label in SCENES]
    cells += [
        _latency(report.live.get(_LATENCY_OF)),
        _cost(report.unpaced.get(CLIP)),
        _camera(report.live.get(CAMERA)),
        f"{report.process.peak_mb:.0f} MB",
        f"{report.process.first_reading_s:.1f} s",
        f"{report.clock_mhz or '?'} MHz",
        f"{_celsius(report.before)} → {_celsius(report.after)} °C",
        "?" if report.throttled is None else ", ".join(report.throttled) or "no",
        f"{report.version}, {report.taken_on}",
    ]
    return f"| {' | '.join(cells)} |"


def _cost(run: Figures | None) -> str:
    return "" if run is None else f"{run.cpu_ms:.2f} ms, {run.fps:.0f}/s"


def _latency(run: Figures | None) -> str:
    return "" if run is None else f"{run.p50:.1f} / {run.p95:.1f} / {run.p99:.1f} ms"


def _camera(run: Figures | None) -> str:
    return "none" if run is None else f"{_cost(run)}, {run.faces:.1f} faces, {_latency(run)}"


def _celsius(machine: Machine) -> str:
    value = machine["temperature_c"]
    return f"{value:.0f}" if isinstance(value, float) else "?"


def _write(content: bytes, path: Path) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise SinkError(f"{path}: expected a file that can be written, found: {error.strerror}: see --json") from error
