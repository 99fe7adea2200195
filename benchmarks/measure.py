"""Runs the pipeline on a film: what it costs, on which thread, how soon it answers, and what it finds."""

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import msgspec

from benchmarks.jobs import Result
from benchmarks.match import Found
from edge.benchmark.film import Film, FilmSource, cost_of_source
from edge.meters import Meters
from edge.pipeline import Pipeline
from edge.records import Box
from edge.run import build_steps
from edge.runtime.worker import Worker
from edge.settings import Settings
from edge.sinks.jsonl import JsonLinesLog


def run_film(film: Film, settings: Settings, *, live: bool = False, loops: int = 1) -> Result:
    """Run the whole pipeline with its log on `film`. One OpenCV thread, one interpreter thread.

    Not live, every frame is looked at, as fast as may be; live, frames fall due at the scene's rate.
    """
    cv2.setNumThreads(1)
    source = FilmSource(film, live=live, loops=loops)
    steps = build_steps(settings)(stills=False)
    meters = Meters()
    with tempfile.TemporaryDirectory() as folder, _thread_times() as threads:
        log = Path(folder) / "readings.jsonl"
        sink = JsonLinesLog(log, changes=None, say_none=False)
        pipeline = Pipeline(source, steps, [sink], meters, settings)
        before = time.process_time()
        pipeline.run()
        spent = time.process_time() - before
        readings, latencies = _read_log(log)
    frames = loops * len(film.frames)
    source_ms = cost_of_source(film)
    return Result(
        cpu_ms=spent / frames * 1e3 - source_ms,
        threads_ms={name: seconds / frames * 1e3 for name, seconds in threads.items()},
        source_ms=source_ms,
        found=readings,
        latencies_ms=latencies,
        frames=frames,
        dropped=frames - meters.captured + meters.dropped(),
    )


def _read_log(path: Path) -> tuple[tuple[Found, ...], tuple[float, ...]]:
    lines = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
    faces = [line for line in lines if line.get("box")]
    readings = tuple(Found(line["frame"], Box(*line["box"]), line["track"]) for line in faces)
    return readings, tuple(line["latency_ms"] for line in faces)


@contextmanager
def _thread_times() -> Iterator[dict[str, float]]:
    """Note the CPU time, s, of each worker that ends while the `with` block runs, by the worker's name."""
    times: dict[str, float] = {}
    lock = threading.Lock()
    original = Worker.run

    def run(worker: Worker) -> None:
        try:
            original(worker)
        finally:
            with lock:
                times[worker.name] = times.get(worker.name, 0.0) + time.thread_time()

    Worker.run = run  # type: ignore[method-assign]
    try:
        yield times
    finally:
        Worker.run = original  # type: ignore[method-assign]
