"""The `bench` command: measures this device and prints its row for the table of devices."""

import logging
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import msgspec
from rich.console import Console
from rich.table import Table

from edge import __version__
from edge.benchmark.measure import PipelineFigures, ProcessFigures, measure_pipeline, measure_process
from edge.benchmark.memory_source import MemorySource, SceneFrames, render_frames
from edge.device.info import Machine, current_clock_mhz, describe_machine
from edge.device.sensors import Sensors, describe_flags
from edge.errors import CameraAbsentError, EdgeError, SinkError
from edge.scenes.catalogue import make_scene
from edge.settings.schema import Settings, SourceSettings
from edge.sources.open import DEMO_CLIP, is_camera, open_camera
from edge.sources.video import VideoSource

log = logging.getLogger(__name__)

SCENES = {"no face": "empty", "one face": "slow", "three faces": "three", "five faces": "five"}
"""Maps the label of a run to its scene."""

CAMERA, CLIP = "camera", "clip"

_FRAMES_PER_SCENE = 90
"""Three seconds, shown forwards and backwards: 27 MB of memory, where ten would take a fifth of a Zero 2 W's."""

_PARTS = 2 * len(SCENES)
"""Number of runs that share the time: each scene unpaced, those with faces also live, and the camera."""

_ENDLESS = 1_000_000


def run_suite(settings: Settings, *, seconds: float) -> Iterator[tuple[str, PipelineFigures]]:
    """Yield the label and figures of each pipeline run as soon as it ends; all together take about `seconds`."""
    cv2.setNumThreads(settings.detect.threads)
    share_s = seconds / _PARTS
    for label, scene in SCENES.items():
        rendered = ping_pong(render_frames(make_scene(scene), count=_FRAMES_PER_SCENE))
        yield label, measure_pipeline(MemorySource(rendered, live=False, loops=_ENDLESS), settings, seconds=share_s)
        if scene != "empty":
            yield label, measure_pipeline(MemorySource(rendered, live=True, loops=_ENDLESS), settings, seconds=share_s)
    yield CLIP, measure_pipeline(VideoSource(DEMO_CLIP), settings, seconds=share_s)
    if (figures := _measure_camera(settings, share_s)) is not None:
        yield CAMERA, figures


def measure_demo_process() -> ProcessFigures:
    """Measure start-up and memory of the runtime on the demo clip, in a process of its own like the service."""
    with tempfile.TemporaryDirectory() as folder:
        return measure_process(DEMO_CLIP, Path(folder))


def ping_pong(rendered: SceneFrames) -> SceneFrames:
    """Append the frames in reverse, so that they loop without a jump; the images are shared, not copied."""
    inner = slice(-2, 0, -1)
    return replace(
        rendered,
        frames=(*rendered.frames, *rendered.frames[inner]),
        indices=(*rendered.indices, *rendered.indices[inner]),
    )


def _measure_camera(settings: Settings, seconds: float) -> PipelineFigures | None:
    """Measure with the camera; return None if there is none, or, with a warning, if it does not work."""
    try:
        return measure_pipeline(open_camera(_camera_settings(settings.source)), settings, seconds=seconds)
    except CameraAbsentError:
        return None
    except EdgeError as error:
        log.warning("not measured with the camera: %s", error)
        return None


def _camera_settings(settings: SourceSettings) -> SourceSettings:
    """Return the settings with a camera as the source: the one that they name, if any."""
    return msgspec.structs.replace(settings, use=settings.use if is_camera(settings.use) else "auto")


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
"""The column headings of the table of devices."""

_LATENCY_RUN = "three faces"
"""Label of the live run whose latency the table of devices shows."""

_BUSY_LOAD = 0.5
"""Load average from which on other programs probably distort the figures."""


class BenchmarkReport(msgspec.Struct, frozen=True, kw_only=True):
    """All results of the benchmark.

    Attributes:
        version: version of edge-emotion.
        taken_on: UTC date, ISO 8601.
        before: the machine before the measurements.
        after: the machine after the measurements.
        clock_mhz: clock of the first core at the end of the last unpaced run, MHz; None if unknown.
        throttled: the firmware's throttling flags, now and since boot; None if the firmware does not report them.
        live: figures of the live runs, by label.
        unpaced: figures of the other runs, by label.
        process: figures of a whole process.
    """

    version: str
    taken_on: str
    before: Machine
    after: Machine
    clock_mhz: int | None
    throttled: list[str] | None
    live: dict[str, PipelineFigures]
    unpaced: dict[str, PipelineFigures]
    process: ProcessFigures


def bench(settings: Settings, *, seconds: float, json_path: Path | None) -> int:
    """Measure for about `seconds`, print a table and the Markdown row, and write everything to `json_path`.

    Returns:
        The exit code.

    Raises:
        SinkError: `json_path` cannot be written.
        EdgeError: a measurement failed.
    """
    if json_path is not None:
        _write(b"", json_path)  # fails before the measurements rather than after them
    console = Console()
    before = describe_machine()
    _warn_if_busy(console, before)
    live: dict[str, PipelineFigures] = {}
    unpaced: dict[str, PipelineFigures] = {}
    clock = None
    with console.status("rendering scenes…") as status:
        for label, figures in run_suite(settings, seconds=seconds):
            (live if figures.live else unpaced)[label] = figures
            clock = clock if figures.live else current_clock_mhz()
            status.update(f"measured: {label}, {figures.fps:.0f} frames per second")
        status.update("measuring the process…")
        process = measure_demo_process()
    report = BenchmarkReport(
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
    print(row_of(report))  # noqa: T201  # the console would wrap the line
    if json_path is not None:
        _write(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n", json_path)
    return 0


def _warn_if_busy(console: Console, machine: Machine) -> None:
    load = machine["load_1_min"]
    if isinstance(load, float) and load >= _BUSY_LOAD:
        remedy = "stop them, and the service with sudo systemctl stop edge-emotion"
        console.print(f"other programs are running (load {load}): {remedy}", soft_wrap=True)


def _throttled() -> list[str] | None:
    """Return the names of the firmware's throttling flags, now and since boot; None if it does not report them."""
    flags = Sensors().throttle_flags()
    return None if flags is None else describe_flags(flags)


def table_of(report: BenchmarkReport) -> Table:
    """Return a table for the terminal with one row per run."""
    table = Table(
        title=f"{report.before['model']}, {report.before['os']}",
        caption="CPU: all threads, ms per frame. p50 to p99: latency from a frame in memory to its reading, ms.",
    )
    for name in ("", "frames", "fps", "CPU", "faces", "p50", "p95", "p99", "drops"):
        table.add_column(name, justify="right" if name not in {"", "frames"} else "left", no_wrap=True)
    for label, run in (*report.unpaced.items(), *report.live.items()):
        times = [f"{value:.1f}" for value in (run.p50, run.p95, run.p99)] if run.live else [""] * 3
        pace = "unpaced" if not run.live else "as captured" if label == CAMERA else "30 fps"
        table.add_row(label, pace, f"{run.fps:.1f}", f"{run.cpu_ms:.2f}", f"{run.faces:.1f}", *times, str(run.dropped))
    return table


def row_of(report: BenchmarkReport) -> str:
    """Return the device's row of the table of devices, in Markdown, with the columns `HEAD`."""
    cells = [f"{report.before['model']}, {report.before['os']}"]
    cells += [_cost(report.unpaced.get(label)) for label in SCENES]
    cells += [
        _latency(report.live.get(_LATENCY_RUN)),
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


def _cost(run: PipelineFigures | None) -> str:
    return "" if run is None else f"{run.cpu_ms:.2f} ms, {run.fps:.0f}/s"


def _latency(run: PipelineFigures | None) -> str:
    return "" if run is None else f"{run.p50:.1f} / {run.p95:.1f} / {run.p99:.1f} ms"


def _camera(run: PipelineFigures | None) -> str:
    return "none" if run is None else f"{_cost(run)}, {run.faces:.1f} faces, {_latency(run)}"


def _celsius(machine: Machine) -> str:
    value = machine["temperature_c"]
    return f"{value:.0f}" if isinstance(value, float) else "?"


def _write(content: bytes, path: Path) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise SinkError(f"{path}: expected a file that can be written, found: {error.strerror}: see --json") from error
