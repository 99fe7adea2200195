"""Adds up for how long each emotion was seen, over time and by hour of the day.

Memory is bounded, however long the log is: time is divided into at most `MAX_BINS` bins, which become wider as needed.
"""

from datetime import datetime

from edge.labels import EMOTIONS, UNCERTAIN
from edge.report.period import Period

LABELS = (*EMOTIONS, UNCERTAIN)
"""All labels that a face can have, in the order of tables and charts."""

LABEL_INDEX = {label: index for index, label in enumerate(LABELS)}

BIN_WIDTHS_S = (
    1,
    5,
    10,
    30,
    60,
    300,
    900,
    3600,
    3 * 3600,
    12 * 3600,
    86400,
    7 * 86400,
    28 * 86400,
    364 * 86400,
    3640 * 86400,
)
"""Possible widths of a bin, s; each is a multiple of the one before, or nearly so."""

MAX_BINS = 1500

FIRST_BIN_WIDTH_S = 10
"""Width of a bin until there are too many, s."""

_QUARTER_HOUR_S = 900
"""The UTC offset of every country is a multiple of a quarter of an hour."""

MAX_INTERVAL_S = 7 * 86400.0
"""Longer intervals are ignored: they come from a clock that was set, not from a face."""

Row = list[float]
"""Seconds for each of `LABELS`."""


class EmotionDurations:
    """Seconds per label, in bins over time and by hour of the local day.

    Args:
        period: time outside of it does not count.
        bin_width_s: width of a bin until there are too many, s; one of `BIN_WIDTHS_S`.
        utc_offset_s: the offset of local time, to which bins are aligned, s; None for that at the first interval.

    Attributes:
        by_hour: a row for each hour of the local day.
        bins: bin number to row; a bin is `bin_width_s` wide.
        bin_width_s: current width of a bin, s.
    """

    def __init__(
        self, period: Period, *, bin_width_s: int = FIRST_BIN_WIDTH_S, utc_offset_s: int | None = None
    ) -> None:
        self.by_hour: list[Row] = [_new_row() for _ in range(24)]
        self.bin_width_s = bin_width_s
        self.bins: dict[int, Row] = {}
        self._start, self._end = period.start, period.end
        self._utc_offset_s = utc_offset_s
        self._quarter, self._hour_row = -1, self.by_hour[0]

    @property
    def total(self) -> Row:
        """Seconds per label in the whole period."""
        return [sum(column) for column in zip(*self.by_hour, strict=True)]

    def add(self, label: str, begin: float, end: float, weight: float = 1.0) -> None:
        """Add an interval in which a face had `label`.

        Args:
            label: one of `LABELS`.
            begin: Unix time, s.
            end: Unix time, s.
            weight: mean number of faces in the interval.
        """
        begin, end = max(begin, self._start), min(end, self._end)
        if not begin < end or end - begin > MAX_INTERVAL_S:
            return
        if self._utc_offset_s is None:
            offset = datetime.fromtimestamp(begin).astimezone().utcoffset()
            self._utc_offset_s = int(offset.total_seconds()) if offset else 0
        index = LABEL_INDEX[label]
        while begin < end:
            quarter = int(begin // _QUARTER_HOUR_S)
            if quarter != self._quarter:
                self._quarter = quarter
                self._hour_row = self.by_hour[datetime.fromtimestamp(quarter * _QUARTER_HOUR_S).hour]
            until = min(end, self._next_boundary(begin))
            self._hour_row[index] += (until - begin) * weight
            self._bin_at(begin)[index] += (until - begin) * weight
            begin = until

    def bin_start(self, number: int) -> float:
        """Return the Unix time, s, at which bin `number` begins."""
        return number * self.bin_width_s - (self._utc_offset_s or 0)

    def coarsened(self, max_bins: int) -> "EmotionDurations":
        """Return the same durations in bins so wide that at most `max_bins` lie between the first and the last."""
        coarse = EmotionDurations(Period(), bin_width_s=self.bin_width_s, utc_offset_s=self._utc_offset_s)
        coarse.bins = self.bins
        while coarse.bins and max(coarse.bins) - min(coarse.bins) >= max_bins and coarse.bin_width_s < BIN_WIDTHS_S[-1]:
            coarse._widen()
        return coarse

    def _next_boundary(self, timestamp: float) -> float:
        """Return where the next bin or quarter of an hour begins, whichever comes first."""
        step_s = min(self.bin_width_s, _QUARTER_HOUR_S)
        return (timestamp // step_s + 1) * step_s

    def _bin_at(self, timestamp: float) -> Row:
        """Return the row of the bin at `timestamp`, and widen all bins if there are too many."""
        number = int((timestamp + (self._utc_offset_s or 0)) // self.bin_width_s)
        row = self.bins.get(number)
        if row is None:
            row = self.bins[number] = _new_row()
            while len(self.bins) > MAX_BINS:
                self._widen()
                row = self.bins[int((timestamp + (self._utc_offset_s or 0)) // self.bin_width_s)]
        return row

    def _widen(self) -> None:
        """Merge the bins into bins of the next width."""
        old_width_s = self.bin_width_s
        self.bin_width_s = next(width for width in BIN_WIDTHS_S if width > old_width_s)
        narrow, self.bins = self.bins, {}
        for number, row in narrow.items():
            wide = self.bins.setdefault(number * old_width_s // self.bin_width_s, _new_row())
            for index, seconds in enumerate(row):
                wide[index] += seconds


def _new_row() -> Row:
    return [0.0] * len(LABELS)
