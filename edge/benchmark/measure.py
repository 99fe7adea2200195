"""Measures throughput, latency and CPU time of the pipeline, and start-up time and memory of a whole process."""

import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edge.counters import Counters
from edge.device.files import read_text
from edge.errors import EdgeError, MediaError
from edge.pipeline.build import build_steps
from edge.pipeline.pipeline import Pipeline
from edge.records import Frame
from edge.runtime.latency import StepTimes
from edge.settings.schema import Settings
from edge.sinks.log.jsonl import JsonLinesLog
from edge.sources.base import Source

WARM_UP_FRAMES = 30
"""Frames before the measurement: lazy loading, the first scan, a processor that has not yet raised its clock."""

_BYTES_PER_MB = 1024 * 1024


class PipelineFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The measurement of one run of the pipeline, without its warm-up.

    Attributes:
        source: the source's name.
        live: whether frames came by the clock and overdue ones were dropped; otherwise every frame, without pauses.
        faces: mean number of readings per frame.
        frames: number of processed frames.
        fps: processed frames per second.
        cpu_ms: CPU time of all threads per frame, ms.
        p50: median latency from a frame in memory to its readings, ms.
        p95: 95th percentile of that latency, ms.
        p99: 99th percentile of that latency, ms.
        dropped: number of frames that the pipeline dropped.
    """

    source: str
    live: bool
    faces: float
    frames: int
    fps: float
    cpu_ms: float
    p50: float
    p95: float
    p99: float
    dropped: int


@dataclass(frozen=True, slots=True)
class ProcessFigures:
    """The measurement of a whole process.

    Attributes:
        first_reading_s: time from the start of the process to its first reading, s.
        peak_mb: highest resident memory, MB.
    """

    first_reading_s: float
    peak_mb: float


def measure_pipeline(source: Source, settings: Settings, *, seconds: float) -> PipelineFigures:
    """Run the pipeline with its log for `seconds` after the warm-up, or until the source ends; closes the source.

    Raises:
        MediaError: the source ended within the warm-up.
        EdgeError: the run failed, or processed no frame within `seconds`.
    """
    counters = Counters()
    before = 0

    def reset_meters() -> None:
        nonlocal before
        before = counters.dropped
        counters.latency, counters.emotions = StepTimes(), Counter()

    measured = MeasuredSource(source, seconds=seconds, on_start=reset_meters)
    with tempfile.TemporaryDirectory() as folder:
        log = JsonLinesLog(Path(folder) / "readings.jsonl", changes=None, include_empty=False)
        log.open()
        Pipeline(measured, build_steps(settings)(is_still_images=False), [log], counters, settings).run()
    times = counters.latency.percentiles()
    if measured.started is None or measured.ended is None or times is None or measured.frames == 0:
        raise MediaError(
            f"{source.name}: expected more than {WARM_UP_FRAMES} frames, found no more: use another source"
        )
    dropped = counters.dropped - before
    # CPU time of frames in flight at the start is included, that of frames in flight at the end is not: they cancel.
    frames = measured.frames - dropped
    if frames <= 0:
        raise EdgeError(f"{source.name}: expected frames within {seconds:.1f} s, found all dropped: raise --seconds")
    return PipelineFigures(
        source=source.name,
        live=source.live,
        faces=counters.emotions.total() / counters.latency.count,
        frames=frames,
        fps=frames / (measured.ended.wall_s - measured.started.wall_s),
        cpu_ms=(measured.ended.cpu_s - measured.started.cpu_s) / frames * 1e3,
        p50=times.p50,
        p95=times.p95,
        p99=times.p99,
        dropped=dropped,
    )


def measure_process(clip: Path, folder: Path) -> ProcessFigures:
    """Run the runtime in a process of its own on a clip that shows a face; its log goes to `folder`.

    Raises:
        EdgeError: the process failed or produced no reading.
    """
    command = [sys.executable, "-m", "edge", "run", "--source", str(clip), "--log", str(folder / "log.jsonl"), "--json"]
    started = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:  # noqa: S603  # our own program
        # Typed as optional, but always set with `stdout=PIPE`.
        readings = iter(process.stdout or [])
        first = next(readings, b"")
        first_reading_s = time.monotonic() - started
        peak = max((_peak_bytes(process.pid) for _ in readings), default=0)
    if not first or process.returncode != 0:
        raise EdgeError(
            f"expected readings of {clip.name}, found exit code {process.returncode}: edge-emotion doctor names why"
        )
    return ProcessFigures(first_reading_s, peak / _BYTES_PER_MB)


def _peak_bytes(pid: int) -> int:
    """Return the highest resident memory so far; the kernel records the peak, so occasional reads do not miss it."""
    status = read_text(Path(f"/proc/{pid}/status")) or ""  # empty if the process has just ended
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0)


@dataclass(frozen=True, slots=True)
class ClockTimes:
    """A reading of two clocks.

    Attributes:
        wall_s: monotonic clock, s.
        cpu_s: CPU time of all threads of this process, s.
    """

    wall_s: float
    cpu_s: float

    @classmethod
    def now(cls) -> "ClockTimes":
        """Read both clocks."""
        return cls(time.monotonic(), time.process_time())


class MeasuredSource(Source):
    """Passes on another source's frames, and ends `seconds` after the warm-up if that source has not ended before.

    Args:
        source: the source to read.
        seconds: length of the measurement, s.
        on_start: called when the warm-up is over, on the thread that reads.

    Attributes:
        frames: number of frames since the warm-up.
        started: the clocks when the measurement started; None before.
        ended: the clocks when the measurement ended; None before.
    """

    def __init__(self, source: Source, *, seconds: float, on_start: Callable[[], None]) -> None:
        self.name = source.name
        self.live = source.live
        self.is_still_images = source.is_still_images
        self.left_out = source.left_out
        self.frames = 0
        self.started: ClockTimes | None = None
        self.ended: ClockTimes | None = None
        self._source = source
        self._seconds = seconds
        self._on_start = on_start
        self._reads = 0

    def read(self) -> Frame | None:
        """Return the next frame; None when the time is over, at the end and after `close`."""
        if self._reads == WARM_UP_FRAMES:
            self._on_start()
            self.started = ClockTimes.now()
        is_over = self.started is not None and time.monotonic() - self.started.wall_s >= self._seconds
        frame = None if is_over else self._source.read()
        self._reads += 1
        self.frames += frame is not None and self.started is not None
        if frame is None and self.ended is None:
            self.ended = ClockTimes.now()
        return frame

    def close(self) -> None:
        """Close the source."""
        self._source.close()
