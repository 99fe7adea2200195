"""Tells of the run itself in a log of changes: its start and end, times without a picture, a clock that was set."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

from edge import __version__
from edge.records import Observation
from edge.sinks.lines import Line, now

GAP_S = 10.0
"""From this long without a frame on, its end is told: as long as a camera may be silent before it counts as lost."""

STEP_S = 60.0
"""By so much the clock must have been set to be worth telling; it always drifts a little."""


class Course:
    """Turns observations into lines: `started`, `gap`, `clock`; and `stopped` at the end."""

    def __init__(self) -> None:
        self._source = ""
        self._captured_s: float | None = None
        self._clock_offset_s = _clock_offset_s()

    def lines(self, observation: Observation) -> Iterator[Line]:
        """What is to be said before `observation`; mostly nothing."""
        before_s, self._captured_s = self._captured_s, observation.captured_at
        stepped_s = _clock_offset_s() - self._clock_offset_s
        if abs(stepped_s) >= STEP_S:
            self._clock_offset_s += stepped_s
            yield self._line("clock", stepped_s=round(stepped_s, 1))
        self._source = observation.source
        if before_s is None:
            yield self._line("started", version=__version__)
        elif observation.captured_at - before_s >= GAP_S:
            yield self._line("gap", duration_s=round(observation.captured_at - before_s, 1))

    def last_lines(self) -> Iterator[Line]:
        """What is to be said when the log ends."""
        if self._captured_s is not None:
            yield self._line("stopped")

    def _line(self, event: str, **more: object) -> Line:
        return {"time": now(), "event": event, "source": self._source, **more}


def _clock_offset_s() -> float:
    """The wall clock against the one that never steps, s."""
    return datetime.now(UTC).timestamp() - time.monotonic()
