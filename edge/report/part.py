"""Summarizes the lines of one kind of source: cameras, videos or pictures."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from edge.errors import printable
from edge.report.durations import LABEL_INDEX, LABELS, EmotionDurations, Row
from edge.report.format import format_count, format_duration, format_position, format_time, format_time_zone
from edge.report.gaps import GapFinder, Gaps
from edge.report.log_reader import LogLine
from edge.report.period import Period
from edge.report.replay import EventReplay, ReadingReplay
from edge.report.visits import Visits

Kind = Literal["cameras", "videos", "pictures"]

MAX_SOURCES = 20
"""Number of cameras or files to name."""

_MIN_SPAN_S = 60.0
"""Length of the axis of a short log, s."""

_VIDEO_BIN_S = 1
"""Width of a bin of a short video, s."""


def kind_of(line: LogLine) -> Kind:
    """Return the kind of source that a line is from."""
    if line.media_time_s is msgspec.UNSET:
        return "cameras"
    return "pictures" if line.media_time_s is None else "videos"


class Part:
    """Statistics of the cameras in a report's logs; the other kinds of sources are subclasses.

    Each line has a place on a time axis, s: its Unix time for a camera, its position for a video.

    Attributes:
        kind: the kind of the sources.
        period: the period that the report covers.
        line_count: number of lines in the period.
        first: place of the first line in the period.
        last: place of the last line in the period.
        sources: cameras or files that lines name, at most `MAX_SOURCES`; the keys of a dict, in order of appearance.
        modes: what the logs hold: "changes", "counts" and "all" (all readings).
        durations: seconds per emotion.
        visits: statistics of visits.
        gaps: times without lines.
    """

    kind: Kind = "cameras"
    has_hours: bool = True
    """Whether the axis is the time of the day."""
    has_time: bool = True
    """Whether there is a time axis at all."""

    def __init__(self, period: Period) -> None:
        self.period = period
        self.line_count = 0
        self.first, self.last = float("inf"), float("-inf")
        self.sources: dict[str, None] = {}
        self.modes: set[str] = set()
        self.durations = self._new_durations()
        self.visits = Visits(self._axis_period)
        self.gaps = Gaps()
        self.begin_log()

    @property
    def _axis_period(self) -> Period:
        """The part of the axis that counts."""
        return self.period

    def _new_durations(self) -> EmotionDurations:
        return EmotionDurations(self._axis_period)

    def begin_log(self) -> None:
        """Prepare for the lines of another log."""
        self._readings = ReadingReplay(self.durations, self.visits)
        self._events = EventReplay(self.durations, self.visits)
        self._gap_finder = GapFinder(self.gaps, self.period)

    def end_log(self) -> None:
        """End all visits: the log has no more lines."""
        self._readings.finish()
        self._events.finish()

    def add(self, lines: Sequence[LogLine], timestamps: Sequence[float]) -> None:
        """Add lines of a log, with their Unix times, s."""
        self._count(lines, timestamps)
        for line, timestamp in zip(lines, timestamps, strict=True):
            if line.event:
                self._gap_finder.add(line, timestamp)
            self._replay(line, timestamp)

    def _replay(self, line: LogLine, place: float) -> None:
        if line.event:
            self._events.add(line, place)
        elif line.emotion is not None:
            self._readings.add(line, place, line.emotion)

    def _count(self, lines: Sequence[LogLine], places: Sequence[float]) -> None:
        """Count the lines in the period; update the first and last place, modes and sources."""
        first, last = min(places), max(places)
        if first not in self._axis_period or last not in self._axis_period:
            inside = [(line, place) for line, place in zip(lines, places, strict=True) if place in self._axis_period]
            if not inside:
                return
            lines = [line for line, _ in inside]
            first, last = min(place for _, place in inside), max(place for _, place in inside)
        self.line_count += len(lines)
        self.first, self.last = min(self.first, first), max(self.last, last)
        self.modes |= {
            "all" if not event else "counts" if event == "counts" else "changes"
            for event in {line.event for line in lines}
        }
        for source in dict.fromkeys(printable(line.source) for line in lines):
            if len(self.sources) < MAX_SOURCES:
                self.sources[source] = None

    @property
    def span(self) -> tuple[float, float]:
        """The part of the axis to show."""
        return max(self.first, self.period.start), min(max(self.last, self.first + _MIN_SPAN_S), self.period.end)

    @property
    def total(self) -> Row:
        """Amount per label in the whole period, in `unit`."""
        return self.durations.total

    @property
    def unit(self) -> str:
        """Unit of the amounts: seconds with a face, or face-seconds, in which simultaneous faces add up."""
        return "face-seconds" if self.visits.most_at_once > 1 else "time with a face"

    def format_amount(self, amount: float) -> str:
        """Format an amount in `unit`."""
        return format_duration(amount)

    def format_place(self, place: float) -> str:
        """Format a place on the axis."""
        return format_time(place)

    @property
    def headline(self) -> str:
        """The time span, its zone and the sources."""
        span = f"{format_time(self.first)} to {format_time(self.last)} ({format_time_zone(self.first)})"
        return f"{span}, {', '.join(self.sources)}"


class VideoPart(Part):
    """What a report shows about the videos in its logs. They follow one another on the axis, in the order of the lines.

    Attributes:
        begins: where each run over a video begins on the axis, s, with the video's name; at most `MAX_SOURCES`.
        video_count: number of runs over a video; a video that was processed twice counts twice.
    """

    kind = "videos"
    has_hours = False

    def __init__(self, period: Period) -> None:
        super().__init__(period)
        self.begins: list[tuple[float, str]] = []
        self.video_count = 0
        self._source: str | None = None
        self._begin = self._end = 0.0

    @property
    def _axis_period(self) -> Period:
        return Period()

    def _new_durations(self) -> EmotionDurations:
        return EmotionDurations(Period(), bin_width_s=_VIDEO_BIN_S, utc_offset_s=0)

    def begin_log(self) -> None:
        """Prepare for the lines of another log, which begin another run over a video."""
        super().begin_log()
        self._source = None

    def add(self, lines: Sequence[LogLine], timestamps: Sequence[float]) -> None:
        """Add lines of a log, with the Unix times at which they were written, s."""
        inside = [line for line, timestamp in zip(lines, timestamps, strict=True) if timestamp in self.period]
        if not inside:
            return
        places = []
        for line in inside:
            places.append(self._place(line))
            self._replay(line, places[-1])
        self._count(inside, places)

    def _place(self, line: LogLine) -> float:
        """Return the line's place; a position before that of the previous line begins another run."""
        place = self._begin + (line.media_time_s or 0.0)
        if line.source != self._source or place < self._end or line.event == "started":
            self._source, self._begin = line.source, self._end
            place = self._begin + (line.media_time_s or 0.0)
            self.end_log()
            super().begin_log()
            self.video_count += 1
            if len(self.begins) < MAX_SOURCES:
                self.begins.append((self._begin, printable(line.source)))
        self._end = place
        return place

    @property
    def span(self) -> tuple[float, float]:
        """From the beginning of the first video to the last line."""
        return 0.0, self._end + _VIDEO_BIN_S

    def format_place(self, place: float) -> str:
        """Format a place as a position; if there are several videos, the position in its own one."""
        begin = max((begin for begin, _ in self.begins if begin <= place), default=0.0)
        return format_position(place - begin)

    @property
    def headline(self) -> str:
        """The sources and their length, as far as the log shows it."""
        return f"{', '.join(self.sources)}, up to {format_position(self._end)}"


class PicturePart(Part):
    """What a report shows about pictures. They have no duration, so faces are counted.

    Attributes:
        pictures_with_face: number of pictures with a face.
    """

    kind = "pictures"
    has_hours = has_time = False

    def __init__(self, period: Period) -> None:
        super().__init__(period)
        self.pictures_with_face = 0
        self._faces: Row = [0.0] * len(LABELS)
        self._picture: tuple[str, int] | None = None
        self._faces_in_picture = 0

    def add(self, lines: Sequence[LogLine], timestamps: Sequence[float]) -> None:
        """Add lines of a log, with the Unix times at which they were written, s."""
        self._count(lines, timestamps)
        for line, timestamp in zip(lines, timestamps, strict=True):
            if timestamp not in self.period:
                continue
            if line.event == "counts":
                self._add_counts(line, timestamp)
            if line.event or line.emotion is None:
                continue
            self._faces[LABEL_INDEX[line.emotion]] += 1
            picture = line.source, line.frame
            if picture != self._picture:
                self._picture, self._faces_in_picture = picture, 0
                self.pictures_with_face += 1
            self._faces_in_picture += 1
            self.visits.add_simultaneous(self._faces_in_picture, timestamp)

    def _add_counts(self, line: LogLine, timestamp: float) -> None:
        for emotion, count in (line.emotions or {}).items():
            self._faces[LABEL_INDEX[emotion]] += count
        self.pictures_with_face += line.frames_with_face
        self.visits.add_simultaneous(line.most_faces, timestamp)

    @property
    def total(self) -> Row:
        """Number of faces per label."""
        return self._faces

    @property
    def unit(self) -> str:
        """Unit of the amounts."""
        return "faces"

    def format_amount(self, amount: float) -> str:
        """Format a number of faces."""
        return f"{amount:.0f}"

    @property
    def headline(self) -> str:
        """The number of pictures with a face."""
        return format_count(self.pictures_with_face, "picture")
