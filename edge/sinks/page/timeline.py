"""Remembers what was said of each face in the last ten minutes."""

import threading
from collections import deque

import msgspec

from edge.records import Observation

KEEP_S = 600.0

LEAST_S = 1.0
"""A stretch lasts this long before another one begins, s: a name that flickers would fill the memory."""

MOST = 4000
"""Stretches that are kept: a day with a crowd needs no more memory than one without."""


class Stretch(msgspec.Struct, array_like=True):
    """A face had one name for a while. start, end: monotonic clock, s."""

    face: int
    emotion: str
    start: float
    end: float


class Timeline:
    """Stretches of the last ten minutes. One thread adds; any may read."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # protects both
        self._stretches: deque[Stretch] = deque(maxlen=MOST)
        self._open: dict[int, Stretch] = {}

    def add(self, observation: Observation) -> None:
        """Take what is said of each face of a frame."""
        now_s = observation.captured_at
        with self._lock:
            for reading in observation.readings:
                self._extend(reading.track_id, reading.emotion, now_s)
            if len(self._open) > len(observation.present):
                self._open = {face: last for face, last in self._open.items() if face in observation.present}
            while self._stretches and now_s - self._stretches[0].end > KEEP_S:
                self._stretches.popleft()

    def since(self, moment_s: float) -> list[Stretch]:
        """Return what has begun or gone on after `moment_s`, monotonic clock, oldest first."""
        with self._lock:
            return [Stretch(*msgspec.structs.astuple(last)) for last in self._stretches if last.end > moment_s]

    def _extend(self, face: int, emotion: str, now_s: float) -> None:
        last = self._open.get(face)
        if last is not None:
            last.end = now_s
            if last.emotion == emotion or now_s - last.start < LEAST_S:
                return
        self._open[face] = stretch = Stretch(face, emotion, now_s, now_s)
        self._stretches.append(stretch)
