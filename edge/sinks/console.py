"""Prints a plain line a second: for a file, a pipe, a journal."""

import time
from collections.abc import Callable
from typing import TextIO

from edge.errors import SinkError
from edge.records import Counts, Observation

LINE_S = 1.0


class Rate:
    """Frames a second since it was last asked.

    count: gives how many frames were processed so far.
    """

    def __init__(self, count: Callable[[], int]) -> None:
        self._count = count
        self._at = time.monotonic()
        self._seen = count()

    def __call__(self) -> float:
        """Frames a second."""
        now, seen = time.monotonic(), self._count()
        rate = (seen - self._seen) / max(now - self._at, 1e-6)
        self._at, self._seen = now, seen
        return rate


class PlainLines:
    """One line a second. frames: gives how many frames were processed so far."""

    name = "console"
    patience_s = LINE_S / 4

    def __init__(self, *, frames: Callable[[], int], stream: TextIO) -> None:
        self._rate = Rate(frames)
        self._stream = stream
        self._at = time.monotonic()

    def write(self, observation: Observation) -> None:
        """Write a line, unless one was written less than a second ago."""
        now = time.monotonic()
        if now - self._at < LINE_S:
            return
        self._at = now
        line = f"frame {observation.frame_index}  {self._rate():.1f} frames/s  {_words(observation)}"
        try:
            print(line, file=self._stream, flush=True)
        except BrokenPipeError:
            raise  # the reader has ended, as in `| head`: the command line knows what to do
        except OSError as error:
            raise SinkError(f"the console's lines cannot be written: {error.strerror}: free some space") from error

    def close(self) -> None:
        """Nothing is left to write."""


def _words(observation: Observation) -> str:
    if observation.counts is not None:
        return count_words(observation.counts)
    faces = ", ".join(
        f"face {reading.track_id} {reading.emotion} {reading.confidence:.0%}" for reading in observation.readings
    )
    return faces or "no face"


def count_words(counts: Counts) -> str:
    """How often each emotion was seen in a minute, the commonest first."""
    ordered = sorted(counts.emotions.items(), key=lambda item: -item[1])
    emotions = ", ".join(f"{emotion} {count}" for emotion, count in ordered)
    return f"in {counts.duration_s:.0f} s: {emotions or 'no face'}"
