"""Runs the whole pipeline on a source: how many frames, how soon, at what cost."""

import tempfile
from collections import Counter
from pathlib import Path

import msgspec

from edge.benchmark.timed import WARM_UP_FRAMES, TimedSource
from edge.errors import MediaError
from edge.meters import Meters
from edge.pipeline import Pipeline
from edge.run import build_steps
from edge.runtime.timings import StepTimes
from edge.settings import Settings
from edge.sinks.jsonl import JsonLinesLog
from edge.sources.base import Source


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What one run gave, its warm-up left out.

    source: its name. live: against the clock, with frames that are dropped when they come too fast; else every frame,
    as fast as may be. faces: readings a frame, on average. fps: frames processed a second. cpu_ms: of all threads, a
    frame. p50, p95, p99: from the frame in memory to its readings, ms.
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


def measure(source: Source, settings: Settings, *, seconds: float) -> Figures:
    """Run the pipeline with its log for so long, or until the source ends; the source is closed.

    Raises:
        EdgeError: what a run may fail with; MediaError: the source ended within the warm-up.
    """
    meters = Meters()
    before = 0

    def begin() -> None:
        nonlocal before
        before = meters.dropped()
        meters.latency, meters.emotions = StepTimes(), Counter()

    timed = TimedSource(source, seconds=seconds, on_start=begin)
    with tempfile.TemporaryDirectory() as folder:
        log = JsonLinesLog(Path(folder) / "readings.jsonl", changes=None, say_none=False)
        Pipeline(timed, build_steps(settings)(stills=False), [log], meters, settings).run()
    times = meters.latency.percentiles()
    if timed.started is None or timed.ended is None or times is None or timed.measured == 0:
        raise MediaError(
            f"{source.name}: expected more than {WARM_UP_FRAMES} frames, found no more: give another source"
        )
    dropped = meters.dropped() - before
    # What was under way when the warm-up ended cost time in here, what is under way at the end does not: they cancel.
    frames = timed.measured - dropped
    return Figures(
        source=source.name,
        live=source.live,
        faces=meters.emotions.total() / meters.latency.count,
        frames=frames,
        fps=frames / (timed.ended.wall_s - timed.started.wall_s),
        cpu_ms=(timed.ended.cpu_s - timed.started.cpu_s) / frames * 1e3,
        p50=times.p50,
        p95=times.p95,
        p99=times.p99,
        dropped=dropped,
    )
