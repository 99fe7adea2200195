"""Reduces what is said of frames to counts by emotion and minute, for those who may be told nothing else."""

from collections import Counter
from dataclasses import dataclass, field

from edge.records import Counts, Observation

MINUTE_S = 60.0


@dataclass(slots=True)
class _Minute:
    """What has been seen since `started_s`, on the source's own time line, s."""

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


class Minutes:
    """Sums observations up, a minute of the source's own time line after the other. One thread alone may use it."""

    def __init__(self) -> None:
        self._minute: _Minute | None = None

    def add(self, observation: Observation) -> Observation | None:
        """Take what is said of a frame; return what may be told of the minute before it, where that is over."""
        minute, position_s = self._minute, observation.position_s
        told = self.rest() if minute and position_s >= minute.started_s + MINUTE_S else None
        if self._minute is None:
            self._minute = _Minute(position_s)
        self._minute.take(observation)
        return told

    def rest(self) -> Observation | None:
        """What may be told of the minute that is not over yet, and ends here; None where there was no frame."""
        minute, self._minute = self._minute, None
        if minute is None or (newest := minute.newest) is None:
            return None
        return Observation(
            newest.frame_index,
            newest.source,
            newest.captured_at,
            newest.position_s,
            readings=(),
            present=(),
            counts=Counts(
                duration_s=newest.position_s - minute.started_s,
                frames=minute.frames,
                frames_with_face=minute.frames_with_face,
                most_faces=minute.most_faces,
                emotions=dict(minute.emotions),
            ),
        )
