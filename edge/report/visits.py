"""Counts visits, the uninterrupted appearances of a face, and how long they lasted."""

import math
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

from edge.report.period import Period

BIN_EDGES_S = (0, 1, 3, 10, 30, 60, 180, 600, 1800, 3600)
"""Lower edges of the histogram's bins, s; the last bin has no upper edge."""

_PERCENTILE_RATIO = 1.05
"""Ratio of neighbouring bins for percentiles, which are therefore accurate to 5 %."""

_MIN_DURATION_S = 0.05
"""Shorter visits share a bin for percentiles."""


@dataclass(slots=True)
class Visits:
    """Statistics of visits. A face that returns is a new visit: nobody is recognized.

    Attributes:
        period: visits that began outside of it do not count.
        count: number of visits.
        total_s: their total duration, s.
        longest_s: the longest duration, s.
        most_at_once: highest number of faces at the same time.
        by_hour: number of visits that began in each hour of the local day.
        histogram: number of visits by duration, in bins with the edges `BIN_EDGES_S`.
    """

    period: Period
    count: int = 0
    total_s: float = 0.0
    longest_s: float = 0.0
    most_at_once: int = 0
    by_hour: list[int] = field(default_factory=lambda: [0] * 24)
    histogram: list[int] = field(default_factory=lambda: [0] * len(BIN_EDGES_S))
    _percentile_bins: dict[int, int] = field(default_factory=dict)

    def add(self, begin: float, duration_s: float) -> None:
        """Count a visit that began at Unix time `begin`, s."""
        if begin not in self.period:
            return
        self.count += 1
        self.total_s += duration_s
        self.longest_s = max(self.longest_s, duration_s)
        self.by_hour[datetime.fromtimestamp(begin).hour] += 1  # naive, so in local time
        self.histogram[sum(duration_s >= edge for edge in BIN_EDGES_S) - 1] += 1
        number = math.floor(math.log(max(duration_s, _MIN_DURATION_S), _PERCENTILE_RATIO))
        self._percentile_bins[number] = self._percentile_bins.get(number, 0) + 1

    def add_simultaneous(self, faces: int, timestamp: float) -> None:
        """Record that `faces` faces were in view at the same time."""
        if faces > self.most_at_once and timestamp in self.period:
            self.most_at_once = faces

    def percentile_s(self, share: float) -> float:
        """Return the duration, s, that `share` of all visits do not exceed, accurate to 5 %."""
        wanted, passed = share * self.count, 0
        for number in sorted(self._percentile_bins):
            passed += self._percentile_bins[number]
            if passed >= wanted:
                return min(math.pow(_PERCENTILE_RATIO, number + 0.5), self.longest_s)
        return 0.0


def histogram_labels() -> list[str]:
    """Return the name of each bin of the histogram."""
    ranges = [f"{_short(low)} - {_short(high)}" for low, high in pairwise(BIN_EDGES_S)]
    return [*ranges, f"over {_short(BIN_EDGES_S[-1])}"]


def _short(seconds: int) -> str:
    if seconds < 60:  # noqa: PLR2004  # seconds in a minute
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 3600 else f"{seconds // 3600} h"  # noqa: PLR2004  # seconds in an hour
