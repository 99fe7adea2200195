"""Keeps the emotion of each face over the last ten minutes, as segments of a time line."""

import threading
from collections import deque

import msgspec

from edge.records import Observation

KEEP_S = 600.0
"""Length of the time line, s."""

MIN_SEGMENT_S = 1.0
"""A segment lasts this long before another one may start, s: a flickering label would fill the memory."""

MAX_SEGMENTS = 4000
"""Segments kept at most: a day with a crowd needs no more memory than one without."""


class Segment(msgspec.Struct, array_like=True):
    """A period in which a face kept one emotion.

    Attributes:
        face: track id.
        emotion: label, or `uncertain`.
        start: monotonic clock, s.
        end: monotonic clock, s; grows while the face keeps the emotion.
    """

    face: int
    emotion: str
    start: float
    end: float


class Timeline:
    """Segments of the last ten minutes. One thread adds to them; any thread may read."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # protects both collections
        self._segments: deque[Segment] = deque(maxlen=MAX_SEGMENTS)
        self._current: dict[int, Segment] = {}

    def add(self, observation: Observation) -> None:
        """Extend or start a segment for each face of an observation."""
        now_s = observation.captured_at
        with self._lock:
            for reading in observation.readings:
                self._extend(reading.track_id, reading.emotion, now_s)
            if len(self._current) > len(observation.present):
                self._current = {face: last for face, last in self._current.items() if face in observation.present}
            while self._segments and now_s - self._segments[0].end > KEEP_S:
                self._segments.popleft()

    def since(self, moment_s: float) -> list[Segment]:
        """Return copies of the segments that end after `moment_s` (monotonic clock, s), oldest first."""
        with self._lock:
            return [Segment(*msgspec.structs.astuple(last)) for last in self._segments if last.end > moment_s]

    def _extend(self, face: int, emotion: str, now_s: float) -> None:
        last = self._current.get(face)
        if last is not None:
            last.end = now_s
            if last.emotion == emotion or now_s - last.start < MIN_SEGMENT_S:
                return
        self._current[face] = segment = Segment(face, emotion, now_s, now_s)
        self._segments.append(segment)
