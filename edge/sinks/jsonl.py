"""Writes readings as JSON lines, to a file or to standard output."""

import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

from edge.errors import OutputClosedError, SinkError
from edge.records import Observation
from edge.sinks.changes import Changes
from edge.sinks.lines import Line, reading_lines

FLUSH_INTERVAL_S = 1.0
"""Lines are gathered for this long and written at once: an SD card wears by writes, not by bytes."""


class JsonLinesLog:
    """Appends lines to a file.

    changes: writes only what changed; None writes every reading.
    say_none: where every reading is written, a line for a frame without a face, too.
    """

    name = "log"

    def __init__(self, path: Path, *, changes: Changes | None, say_none: bool) -> None:
        """Open the file, and its folder where there is none.

        Raises:
            SinkError: they cannot be written.
        """
        self._path = path
        self._changes = changes
        self._say_none = say_none
        self._pending: list[bytes] = []
        self._flushed_at = time.monotonic()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Unbuffered: batches are made here, and a failed write leaves nothing behind to fail again.
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise SinkError(
                f"{path}: expected a log file that can be written, found: {error.strerror}: see --log"
            ) from error

    def write(self, observation: Observation) -> None:
        """Take an observation; its lines reach the disk within about a second."""
        if self._changes is None:
            self._gather(reading_lines(observation, say_none=self._say_none))
        else:
            self._gather(self._changes.lines(observation))
        if time.monotonic() - self._flushed_at >= FLUSH_INTERVAL_S:
            self._flush()

    def close(self) -> None:
        """Write what is left, and close the file."""
        if self._changes is not None:
            self._gather(self._changes.last_lines())
        try:
            self._flush()
        finally:
            self._file.close()

    def _gather(self, lines: Iterable[Line]) -> None:
        self._pending += [msgspec.json.encode(line) + b"\n" for line in lines]

    def _flush(self) -> None:
        """Write whole lines at once, so that a reader or a power cut meets as few torn ones as can be."""
        self._flushed_at = time.monotonic()
        if not self._pending:
            return
        try:
            rest = memoryview(b"".join(self._pending))
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise SinkError(f"{self._path}: the log cannot be written: {error.strerror}: free some space") from error
        self._pending.clear()


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
