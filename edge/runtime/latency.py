"""Counts how often a step ran, and how long it took."""

import math
import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate

SAMPLES = 4096
"""Number of newest durations that the percentiles are computed from: over two minutes at 30 a second."""

BOUNDS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Upper ends of the histogram's buckets, s: from the smallest step on a desktop to a camera's stall on a Zero."""


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Percentiles of durations, ms."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class Histogram:
    """Cumulative histogram of all durations so far.

    Attributes:
        counts: upper bound of a duration, s (up to infinity), to the number of durations within it.
        total_s: sum of all durations, s.
    """

    counts: dict[float, int]
    total_s: float


class StepTimes:
    """Durations of one step. One thread writes; any may read.

    Attributes:
        count: how often the step has run.
    """

    def __init__(self) -> None:
        self.count = 0
        self._samples: list[float] = []
        self._buckets = [0] * (len(BOUNDS_S) + 1)
        self._total_s = 0.0

    def add(self, seconds: float) -> None:
        """Add the duration of one run of the step, s."""
        if len(self._samples) < SAMPLES:
            self._samples.append(seconds)
        else:
            self._samples[self.count % SAMPLES] = seconds
        self._buckets[bisect_left(BOUNDS_S, seconds)] += 1
        self._total_s += seconds
        self.count += 1

    @contextmanager
    def measure(self) -> Iterator[None]:
        """Add the duration of the `with` block."""
        started = time.monotonic()
        yield
        self.add(time.monotonic() - started)

    def percentiles(self) -> Percentiles | None:
        """Return nearest-rank percentiles of the newest durations; None before the first."""
        ordered = sorted(self._samples.copy())
        if not ordered:
            return None
        p50, p95, p99 = (ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1e3 for share in (0.5, 0.95, 0.99))
        return Percentiles(p50, p95, p99)

    def histogram(self) -> Histogram:
        """Return the histogram of all durations so far."""
        total_s = self._total_s
        return Histogram(dict(zip((*BOUNDS_S, math.inf), accumulate(self._buckets.copy()), strict=True)), total_s)
