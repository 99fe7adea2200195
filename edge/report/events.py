"""Follows faces through a log of changes."""

from dataclasses import dataclass

from edge.report.lines import LogLine
from edge.report.stays import Stays
from edge.report.tally import Tally


@dataclass(slots=True)
class _Face:
    """emotion: shown since `since`, s since 1970."""

    begin: float
    since: float
    emotion: str


class Events:
    """Of one log. What a face showed holds until it changes, or the face has left."""

    def __init__(self, tally: Tally, stays: Stays) -> None:
        self._tally = tally
        self._stays = stays
        self._faces: dict[tuple[str, int | None], _Face] = {}
        self._now = self._summary = float("-inf")

    def take(self, line: LogLine, moment: float) -> None:
        """Take a line that was written at `moment`, s since 1970."""
        key, emotion = (line.source, line.track), line.emotion
        match line.event:
            case "appeared" if emotion is not None:
                self._end(key, self._now)  # of an earlier run that was cut off
                self._faces[key] = _Face(moment, moment, emotion)
                self._stays.see(len(self._faces), moment)
            case "changed" if emotion is not None and key in self._faces:
                face = self._faces[key]
                self._tally.add(face.emotion, face.since, moment)
                face.since, face.emotion = moment, emotion
            case "left" if key in self._faces:
                self._end(key, min(moment, self._faces[key].begin + line.duration_s))
            case "summary":
                if not line.most_faces:  # nobody was there: a line that says who left was lost
                    self._end_all(self._summary)
                self._summary = moment
            case "counts" if line.frames and line.emotions:
                self._count(line, moment)
            case "started":
                self._end_all(self._now)
        self._now = moment

    def finish(self) -> None:
        """The log ends, and so do all stays."""
        self._end_all(self._now)

    def _count(self, line: LogLine, moment: float) -> None:
        """A minute's counts: of each emotion its share of the frames. Where faces came and went is not told."""
        for emotion, count in (line.emotions or {}).items():
            self._tally.add(emotion, moment - line.duration_s, moment, weight=count / line.frames)
        self._stays.see(line.most_faces, moment)

    def _end_all(self, moment: float) -> None:
        for key in list(self._faces):
            self._end(key, moment)

    def _end(self, key: tuple[str, int | None], moment: float) -> None:
        face = self._faces.pop(key, None)
        if face is None:
            return
        end = max(moment, face.begin)
        self._tally.add(face.emotion, face.since, end)
        self._stays.add(face.begin, end - face.begin)
