"""Writes a report for spreadsheets: a row for each reading, or seconds by emotion over time."""

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TextIO

import msgspec

from edge.errors import printable
from edge.labels import EMOTIONS
from edge.report.durations import LABELS
from edge.report.format import format_position
from edge.report.log_reader import LogLine, Word
from edge.report.period import Period
from edge.report.summary import LogSummary

COLUMNS = (
    *("source", "time", "media_time_s", "frame", "event", "face", "x", "y", "w", "h", "label", "confidence"),
    *EMOTIONS,
    "unclear",
)
"""Columns of the table of readings; an empty cell is unknown."""

_EVENTS_WITH_READING = frozenset({"", "appeared", "changed"})

_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


class ReadingLine(LogLine, gc=False):
    """The keys of a log line that a row of the table needs."""

    box: tuple[int, int, int, int] | None = None
    confidence: float | None = None
    probabilities: dict[str, float] | None = None
    unclear: Word = ""


class ReadingsTable:
    """Writes a row for each reading; of a log of changes, for each appearance and change.

    Args:
        stream: where the rows go, as they are read.
        period: lines written outside of it are left out.
    """

    def __init__(self, stream: TextIO, period: Period) -> None:
        self._writer = csv.writer(stream, lineterminator="\n")
        self._period = period
        self._is_begun = False

    def add(self, lines: Sequence[LogLine]) -> None:
        """Write the rows of some lines of a log, and the header before the first."""
        if not self._is_begun:
            self._is_begun = True
            self._writer.writerow(COLUMNS)
        for line in lines:
            if not isinstance(line, ReadingLine) or line.emotion is None or line.event not in _EVENTS_WITH_READING:
                continue
            if line.time.timestamp() in self._period:
                self._writer.writerow(_row(line))


def _row(line: ReadingLine) -> list[object]:
    probabilities = line.probabilities or {}
    return [
        _as_text(line.source),
        _iso(line.time),
        "" if line.media_time_s is msgspec.UNSET else line.media_time_s,
        line.frame,
        line.event,
        line.track,
        *(line.box or ("", "", "", "")),
        line.emotion,
        line.confidence,
        *(probabilities.get(label) for label in EMOTIONS),
        line.unclear,
    ]


def _as_text(name: str) -> str:
    """Return a name on one printable line, which no spreadsheet takes for a formula."""
    text = printable(name)
    return f"'{text}" if text.startswith(_FORMULA_SIGNS) else text


def render_summary(summary: LogSummary) -> str:
    """Return a row for each time bin with a face: when it begins, its length, and seconds by emotion.

    The bins of videos begin at a position, after those of cameras. Pictures have no duration, and so no bins.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["begin", "length_s", *(f"{label}_s" for label in LABELS)])
    for part in summary.parts:
        durations = part.durations
        for number, row in sorted(durations.bins.items()):
            begin = durations.bin_start(number)
            shown = _iso(datetime.fromtimestamp(begin, UTC)) if part.has_hours else format_position(begin)
            writer.writerow([shown, durations.bin_width_s, *(f"{seconds:.1f}" for seconds in row)])
    return text.getvalue()


def _iso(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")
