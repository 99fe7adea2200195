"""Counts faces and how long they stayed."""

import math
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

from edge.report.period import Period

EDGES_S = (0, 1, 3, 10, 30, 60, 180, 600, 1800, 3600)
"""Where the bars of the histogram begin, s; the last one has no end."""

_FINE = 1.05
"""Ratio of two neighbouring bins that percentiles are read from: they are right to 5 %."""

_LEAST_S = 0.05


@dataclass(slots=True)
class Stays:
    """Faces that came and went. A face that comes back counts again: nobody is recognized.

    period: those that came outside of it do not count.
    count, total_s, longest_s: of all. most: faces at once. by_hour: how many came in each hour of the local day.
    """

    period: Period
    count: int = 0
    total_s: float = 0.0
    longest_s: float = 0.0
    most: int = 0
    by_hour: list[int] = field(default_factory=lambda: [0] * 24)
    bars: list[int] = field(default_factory=lambda: [0] * len(EDGES_S))
    _fine: dict[int, int] = field(default_factory=dict)

    def add(self, begin: float, duration_s: float) -> None:
        """A face came at `begin`, s since 1970, and stayed for so long."""
        if not self.period.start <= begin < self.period.end:
            return
        self.count += 1
        self.total_s += duration_s
        self.longest_s = max(self.longest_s, duration_s)
        self.by_hour[datetime.fromtimestamp(begin).hour] += 1  # the local hour is what is asked for
        self.bars[sum(duration_s >= edge for edge in EDGES_S) - 1] += 1
        fine = math.floor(math.log(max(duration_s, _LEAST_S), _FINE))
        self._fine[fine] = self._fine.get(fine, 0) + 1

    def see(self, faces: int, moment: float) -> None:
        """So many faces were there at once."""
        if faces > self.most and self.period.start <= moment < self.period.end:
            self.most = faces

    def percentile_s(self, share: float) -> float:
        """How long at most this share of all stayed, s; to 5 %."""
        wanted, seen = share * self.count, 0
        for fine in sorted(self._fine):
            seen += self._fine[fine]
            if seen >= wanted:
                return min(math.pow(_FINE, fine + 0.5), self.longest_s)
        return 0.0


def bar_names() -> list[str]:
    """What the bars of the histogram are called."""
    return [f"{_short(low)} - {_short(high)}" for low, high in pairwise(EDGES_S)] + [f"over {_short(EDGES_S[-1])}"]


def _short(seconds: int) -> str:
    if seconds < 60:  # noqa: PLR2004  # s in a minute
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 3600 else f"{seconds // 3600} h"  # noqa: PLR2004  # s in an hour
