"""Writes observations to the log file as JSON lines."""

import logging
import time
from collections.abc import Callable, Iterable
from functools import partial
from itertools import chain
from pathlib import Path

import msgspec

from edge.device import clock
from edge.device.run_clock import RunClock
from edge.errors import printable
from edge.records import Observation
from edge.sinks.base import Sink
from edge.sinks.log.archive import Archive, LogMaintenance
from edge.sinks.log.events import ChangeEvents, PictureEvents, RunEvents
from edge.sinks.log.file import FLUSH_INTERVAL_S, LinesFile
from edge.sinks.log.lines import NO_FACTS, Line, RunFacts, reading_lines
from edge.sinks.log.rotation import Rotation, RotationPolicy

log = logging.getLogger(__name__)

CLOCK_CHECK_S = 10.0
"""Time between two checks whether the clock is set, s."""


class JsonLinesLog(Sink[Observation]):
    """Appends an observation's readings, or only the events that it causes, to the log file."""

    name = "log"
    patience_s = 2.0  # observations with readings arrive at once, and lines are collected before they are written

    def __init__(
        self,
        path: Path,
        *,
        changes: ChangeEvents | None,
        include_empty: bool,
        run_facts: RunFacts = NO_FACTS,
        retry: bool = False,
        flush_s: float = FLUSH_INTERVAL_S,
        rotation: RotationPolicy | None = None,
        is_clock_set: Callable[[], bool] = clock.is_set,
        run_clock: RunClock | None = None,
    ) -> None:
        """Set up a log; `open` opens the file.

        Args:
            path: the file; its folder is created if needed.
            changes: reduces observations to events, which are logged together with those of the run; None to log every
                reading.
            include_empty: when every reading is logged, also write a line for a frame without a face.
            run_facts: keys that the event `started` has in addition, ready for JSON.
            retry: keep lines that cannot be written, on a full disk for example, and try again, instead of raising.
            flush_s: time for which lines are collected before they are written, s.
            rotation: when the file is rotated and how much is kept; None for no rotation.
            is_clock_set: returns whether the wall clock is right; lines are marked while it is not.
            run_clock: the run's clock; None for a new one.
        """
        self.path = printable(str(path))  # for messages
        self._changes = changes
        self._run_events = RunEvents(run_facts, run_clock)
        self._picture_events = PictureEvents()
        self._include_empty = include_empty
        self._clock = ClockCheck(is_clock_set)
        self._open_file = partial(
            RotatingFile, path, retry=retry, flush_s=flush_s, policy=rotation, is_clock_set=is_clock_set
        )

    def open(self) -> None:
        """Open the file, and create its folder if needed.

        Raises:
            SinkError: the file cannot be written.
        """
        self._file = self._open_file()

    @property
    def dropped(self) -> int:
        """Lines lost because too many were waiting while the file could not be written."""
        return self._file.lines.dropped

    @property
    def error(self) -> str:
        """Why the file cannot be written at present; empty if it can."""
        return self._file.lines.error

    @property
    def clock_error(self) -> str:
        """Why the times of the lines may be wrong; empty if the clock is set."""
        return self._clock.error

    @property
    def bytes_written(self) -> int:
        """Bytes written to the file so far."""
        return self._file.lines.bytes_written

    @property
    def flushes(self) -> int:
        """Number of writes so far."""
        return self._file.lines.flushes

    def write(self, observation: Observation) -> None:
        """Log an observation; its lines reach the disk within the flush interval.

        Raises:
            SinkError: earlier lines cannot be written, and `retry` is off.
        """
        picture = self._picture_events.lines(observation)
        if self._changes is None or observation.counts is not None:
            self._add(chain(picture, reading_lines(observation, include_empty=self._include_empty)))
        else:
            self._add(chain(self._run_events.lines(observation), picture, self._changes.lines(observation)))

    def close(self) -> None:
        """Write the last events and the remaining lines, and close the file.

        Raises:
            SinkError: they cannot be written, and `retry` is off.
        """
        try:
            if self._changes is not None:
                self._add(chain(self._changes.last_lines(), self._run_events.last_lines()))
        finally:
            self._file.close()

    def _add(self, lines: Iterable[Line]) -> None:
        self._file.lines.add([msgspec.json.encode(line | self._clock.fields(line)) + b"\n" for line in lines])


class ClockCheck:
    """Marks log lines while the wall clock is not set.

    Attributes:
        error: why the times of the lines may be wrong; empty if the clock is set.
    """

    def __init__(self, is_set: Callable[[], bool]) -> None:
        self.error = ""
        self._is_set = is_set
        self._checked_s = float("-inf")

    def fields(self, line: Line) -> Line:
        """Return `{"clock": "unset"}` for a line that is written while the clock is not set, else no fields.

        The line that reports a step of the clock, and those after it, must not have the mark of the time before.
        """
        if time.monotonic() - self._checked_s >= CLOCK_CHECK_S or line.get("event") == "clock":
            self._check()
        return {"clock": clock.UNSET} if self.error else {}

    def _check(self) -> None:
        self._checked_s = time.monotonic()
        error = "" if self._is_set() else "the clock is not set yet: the log's times may be wrong"
        if error != self.error:
            log.warning("%s", error or "the clock is set now")
        self.error = error


class RotatingFile:
    """A lines file together with its archive and the thread that maintains both.

    Attributes:
        lines: the file.
    """

    def __init__(
        self,
        path: Path,
        *,
        retry: bool,
        flush_s: float,
        policy: RotationPolicy | None,
        is_clock_set: Callable[[], bool],
    ) -> None:
        """Open the file and start the maintenance thread.

        Args:
            path: the file.
            retry: keep lines that cannot be written and try again, instead of raising.
            flush_s: time for which lines are collected before they are written, s.
            policy: when the file is rotated and how much is kept; None for neither rotation nor maintenance.
            is_clock_set: returns whether the wall clock is right.

        Raises:
            SinkError: the file cannot be written.
        """
        self._maintenance: LogMaintenance | None = None
        if policy is None or (path.exists() and not path.is_file()):  # a device or a pipe cannot be rotated
            self.lines = LinesFile(path, retry=retry, flush_s=flush_s)
            return
        archive = Archive(path, policy.retention, is_clock_set=is_clock_set)
        self._maintenance = LogMaintenance(archive)
        rotation = Rotation(path, archive, policy, on_change=self._maintenance.request_tidy)
        self.lines = LinesFile(path, retry=retry, flush_s=flush_s, rotation=rotation)
        self._maintenance.start(self.lines.flush_if_due)

    def close(self) -> None:
        """Write the remaining lines, close the file and stop the thread.

        Raises:
            SinkError: the lines cannot be written, and `retry` is off.
        """
        try:
            self.lines.close()
        finally:
            if self._maintenance is not None:
                self._maintenance.close()
