"""Measures every figure of the table."""

import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import full_frame_haar
from benchmarks.ablations import CROSSING, DEFAULT_TRACKER, identity_switches
from benchmarks.baselines import LOOPS
from benchmarks.entry_latency import entry_latencies
from benchmarks.results import LiveFigures, PeerFigures, Quality, SceneFigures, SuiteFigures
from benchmarks.worker import PEERS_PYTHON, PIPELINE, WorkerProcess
from benchmarks.workloads import Measurement, Workload, score_workload
from edge.benchmark.measure import ProcessFigures, measure_process
from edge.scenes.catalogue import make_scene
from edge.scenes.render import write_clip

ROUNDS = 3
STARTS = 5
VGA_HEIGHT = 480

COMPARED_EVERY = 4
"""Recall and precision are compared in every fourth frame: full-frame Haar searches the whole image each time."""

COMPARED_FRAMES = 300

WORKLOADS = (
    Workload("empty", count=1800),  # a minute, so that the initial scan weighs little
    Workload("one"),
    Workload("slow"),
    Workload("three"),
    Workload("five"),
    Workload("fast"),
    CROSSING,
    Workload("slow", width=1280, height=720),
    Workload("three", width=1280, height=720),
)

PEER_FRAMES = {"empty": 10, "slow": 30, "three": 30, "five": 20}
"""Number of frames for the baseline loops, by scene; they process each frame independently, so a sample is enough."""

LATENCY = Workload("three", live=True)
IDLE = Workload("empty", count=240, live=True)
ENTRIES = Workload("entrances", count=438, live=True, loops=3)
LIVE_FPS = 30.0

PHOTOS = Path(os.environ.get("EDGE_EMOTION_DATA", "../shared/datasets")) / "photos"
"""Photographs with one main face each; they are not part of the repository."""

Results = Mapping[tuple[str, Workload], Sequence[Measurement]]
"""The rounds' measurements by kind of candidate and workload."""


def measure_suite(*, peers: bool, on_step: Callable[[str], None]) -> SuiteFigures:
    """Measure every figure, in about three minutes, or five with the baseline loops.

    Args:
        peers: also measure the baseline loops, which need an environment of their own.
        on_step: called with the name of each step.
    """
    pipeline = WorkerProcess(PIPELINE)
    workers = [pipeline]
    try:
        if peers:
            workers += [WorkerProcess(kind, PEERS_PYTHON) for kind in LOOPS]
        results = _measure_rounds(workers, on_step)
        on_step("latency, entries, identity")
        live = _measure_live(pipeline)
        simpler_switches = identity_switches(pipeline)
    finally:
        for worker in workers:
            worker.close()
    ours = {workload: results[PIPELINE, workload] for workload in WORKLOADS}
    own_switches = score_workload(CROSSING, ours[CROSSING][0].detected).switches
    on_step("detections of full-frame Haar")
    compared = _compare_detections(ours)
    on_step("start-up, memory, photographs")
    starts = measure_starts()
    return SuiteFigures(
        scenes={workload.label: _scene_figures(workload, rounds) for workload, rounds in ours.items()},
        compared=compared,
        ratios=_scene_ratios(ours),
        peers=_peer_figures(results, ours),
        live=live,
        switches={DEFAULT_TRACKER: own_switches, **simpler_switches},
        starts_s=[start.first_reading_s for start in starts],
        peak_mb=max(start.peak_mb for start in starts),
        photos=share_of_photos(),
    )


def measure_starts() -> list[ProcessFigures]:
    """Start the runtime several times, on a clip that shows a face from its first frame."""
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        write_clip(make_scene("slow", duration_s=3), clip)
        return [measure_process(clip, Path(folder)) for _ in range(STARTS)]


def share_of_photos(folder: Path = PHOTOS) -> tuple[float, int] | None:
    """Return the share of the photographs with a detected face, and their number; None if there are none."""
    if not folder.is_dir():
        return None
    with tempfile.TemporaryDirectory() as log:
        command = [sys.executable, "-m", "edge", "run", "--source", str(folder), "--log", f"{log}/log.jsonl", "--json"]
        output = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout
    lines = [json.loads(line) for line in output.splitlines()]
    processed = {line["frame"] for line in lines}
    with_face = {line["frame"] for line in lines if line["box"]}
    return len(with_face) / len(processed), len(processed)


def _measure_rounds(
    workers: Sequence[WorkerProcess], on_step: Callable[[str], None]
) -> dict[tuple[str, Workload], list[Measurement]]:
    """Measure each workload with every candidate in turn, several times, so that a busy machine affects all alike."""
    results: dict[tuple[str, Workload], list[Measurement]] = {}
    for number in range(ROUNDS):
        for workload in WORKLOADS:
            on_step(f"round {number + 1} of {ROUNDS}: {workload.label}")
            for worker in workers:
                part = workload if worker.kind == PIPELINE else _peer_workload(workload)
                if part is not None:
                    results.setdefault((worker.kind, workload), []).append(worker.measure(part))
    return results


def _peer_workload(workload: Workload) -> Workload | None:
    """Return the frames of a workload that the baseline loops process; None if they skip it."""
    if workload.scene not in PEER_FRAMES or workload.height != VGA_HEIGHT:
        return None
    return replace(workload, every=workload.count // PEER_FRAMES[workload.scene])


def _measure_live(pipeline: WorkerProcess) -> LiveFigures:
    three, idle, entries = (pipeline.measure(workload) for workload in (LATENCY, IDLE, ENTRIES))
    latencies = entry_latencies(ENTRIES.find_scene(), entries.detected, entries.latencies_ms, loops=ENTRIES.loops)
    after_half = [latency.after_half for latency in latencies]
    bound = [
        (frame - entry.first) / LIVE_FPS
        for entry, frame in full_frame_haar.frames_until_detected()
        if frame is not None
    ]
    return LiveFigures(
        cpu_ms=three.cpu_ms,
        idle_cpu_ms=idle.cpu_ms,
        latency_ms=[_percentile(three.latencies_ms, share) for share in (0.5, 0.95, 0.99)],
        dropped=three.dropped,
        arrivals=len(latencies),
        never=after_half.count(math.inf),
        arrival_p95_s=_finite(_percentile(after_half, 0.95)),
        arrival_whole_p95_s=_finite(_percentile([latency.after_whole for latency in latencies], 0.95)),
        full_frame_p95_s=_percentile(bound, 0.95),
    )


def _scene_figures(workload: Workload, rounds: Sequence[Measurement]) -> SceneFigures:
    score = score_workload(workload, rounds[0].detected)
    middle = sorted(rounds, key=lambda measurement: measurement.cpu_ms)[len(rounds) // 2]
    return SceneFigures(
        cpu_ms=_median_cpu_ms(rounds),
        rounds_ms=[measurement.cpu_ms for measurement in rounds],
        source_ms=middle.source_ms,
        threads_ms={name: middle.threads_ms[name] for name in rounds[0].threads_ms},
        recall=score.recall,
        precision=score.precision,
        switches=score.switches,
        repeats=all(measurement.detected == rounds[0].detected for measurement in rounds),
    )


def _compare_detections(ours: Mapping[Workload, Sequence[Measurement]]) -> dict[str, dict[str, Quality]]:
    workloads = [workload for workload in ours if workload.height == VGA_HEIGHT]
    samples = [
        replace(workload, every=COMPARED_EVERY, count=min(workload.count, COMPARED_FRAMES)) for workload in workloads
    ]
    detected = full_frame_haar.detect_all(samples)
    compared: dict[str, dict[str, Quality]] = {}
    for workload, sample in zip(workloads, samples, strict=True):
        by_name = {"edge-emotion": ours[workload][0].detected}
        by_name |= {detector.name: detected[sample.label, detector.name] for detector in full_frame_haar.DETECTORS}
        scores = {name: score_workload(sample, faces) for name, faces in by_name.items()}
        compared[workload.label] = {name: Quality(score.recall, score.precision) for name, score in scores.items()}
    return compared


def _scene_ratios(ours: Mapping[Workload, Sequence[Measurement]]) -> dict[str, float]:
    by_label = {workload.label: rounds for workload, rounds in ours.items()}
    return {
        "five faces / one": _median_ratio(by_label["five 640x480"], by_label["slow 640x480"]),
        "one face, 720p / VGA": _median_ratio(by_label["slow 1280x720"], by_label["slow 640x480"]),
        "three faces, 720p / VGA": _median_ratio(by_label["three 1280x720"], by_label["three 640x480"]),
    }


def _peer_figures(
    results: Results, ours: Mapping[Workload, Sequence[Measurement]]
) -> dict[str, dict[str, PeerFigures]]:
    figures: dict[str, dict[str, PeerFigures]] = {}
    for (kind, workload), rounds in results.items():
        part = _peer_workload(workload)
        if kind == PIPELINE or part is None:
            continue
        score = score_workload(part, rounds[0].detected)
        ratio = _median_ratio(rounds, ours[workload])
        figures.setdefault(workload.label, {})[kind] = PeerFigures(
            _median_cpu_ms(rounds), ratio, score.recall, score.precision
        )
    return figures


def _median_cpu_ms(rounds: Sequence[Measurement]) -> float:
    return statistics.median(measurement.cpu_ms for measurement in rounds)


def _median_ratio(slower: Sequence[Measurement], faster: Sequence[Measurement]) -> float:
    """Return the median of the rounds' ratios of CPU time."""
    return statistics.median(a.cpu_ms / b.cpu_ms for a, b in zip(slower, faster, strict=True))


def _percentile(values: Sequence[float], share: float) -> float | None:
    """Return the percentile by nearest rank; None of no values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


def _finite(value: float | None) -> float | None:
    """Return None for infinity, which JSON does not have."""
    return None if value == math.inf else value
