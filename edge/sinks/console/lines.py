"""Prints readings line by line: a plain line every second for a person, or a JSON line for each reading."""

import errno
import os
import sys
import time
from collections.abc import Callable
from typing import TextIO

import msgspec

from edge.errors import OutputClosedError, SinkError
from edge.records import MinuteCounts, Observation
from edge.sinks.base import Sink
from edge.sinks.log.lines import reading_lines

LINE_INTERVAL_S = 1.0
"""Shortest time between two plain lines, s."""


class FrameRate:
    """Measures the number of frames per second since the previous call."""

    def __init__(self, count: Callable[[], int]) -> None:
        """Start to measure.

        Args:
            count: returns how many frames have been processed so far.
        """
        self._count = count
        self._at = time.monotonic()
        self._seen = count()

    def __call__(self) -> float:
        """Return the frames per second since the previous call, or since the start."""
        now, seen = time.monotonic(), self._count()
        rate = (seen - self._seen) / max(now - self._at, 1e-6)
        self._at, self._seen = now, seen
        return rate


class PlainLines(Sink[Observation]):
    """Prints one plain line per second, for a file, a pipe or a terminal without a table."""

    name = "console"
    patience_s = LINE_INTERVAL_S / 4

    def __init__(self, *, frames: Callable[[], int], stream: TextIO) -> None:
        """Prepare to print.

        Args:
            frames: returns how many frames have been processed so far.
            stream: where the lines go.
        """
        self._rate = FrameRate(frames)
        self._stream = stream
        self._at = time.monotonic()

    def write(self, observation: Observation) -> None:
        """Print a line, unless the previous one is less than a second old.

        Raises:
            BrokenPipeError: the reader has closed the pipe.
            SinkError: the line cannot be written.
        """
        now = time.monotonic()
        if now - self._at < LINE_INTERVAL_S:
            return
        self._at = now
        line = f"frame {observation.frame_index}  {self._rate():.1f} frames/s  {_format_readings(observation)}"
        try:
            print(line, file=self._stream, flush=True)
        except OSError as error:
            if error.errno in {errno.EPIPE, errno.EIO}:
                raise  # the reader has ended, as in `| head`, or the terminal: the command line handles this error
            raise SinkError(f"the console's lines cannot be written: {error.strerror}: free some space") from error


class JsonLinesOutput(Sink[Observation]):
    """Writes every reading to standard output as a JSON line, in the format of the log, without delay."""

    name = "stdout"

    def __init__(self, *, include_empty: bool) -> None:
        """Prepare to write.

        Args:
            include_empty: also write a line for a frame without a face.
        """
        self._include_empty = include_empty

    def write(self, observation: Observation) -> None:
        """Write the lines of an observation.

        Raises:
            OutputClosedError: the reader has closed the pipe.
            SinkError: the lines cannot be written.
        """
        lines = b"".join(
            msgspec.json.encode(line) + b"\n" for line in reading_lines(observation, include_empty=self._include_empty)
        )
        try:
            sys.stdout.buffer.write(lines)
            sys.stdout.buffer.flush()
        except OSError as error:
            # Python flushes the rest at exit and would report the same error again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            if isinstance(error, BrokenPipeError):
                raise OutputClosedError("standard output was closed") from error
            raise SinkError(f"standard output cannot be written: {error.strerror}: free some space") from error


def _format_readings(observation: Observation) -> str:
    if observation.counts is not None:
        return format_counts(observation.counts)
    faces = ", ".join(
        f"face {reading.track_id} {reading.emotion} {reading.confidence:.0%}" for reading in observation.readings
    )
    return faces or "no face"


def format_counts(counts: MinuteCounts) -> str:
    """Return a minute's counts as text, the most frequent emotion first."""
    ordered = sorted(counts.emotions.items(), key=lambda item: -item[1])
    emotions = ", ".join(f"{emotion} {count}" for emotion, count in ordered)
    return f"in {counts.duration_s:.0f} s: {emotions or 'no face'}"
