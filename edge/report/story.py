"""Puts together what logs say of a period, in memory that does not grow with them."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from edge.errors import ConfigError, LogError
from edge.report.events import Events
from edge.report.gaps import GapFinder, Gaps
from edge.report.lines import Broken, LogLine, read_lines
from edge.report.period import Period
from edge.report.readings import Readings
from edge.report.set_clock import ClockSetter
from edge.report.stays import Stays
from edge.report.tally import Tally


class Story:
    """What is known after all logs were read.

    lines: in the period. first, last: of them, s since 1970. files: that were read. sources: cameras, or files; some.
    kinds: "changes", "counts", "all": what kinds of lines there were. corrected, uncertain: lines from before the clock
    was set, and what became of their times.
    """

    MOST_SOURCES = 20

    def __init__(self, period: Period) -> None:
        self.lines = self.files = self.corrected = self.uncertain = 0
        self.first, self.last = float("inf"), float("-inf")
        self.sources: dict[str, None] = {}
        self.kinds: set[str] = set()
        self.tally = Tally(period)
        self.stays = Stays(period)
        self.gaps = Gaps()
        self.broken = Broken()
        self.period = period
        self._all_first, self._all_last = float("inf"), float("-inf")

    def read(self, files: Iterable[Path]) -> None:
        """Read one log: its files, oldest first.

        Raises:
            LogError: one cannot be read, or is none.
        """
        readings, events = Readings(self.tally, self.stays), Events(self.tally, self.stays)
        finder = GapFinder(self.gaps, self.period)
        clock = ClockSetter()
        for lines in clock.settle(piece for file in self._counted(files) for piece in read_lines(file, self.broken)):
            self._take(lines, readings, events, finder)
        readings.finish()
        events.finish()
        self.corrected += clock.corrected
        self.uncertain += clock.uncertain

    def check(self) -> None:
        """Look whether there is anything to report.

        Raises:
            LogError: there is no line at all.
            ConfigError: there is none in the period.
        """
        if self.lines:
            return
        if sum(self.tally.total):  # a face that came before it, and left after it
            self.first, self.last = self.period.start, self.period.end
            return
        if self._all_first > self._all_last:
            raise LogError("expected a log with lines, found none in it: has anything been logged yet?")
        raise ConfigError(
            f"expected lines between --from and --to, found none: the log goes from {_when(self._all_first)} "
            f"to {_when(self._all_last)}"
        )

    def _counted(self, files: Iterable[Path]) -> Iterable[Path]:
        for file in files:
            self.files += 1
            yield file

    def _take(self, lines: list[LogLine], readings: Readings, events: Events, finder: GapFinder) -> None:
        if not lines:
            return
        moments = [line.time.timestamp() for line in lines]
        self._note(lines, moments)
        for line, moment in zip(lines, moments, strict=True):
            if line.event:
                finder.look(line, moment)
                events.take(line, moment)
            elif line.emotion is not None:
                readings.take(line, moment, line.emotion)

    def _note(self, lines: list[LogLine], moments: list[float]) -> None:
        """Count the lines in the period, and note from when to when they go, and of what they are."""
        first, last = min(moments), max(moments)
        self._all_first, self._all_last = min(self._all_first, first), max(self._all_last, last)
        if first < self.period.start or last >= self.period.end:
            pairs = zip(lines, moments, strict=True)
            kept = [(line, at) for line, at in pairs if self.period.start <= at < self.period.end]
            if not kept:
                return
            lines = [line for line, _ in kept]
            first, last = min(at for _, at in kept), max(at for _, at in kept)
        self.lines += len(lines)
        self.first, self.last = min(self.first, first), max(self.last, last)
        self.kinds |= {
            "all" if not event else "counts" if event == "counts" else "changes"
            for event in {line.event for line in lines}
        }
        for source in {line.source for line in lines}:
            if len(self.sources) < self.MOST_SOURCES:
                self.sources[source] = None


def _when(moment: float) -> str:
    return datetime.fromtimestamp(moment).astimezone().isoformat(timespec="seconds")
