"""Finds gaps in a log: times without a camera, or without the program running."""

import heapq
from dataclasses import dataclass, field

from edge.report.log_reader import LogLine
from edge.report.period import Period

CAMERA_LOST = "camera lost"
"""Reason of a gap without frames."""

BAD_PICTURE = "bad picture"
"""Reason of a gap in which the camera's picture showed nothing: frozen, black, covered or out of focus."""

PAUSED = "paused"
"""Reason of a gap in which the program itself was paused."""

SWITCHED_OFF = "switched off"
"""Reason of a gap between a regular stop and the next start."""

POWER_CUT = "power cut or crash"
"""Reason of a gap between a line other than `stopped` and the next start."""

SILENT = "silent"
"""Reason of a gap that no line explains."""

MIN_GAP_S = 10.0
"""Shorter gaps are restarts and do not count."""

MAX_KEPT = 200
"""Number of gaps to keep, the longest; all are counted."""

_DEFAULT_INTERVAL_S = 300.0
"""Assumed interval between two summaries until the log shows it, s."""

_MISSED_SUMMARIES = 3.0
"""Number of summaries that must be missing to make a gap."""


@dataclass(frozen=True, slots=True, order=True)
class Gap:
    """A gap, ordered by its duration.

    Attributes:
        duration_s: duration, s.
        start: Unix time, s.
        reason: one of the reasons above.
    """

    duration_s: float
    start: float
    reason: str


@dataclass(slots=True)
class Gaps:
    """The gaps of all logs.

    Attributes:
        longest: the longest gaps, as a heap.
        total: number and total seconds of all gaps, by reason.
    """

    longest: list[Gap] = field(default_factory=list)
    total: dict[str, tuple[int, float]] = field(default_factory=dict)

    def add(self, start: float, end: float, reason: str, period: Period) -> None:
        """Add the part of a gap that lies in `period`, if it is long enough."""
        start, end = max(start, period.start), min(end, period.end)
        if end - start < MIN_GAP_S:
            return
        count, seconds = self.total.get(reason, (0, 0.0))
        self.total[reason] = count + 1, seconds + end - start
        push = heapq.heappush if len(self.longest) < MAX_KEPT else heapq.heappushpop
        push(self.longest, Gap(end - start, start, reason))


class GapFinder:
    """Finds gaps between the event lines of one log.

    A log of all readings has no events, and no lines at all while nobody is in view, so it shows no gaps.
    """

    def __init__(self, gaps: Gaps, period: Period) -> None:
        self._gaps = gaps
        self._period = period
        self._previous: float | None = None
        self._stopped = False
        self._last_summary: float | None = None
        self._interval_s: float | None = None

    def add(self, line: LogLine, timestamp: float) -> None:
        """Process an event line written at Unix time `timestamp`, s."""
        previous, self._previous = self._previous, timestamp
        if line.event == "summary":
            self._learn_interval(timestamp)
        if line.event == "gap":
            reason = PAUSED if line.reason == "paused" else CAMERA_LOST
            self._gaps.add(timestamp - line.duration_s, timestamp, reason, self._period)
        elif line.event == "picture" and line.duration_s:
            self._gaps.add(timestamp - line.duration_s, timestamp, BAD_PICTURE, self._period)
        elif line.event == "started" and previous is not None:
            self._gaps.add(previous, timestamp, SWITCHED_OFF if self._stopped else POWER_CUT, self._period)
        elif previous is not None and (elapsed_s := _elapsed_s(line, previous, timestamp)) > self._max_silence_s(line):
            self._gaps.add(timestamp - elapsed_s, timestamp, SILENT, self._period)
        self._stopped = line.event == "stopped"
        if line.event in {"started", "gap", "clock"}:
            self._last_summary = None

    def _learn_interval(self, timestamp: float) -> None:
        """Take the shortest interval between two summaries as their regular one."""
        if self._last_summary is not None and timestamp - self._last_summary >= 1.0:
            self._interval_s = min(self._interval_s or float("inf"), timestamp - self._last_summary)
        self._last_summary = timestamp

    def _max_silence_s(self, line: LogLine) -> float:
        """Return the longest time before `line` that is no gap, s."""
        covered_s = line.duration_s if line.event == "counts" else 0.0
        return _MISSED_SUMMARIES * max(self._interval_s or _DEFAULT_INTERVAL_S, MIN_GAP_S) + covered_s


def _elapsed_s(line: LogLine, previous: float, timestamp: float) -> float:
    """Return the time between two lines, s; a line that says how far the clock was set takes that off."""
    elapsed_s = timestamp - previous
    if line.event != "clock":
        return elapsed_s
    corrected_s = abs(elapsed_s - line.stepped_s)
    # Times from before the clock was set for the first time are corrected already.
    return corrected_s if elapsed_s < 0 else min(elapsed_s, corrected_s)
