"""Follows faces through a log that has a line for each reading."""

from dataclasses import dataclass

from edge.report.lines import LogLine
from edge.report.stays import Stays
from edge.report.tally import Tally

GONE_S = 2.0
"""A face without a reading for this long has left, s."""

ONCE_S = 0.1
"""A face's first reading counts for this long, s: about the time to the next one. So pictures count alike."""


@dataclass(slots=True)
class _Face:
    """emotion: shown since `since`, s since 1970. end: its newest reading."""

    begin: float
    since: float
    end: float
    emotion: str


class Readings:
    """Of one log. What a face showed holds until its next reading.

    A million lines come through here: what does not change costs no more than a comparison.
    """

    def __init__(self, tally: Tally, stays: Stays) -> None:
        self._tally = tally
        self._stays = stays
        self._faces: dict[tuple[str, int | None], _Face] = {}
        self._source, self._frame, self._in_frame = "", -1, 0

    def take(self, line: LogLine, moment: float, emotion: str) -> None:
        """Take a reading that was written at `moment`, s since 1970."""
        key = line.source, line.track
        face = self._faces.get(key)
        if face is None or not -GONE_S <= moment - face.end <= GONE_S:
            self._leave(moment)
            self._faces[key] = _Face(moment, moment, moment + ONCE_S, emotion)
        else:
            face.end = max(face.end, moment)
            if emotion != face.emotion:
                self._tally.add(face.emotion, face.since, face.end)
                face.since, face.emotion = face.end, emotion
        if line.frame != self._frame or line.source != self._source:
            self._frame, self._source, self._in_frame = line.frame, line.source, 0
        self._in_frame += 1
        if self._in_frame > self._stays.most:
            self._stays.see(self._in_frame, moment)

    def finish(self) -> None:
        """The log ends, and so do all stays."""
        self._leave(float("inf"))

    def _leave(self, moment: float) -> None:
        for key in [key for key, face in self._faces.items() if not -GONE_S <= moment - face.end <= GONE_S]:
            face = self._faces.pop(key)
            self._tally.add(face.emotion, face.since, face.end)
            self._stays.add(face.begin, face.end - face.begin)
