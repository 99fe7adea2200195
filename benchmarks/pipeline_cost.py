"""Runs the pipeline on rendered frames: CPU time by thread, latency of each reading, detected faces."""

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import msgspec

from benchmarks.detection_metrics import DetectedFace
from benchmarks.workloads import Measurement
from edge.benchmark.memory_source import MemorySource, SceneFrames, source_cost_ms
from edge.counters import Counters
from edge.pipeline.build import build_steps
from edge.pipeline.pipeline import Pipeline
from edge.records import Box
from edge.runtime.workers import Worker
from edge.settings.schema import Settings
from edge.sinks.log.jsonl import JsonLinesLog


def measure_pipeline(rendered: SceneFrames, settings: Settings, *, live: bool = False, loops: int = 1) -> Measurement:
    """Run the whole pipeline with its log, on one OpenCV thread and one interpreter thread.

    Args:
        rendered: the frames.
        settings: of the pipeline.
        live: deliver frames at the scene's rate; otherwise every frame is processed, as fast as possible.
        loops: repetitions of the frames.
    """
    cv2.setNumThreads(1)
    source = MemorySource(rendered, live=live, loops=loops)
    steps = build_steps(settings)(is_still_images=False)
    counters = Counters()
    with tempfile.TemporaryDirectory() as folder, _thread_times() as threads:
        log = Path(folder) / "readings.jsonl"
        sink = JsonLinesLog(log, changes=None, include_empty=False)
        sink.open()
        pipeline = Pipeline(source, steps, [sink], counters, settings)
        before_s = time.process_time()
        pipeline.run()
        spent_s = time.process_time() - before_s
        detected, latencies_ms = _read_log(log)
    frames = loops * len(rendered.frames)
    source_ms = source_cost_ms(rendered)
    return Measurement(
        cpu_ms=spent_s / frames * 1e3 - source_ms,
        threads_ms={name: seconds / frames * 1e3 for name, seconds in threads.items()},
        source_ms=source_ms,
        detected=detected,
        latencies_ms=latencies_ms,
        frames=frames,
        dropped=frames - counters.captured + counters.dropped,
    )


def _read_log(path: Path) -> tuple[tuple[DetectedFace, ...], tuple[float, ...]]:
    lines = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
    faces = [line for line in lines if line.get("box")]
    detected = tuple(DetectedFace(line["frame"], Box(*line["box"]), line["track"]) for line in faces)
    return detected, tuple(line["latency_ms"] for line in faces)


@contextmanager
def _thread_times() -> Iterator[dict[str, float]]:
    """Record the CPU time, s, of each worker that ends inside the `with` block, by the worker's name."""
    times: dict[str, float] = {}
    lock = threading.Lock()
    original = Worker.run

    def run(worker: Worker) -> None:
        try:
            original(worker)
        finally:
            with lock:
                times[worker.name] = times.get(worker.name, 0.0) + time.thread_time()

    Worker.run = run  # type: ignore[method-assign]  # no other way to measure in the worker's own thread
    try:
        yield times
    finally:
        Worker.run = original  # type: ignore[method-assign]  # restores the original
