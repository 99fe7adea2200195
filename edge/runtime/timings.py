"""Counts how often a step ran and how long it took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

SAMPLES = 4096
"""How many of the newest durations the percentiles are taken from: over two minutes at 30 a second."""


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Durations in ms."""

    p50: float
    p95: float
    p99: float


class StepTimes:
    """Durations of one step. One thread writes; any may read.

    count: how often the step has run.
    """

    def __init__(self) -> None:
        self.count = 0
        self._samples: list[float] = []

    def add(self, seconds: float) -> None:
        """Take the duration of one run of the step, s."""
        if len(self._samples) < SAMPLES:
            self._samples.append(seconds)
        else:
            self._samples[self.count % SAMPLES] = seconds
        self.count += 1

    @contextmanager
    def measure(self) -> Iterator[None]:
        """Take the duration of the `with` block."""
        started = time.monotonic()
        yield
        self.add(time.monotonic() - started)

    def percentiles(self) -> Percentiles | None:
        """Nearest-rank percentiles of the newest durations; None before the first."""
        ordered = sorted(self._samples.copy())
        if not ordered:
            return None
        p50, p95, p99 = (ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1e3 for share in (0.5, 0.95, 0.99))
        return Percentiles(p50, p95, p99)
