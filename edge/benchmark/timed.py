"""A source that lets another be measured: without its first frames, and for so long."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from edge.records import Frame
from edge.sources.base import Source

WARM_UP_FRAMES = 30
"""Left out: lazy loading, the first scan, a processor that has not yet raised its clock."""


@dataclass(frozen=True, slots=True)
class Moment:
    """wall_s: monotonic clock. cpu_s: of all threads of this process."""

    wall_s: float
    cpu_s: float


def now() -> Moment:
    """Read both clocks."""
    return Moment(time.monotonic(), time.process_time())


class TimedSource:
    """Gives the frames of `source`; ends `seconds` after the warm-up, if `source` has not ended before.

    on_start: called when the warm-up is over, on the thread that reads.
    measured: frames given since the warm-up. started, ended: when the measurement did, None before.
    """

    def __init__(self, source: Source, *, seconds: float, on_start: Callable[[], None]) -> None:
        self.name = source.name
        self.live = source.live
        self.stills = source.stills
        self.skipped = source.skipped
        self.measured = 0
        self.started: Moment | None = None
        self.ended: Moment | None = None
        self._source = source
        self._seconds = seconds
        self._on_start = on_start
        self._given = 0

    def read(self) -> Frame | None:
        """Return the next frame; None when the time is over, at the end and after `close`."""
        if self._given == WARM_UP_FRAMES:
            self._on_start()
            self.started = now()
        over = self.started is not None and time.monotonic() - self.started.wall_s >= self._seconds
        frame = None if over else self._source.read()
        self._given += 1
        self.measured += frame is not None and self.started is not None
        if frame is None and self.ended is None:
            self.ended = now()
        return frame

    def close(self) -> None:
        """Close `source`."""
        self._source.close()
