"""Reduces readings to counts by emotion and minute, for `privacy.counts_only`."""

from collections import Counter
from dataclasses import dataclass, field

from edge.counters import MINUTE_S
from edge.records import MinuteCounts, Observation


@dataclass(slots=True)
class _Minute:
    """Counts since `started_s`, on the source's own time line, s."""

    started_s: float
    frames: int = 0
    frames_with_face: int = 0
    most_faces: int = 0
    emotions: Counter[str] = field(default_factory=Counter)
    newest: Observation | None = None

    def take(self, observation: Observation) -> None:
        faces = len(observation.readings)
        self.frames += 1
        self.frames_with_face += bool(faces)
        self.most_faces = max(self.most_faces, faces)
        self.emotions.update(reading.emotion for reading in observation.readings)
        self.newest = observation


class MinuteCounter:
    """Sums observations up, minute by minute on the source's own time line. Only one thread may use it."""

    def __init__(self) -> None:
        self._minute: _Minute | None = None

    def add(self, observation: Observation) -> Observation | None:
        """Add a frame's observation; return the counts of the minute before it if that minute has ended, else None."""
        minute, media_time_s = self._minute, observation.media_time_s
        counted = self.rest() if minute and media_time_s >= minute.started_s + MINUTE_S else None
        if self._minute is None:
            self._minute = _Minute(media_time_s)
        self._minute.take(observation)
        return counted

    def rest(self) -> Observation | None:
        """End the current minute early; return its counts, or None if it has no frame."""
        minute, self._minute = self._minute, None
        if minute is None or (newest := minute.newest) is None:
            return None
        return Observation(
            newest.frame_index,
            newest.source,
            newest.captured_at,
            newest.media_time_s,
            readings=(),
            present=(),
            counts=MinuteCounts(
                duration_s=newest.media_time_s - minute.started_s,
                frames=minute.frames,
                frames_with_face=minute.frames_with_face,
                most_faces=minute.most_faces,
                emotions=dict(minute.emotions),
            ),
            time_line=newest.time_line,
        )
