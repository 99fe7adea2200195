"""Finds when there was nothing to log: the camera was lost, or the program did not run."""

import heapq
from dataclasses import dataclass, field

from edge.report.lines import LogLine
from edge.report.period import Period

LOST, OFF, CUT, SILENT = "camera lost", "switched off", "power cut or crash", "silent"
"""Why: no frame came; it was ended in good order; it was not; nobody knows, since no line tells."""

SHORTEST_S = 10.0
"""What is shorter is a restart."""

MOST = 200
"""Gaps that are kept, the longest; all are counted."""

_INTERVAL_S = 300.0
"""Between two summaries at most, until the log shows what it is, s."""

_MISSED = 3.0
"""So many summaries must be missing before that is a gap."""


@dataclass(frozen=True, slots=True, order=True)
class Gap:
    """start: s since 1970."""

    duration_s: float
    start: float
    reason: str


@dataclass(slots=True)
class Gaps:
    """Of all logs. longest: some, in no order. total: reason to count and seconds."""

    longest: list[Gap] = field(default_factory=list)
    total: dict[str, tuple[int, float]] = field(default_factory=dict)

    def add(self, start: float, end: float, reason: str, period: Period) -> None:
        """Add one, as far as it is in the period."""
        start, end = max(start, period.start), min(end, period.end)
        if end - start < SHORTEST_S:
            return
        count, seconds = self.total.get(reason, (0, 0.0))
        self.total[reason] = count + 1, seconds + end - start
        push = heapq.heappush if len(self.longest) < MOST else heapq.heappushpop
        push(self.longest, Gap(end - start, start, reason))


class GapFinder:
    """Looks for gaps between the lines of one log that tell of changes; one of all readings is silent without faces."""

    def __init__(self, gaps: Gaps, period: Period) -> None:
        self._gaps = gaps
        self._period = period
        self._seen: float | None = None
        self._stopped = False
        self._summary: float | None = None
        self._interval_s: float | None = None

    def look(self, line: LogLine, moment: float) -> None:
        """Take a line that has an event, written at `moment`, s since 1970."""
        seen, self._seen = self._seen, moment
        if line.event == "summary":
            self._learn(moment)
        if line.event == "gap":
            self._gaps.add(moment - line.duration_s, moment, LOST, self._period)
        elif line.event == "started" and seen is not None:
            self._gaps.add(seen, moment, OFF if self._stopped else CUT, self._period)
        elif seen is not None and moment - seen > self._longest_silence_s(line):
            self._gaps.add(seen, moment, SILENT, self._period)
        self._stopped = line.event == "stopped"
        if line.event in {"started", "gap", "clock"}:
            self._summary = None

    def _learn(self, moment: float) -> None:
        if self._summary is not None and moment - self._summary >= 1.0:
            self._interval_s = min(self._interval_s or float("inf"), moment - self._summary)
        self._summary = moment

    def _longest_silence_s(self, line: LogLine) -> float:
        return _MISSED * max(self._interval_s or _INTERVAL_S, SHORTEST_S) + (
            line.duration_s if line.event == "counts" else 0.0
        )
