"""Writes readings as JSON lines, to a file or to standard output."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec

from edge.errors import OutputClosedError, SinkError
from edge.records import Observation
from edge.sinks.changes import Changes
from edge.sinks.lines import Line, reading_lines
from edge.sinks.lines_file import LinesFile


class JsonLinesLog:
    """Appends lines to a file.

    changes: writes only what changed; None writes every reading.
    say_none: where every reading is written, a line for a frame without a face, too.
    retry: what cannot be written, on a full disk for one, is tried again; else it is an error.
    """

    name = "log"

    def __init__(self, path: Path, *, changes: Changes | None, say_none: bool, retry: bool = False) -> None:
        """Open the file, and its folder where there is none.

        Raises:
            SinkError: they cannot be written.
        """
        self.path = str(path)
        self._changes = changes
        self._say_none = say_none
        self._file = LinesFile(path, retry=retry)

    @property
    def dropped(self) -> int:
        """Lines that had no place while the file could not be written."""
        return self._file.dropped

    @property
    def error(self) -> str:
        """Why the file cannot be written now, else empty."""
        return self._file.error

    def write(self, observation: Observation) -> None:
        """Take an observation; its lines reach the disk within about a second."""
        if self._changes is None or observation.counts is not None:
            self._add(reading_lines(observation, say_none=self._say_none))
        else:
            self._add(self._changes.lines(observation))

    def close(self) -> None:
        """Write what is left, and close the file."""
        try:
            if self._changes is not None:
                self._add(self._changes.last_lines())
        finally:
            self._file.close()

    def _add(self, lines: Iterable[Line]) -> None:
        self._file.add([msgspec.json.encode(line) + b"\n" for line in lines])


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
