"""Measures the pipeline against the clock, with a camera of 30 frames a second: latency, entrances, identity."""

import math
from dataclasses import dataclass

from benchmarks.contenders import Contender
from benchmarks.entrances import Entrance, entrances, first_found
from benchmarks.jobs import Job, Result, score_job
from benchmarks.match import Found
from edge.settings import Settings

LATENCY_JOB = Job("three", live=True)
IDLE_JOB = Job("empty", count=240, live=True)
ENTRANCES_JOB = Job("entrances", count=438, live=True, loops=3)
CROSSING_JOB = Job("crossing", count=240)


@dataclass(frozen=True, slots=True)
class Arrival:
    """How long an entering face was without a track, s.

    after_half: since half of it was seen. after_whole: since 95 % of it was. None: it never had one.
    """

    after_half: float | None
    after_whole: float | None

    @property
    def half_or_never(self) -> float:
        """For a percentile: never is later than anything."""
        return math.inf if self.after_half is None else self.after_half

    @property
    def whole_or_never(self) -> float:
        """Likewise."""
        return math.inf if self.after_whole is None else self.after_whole


def percentile(values: list[float] | tuple[float, ...], share: float) -> float | None:
    """Nearest rank; None of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


def arrivals(job: Job, result: Result) -> list[Arrival]:
    """Tell for each entrance how long it took until the first reading, which is later than its frame."""
    scene = job.find_scene()
    by_frame: dict[int, list[Found]] = {}
    latency_s: dict[int, float] = {}
    for item, milliseconds in zip(result.found, result.latencies_ms, strict=True):
        by_frame.setdefault(item.frame, []).append(item)
        latency_s[item.frame] = milliseconds / 1e3
    found: list[Arrival] = []
    for loop in range(job.loops):
        for entrance in entrances(scene):
            frame = first_found(scene, entrance, by_frame, loop=loop)
            found.append(_arrival(entrance, frame, loop * scene.frame_count, scene.fps, latency_s))
    return found


def _arrival(entrance: Entrance, frame: int | None, before: int, fps: float, latency_s: dict[int, float]) -> Arrival:
    if frame is None:
        return Arrival(None, None)
    half = (frame - before - entrance.first) / fps + latency_s[frame]
    whole = (frame - before - entrance.whole) / fps + latency_s[frame]
    return Arrival(half, max(whole, 0.0))


def identity_switches(contender: Contender, settings: Settings) -> int:
    """How often a face changes its track while two cross."""
    return score_job(CROSSING_JOB, contender.measure(CROSSING_JOB, settings).found).switches
