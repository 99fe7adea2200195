"""Writes readings as JSON lines, to a file or to standard output."""

import os
import sys
from collections.abc import Callable, Iterable
from itertools import chain
from pathlib import Path

import msgspec

from edge import clock
from edge.errors import OutputClosedError, SinkError
from edge.records import Observation
from edge.sinks.changes import Changes
from edge.sinks.clock_mark import ClockMark
from edge.sinks.course import Course
from edge.sinks.kept_file import KeptFile
from edge.sinks.lines import Line, reading_lines
from edge.sinks.lines_file import FLUSH_INTERVAL_S
from edge.sinks.rotation import Keeping


class JsonLinesLog:
    """Appends lines to a file.

    changes: writes only what changed, and how the run went; None writes every reading.
    say_none: where every reading is written, a line for a frame without a face, too.
    retry: what cannot be written, on a full disk for one, is tried again; else it is an error.
    flush_s: lines are gathered for this long before they are written, s.
    keeping: when the file is rotated and what is kept; None is never, and all.
    is_clock_set: whether the wall clock can be believed; lines say so where it cannot.
    """

    name = "log"
    patience_s = 2.0  # what is new comes at once; lines are gathered before they are written, anyway

    def __init__(
        self,
        path: Path,
        *,
        changes: Changes | None,
        say_none: bool,
        retry: bool = False,
        flush_s: float = FLUSH_INTERVAL_S,
        keeping: Keeping | None = None,
        is_clock_set: Callable[[], bool] = clock.is_set,
    ) -> None:
        """Open the file, and its folder where there is none.

        Raises:
            SinkError: they cannot be written.
        """
        self.path = str(path)
        self._changes = changes
        self._course = Course()
        self._say_none = say_none
        self._mark = ClockMark(is_clock_set)
        self._file = KeptFile(path, retry=retry, flush_s=flush_s, keeping=keeping, is_clock_set=is_clock_set)

    @property
    def dropped(self) -> int:
        """Lines that had no place while the file could not be written."""
        return self._file.lines.dropped

    @property
    def error(self) -> str:
        """Why the file cannot be written now, else empty."""
        return self._file.lines.error

    @property
    def clock_error(self) -> str:
        """Why the lines' times cannot be believed, else empty."""
        return self._mark.error

    @property
    def bytes_written(self) -> int:
        """So far."""
        return self._file.lines.bytes_written

    @property
    def flushes(self) -> int:
        """How often something was written so far."""
        return self._file.lines.flushes

    def write(self, observation: Observation) -> None:
        """Take an observation; its lines reach the disk within about a second, or what `flush_s` says."""
        if self._changes is None or observation.counts is not None:
            self._add(reading_lines(observation, say_none=self._say_none))
        else:
            self._add(chain(self._course.lines(observation), self._changes.lines(observation)))

    def close(self) -> None:
        """Write what is left, and close the file."""
        try:
            if self._changes is not None:
                self._add(chain(self._changes.last_lines(), self._course.last_lines()))
        finally:
            self._file.close()

    def _add(self, lines: Iterable[Line]) -> None:
        self._file.lines.add([msgspec.json.encode(line | self._mark()) + b"\n" for line in lines])


class JsonLinesOutput:
    """Writes every reading to standard output at once, for a pipe."""

    name = "stdout"

    def __init__(self, *, say_none: bool) -> None:
        self._say_none = say_none

    def write(self, observation: Observation) -> None:
        """Write the observation's lines.

        Raises:
            OutputClosedError: nobody reads any more.
            SinkError: it cannot be written.
        """
        lines = b"".join(
            msgspec.json.encode(line) + b"\n" for line in reading_lines(observation, say_none=self._say_none)
        )
        try:
            sys.stdout.buffer.write(lines)
            sys.stdout.buffer.flush()
        except OSError as error:
            # Python would complain once more when it flushes what is left at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            if isinstance(error, BrokenPipeError):
                raise OutputClosedError("standard output was closed") from error
            raise SinkError(f"standard output cannot be written: {error.strerror}: free some space") from error

    def close(self) -> None:
        """Nothing is left to write."""
