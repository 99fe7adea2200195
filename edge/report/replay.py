"""Replays log lines to find when each face was in view and which emotion it showed.

There is a class for each mode of a log: changes, and all readings.
"""

from dataclasses import dataclass

from edge.report.durations import EmotionDurations
from edge.report.log_reader import LogLine
from edge.report.visits import Visits

GONE_S = 2.0
"""Seconds without a reading after which a face has left."""

FIRST_READING_S = 0.1
"""Duration of a face's first reading, s: about the time to the next one. In pictures it makes all faces count alike."""

MAX_OPEN = 256
"""Faces that a log may show at a time. One with more is damaged: the face that came first then counts as gone."""

_TrackKey = tuple[str, int | None]
"""Source and track of a face."""


@dataclass(slots=True)
class _OpenVisit:
    """A visit that has not ended.

    Attributes:
        begin: Unix time of the face's first line, s.
        since: Unix time since which it shows `emotion`, s.
        emotion: the current emotion.
    """

    begin: float
    since: float
    emotion: str


class EventReplay:
    """Replays a log of changes: an emotion lasts until the face changes or leaves."""

    def __init__(self, durations: EmotionDurations, visits: Visits) -> None:
        self._durations = durations
        self._visits = visits
        self._open: dict[_TrackKey, _OpenVisit] = {}
        self._now = self._last_summary = float("-inf")

    def add(self, line: LogLine, timestamp: float) -> None:
        """Process an event line written at Unix time `timestamp`, s."""
        key, emotion = (line.source, line.track), line.emotion
        match line.event:
            case "appeared" if emotion is not None:
                self._end(key, self._now)  # of an earlier run without a regular end
                if len(self._open) >= MAX_OPEN:
                    self._end(next(iter(self._open)), self._now)
                self._open[key] = _OpenVisit(timestamp, timestamp, emotion)
                self._visits.add_simultaneous(len(self._open), timestamp)
            case "changed" if emotion is not None and key in self._open:
                visit = self._open[key]
                self._durations.add(visit.emotion, visit.since, timestamp)
                visit.since, visit.emotion = timestamp, emotion
            case "left" if key in self._open:
                self._end(key, min(timestamp, self._open[key].begin + line.duration_s))
            case "summary":
                if not line.most_faces:  # an open visit then lacks its `left` line, which was lost
                    self._end_all(self._last_summary)
                self._last_summary = timestamp
            case "counts" if line.frames and line.emotions:
                self._add_counts(line, timestamp)
            case "started":
                self._end_all(self._now)
        self._now = timestamp

    def finish(self) -> None:
        """End all visits at the end of the log."""
        self._end_all(self._now)

    def _add_counts(self, line: LogLine, timestamp: float) -> None:
        """Add a minute of counts: each emotion's share of the frames. Counts do not show when visits began or ended."""
        for emotion, count in (line.emotions or {}).items():
            self._durations.add(emotion, timestamp - line.duration_s, timestamp, weight=count / line.frames)
        self._visits.add_simultaneous(line.most_faces, timestamp)

    def _end_all(self, timestamp: float) -> None:
        for key in list(self._open):
            self._end(key, timestamp)

    def _end(self, key: _TrackKey, timestamp: float) -> None:
        visit = self._open.pop(key, None)
        if visit is None:
            return
        end = max(timestamp, visit.begin)
        self._durations.add(visit.emotion, visit.since, end)
        self._visits.add(visit.begin, end - visit.begin)


@dataclass(slots=True)
class _ReadingVisit(_OpenVisit):
    """An open visit in a log of all readings.

    Attributes:
        end: Unix time of the newest reading, s.
    """

    end: float


class ReadingReplay:
    """Replays a log of all readings: an emotion lasts until the face's next reading.

    Logs have millions of readings, so one that changes nothing costs little more than a comparison.
    """

    def __init__(self, durations: EmotionDurations, visits: Visits) -> None:
        self._durations = durations
        self._visits = visits
        self._open: dict[_TrackKey, _ReadingVisit] = {}
        self._source, self._frame, self._faces_in_frame = "", -1, 0

    def add(self, line: LogLine, timestamp: float, emotion: str) -> None:
        """Process a reading written at Unix time `timestamp`, s."""
        key = line.source, line.track
        visit = self._open.get(key)
        if visit is None or not -GONE_S <= timestamp - visit.end <= GONE_S:
            self._end_old(timestamp)
            if len(self._open) >= MAX_OPEN:
                self._end(next(iter(self._open)))
            self._open[key] = _ReadingVisit(timestamp, timestamp, emotion, timestamp + FIRST_READING_S)
        else:
            visit.end = max(visit.end, timestamp)
            if emotion != visit.emotion:
                self._durations.add(visit.emotion, visit.since, visit.end)
                visit.since, visit.emotion = visit.end, emotion
        if line.frame != self._frame or line.source != self._source:
            self._frame, self._source, self._faces_in_frame = line.frame, line.source, 0
        self._faces_in_frame += 1
        if self._faces_in_frame > self._visits.most_at_once:
            self._visits.add_simultaneous(self._faces_in_frame, timestamp)

    def finish(self) -> None:
        """End all visits at their newest readings."""
        self._end_old(float("inf"))

    def _end_old(self, timestamp: float) -> None:
        """End the visits without a reading within `GONE_S` of `timestamp`."""
        for key in [key for key, visit in self._open.items() if not -GONE_S <= timestamp - visit.end <= GONE_S]:
            self._end(key)

    def _end(self, key: _TrackKey) -> None:
        visit = self._open.pop(key)
        self._durations.add(visit.emotion, visit.since, visit.end)
        self._visits.add(visit.begin, visit.end - visit.begin)
