"""Adds up how long each emotion was seen: over time, and by hour of the day.

However long the log: time is cut into at most `MOST_BINS` bins, which grow where it is longer than they are.
"""

from datetime import datetime

from edge.labels import EMOTIONS, UNCERTAIN
from edge.report.period import Period

NAMES = (*EMOTIONS, UNCERTAIN)
"""What a face can be said to show, in the order in which it is shown here."""

INDEX = {name: index for index, name in enumerate(NAMES)}

WIDTHS_S = (10, 30, 60, 300, 900, 3600, 3 * 3600, 12 * 3600, 86400, 7 * 86400, 28 * 86400, 364 * 86400, 3640 * 86400)
"""Of bins, s: each divides the next, or nearly so."""

MOST_BINS = 1500

_QUARTER_S = 900
"""Clocks of all countries differ by whole quarters of an hour."""

LONGEST_S = 7 * 86400.0
"""What is longer than this was no face, but a clock that was set."""

Row = list[float]
"""Seconds for each of `NAMES`."""


class Tally:
    """period: what is outside of it does not count. hours: by hour of the local day. bins: by `width_s`."""

    def __init__(self, period: Period) -> None:
        self.hours: list[Row] = [_new_row() for _ in range(24)]
        self.width_s = WIDTHS_S[0]
        self.bins: dict[int, Row] = {}
        self._start, self._end = period.start, period.end
        self._offset_s: int | None = None
        self._quarter, self._hour = -1, self.hours[0]

    @property
    def total(self) -> Row:
        """All there is."""
        return [sum(column) for column in zip(*self.hours, strict=True)]

    def add(self, emotion: str, begin: float, end: float, weight: float = 1.0) -> None:
        """A face showed `emotion` from `begin` until `end`, s since 1970. weight: faces at once."""
        begin, end = max(begin, self._start), min(end, self._end)
        if not begin < end or end - begin > LONGEST_S:
            return
        if self._offset_s is None:
            offset = datetime.fromtimestamp(begin).astimezone().utcoffset()
            self._offset_s = int(offset.total_seconds()) if offset else 0
        index = INDEX[emotion]
        while begin < end:
            quarter = int(begin // _QUARTER_S)
            if quarter != self._quarter:
                self._quarter = quarter
                self._hour = self.hours[datetime.fromtimestamp(quarter * _QUARTER_S).hour]
            until = min(end, self._next_edge(begin))
            self._hour[index] += (until - begin) * weight
            self._bin(begin)[index] += (until - begin) * weight
            begin = until

    def start_of(self, number: int) -> float:
        """When bin `number` begins, s since 1970."""
        return number * self.width_s - (self._offset_s or 0)

    def columns(self, most: int) -> "Tally":
        """The same, in at most so many bins from first to last: for a picture."""
        coarse = Tally(Period())
        coarse.width_s, coarse.bins, coarse._offset_s = self.width_s, self.bins, self._offset_s
        while coarse.bins and max(coarse.bins) - min(coarse.bins) >= most and coarse.width_s < WIDTHS_S[-1]:
            coarse._widen()
        return coarse

    def _next_edge(self, moment: float) -> float:
        """Where the next bin or quarter of an hour begins, whichever comes first."""
        bin_s = min(self.width_s, _QUARTER_S)
        return (moment // bin_s + 1) * bin_s

    def _bin(self, moment: float) -> Row:
        number = int((moment + (self._offset_s or 0)) // self.width_s)
        row = self.bins.get(number)
        if row is None:
            row = self.bins[number] = _new_row()
            while len(self.bins) > MOST_BINS:
                self._widen()
                row = self.bins[int((moment + (self._offset_s or 0)) // self.width_s)]
        return row

    def _widen(self) -> None:
        """Go over to the next width, in which several bins become one."""
        before = self.width_s
        self.width_s = next(width for width in WIDTHS_S if width > before)
        fine, self.bins = self.bins, {}
        for number, row in fine.items():
            wide = self.bins.setdefault(number * before // self.width_s, _new_row())
            for index, seconds in enumerate(row):
                wide[index] += seconds


def _new_row() -> Row:
    return [0.0] * len(NAMES)
