"""Summarizes logs over a period, in memory that does not grow with them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from edge.errors import ConfigError, LogError
from edge.report.log_reader import BrokenLines, ClockCorrector, LogLine, read_lines
from edge.report.part import Part, PicturePart, VideoPart, kind_of
from edge.report.period import Period

MAX_MODELS = 20
"""Number of models to name."""


class LogSummary:
    """Everything that a report shows about the logs read so far.

    Attributes:
        cameras: what it shows about cameras.
        videos: what it shows about videos.
        pictures: what it shows about pictures.
        file_count: number of files read.
        broken: lines that could not be decoded.
        corrected: number of lines whose time was corrected, as the clock was not set when they were written.
        uncorrected: number of such lines whose time could not be corrected.
        models: names of the models that the runs began with.
    """

    def __init__(
        self,
        period: Period,
        *,
        line_type: type[LogLine] = LogLine,
        each: Callable[[Sequence[LogLine]], None] | None = None,
    ) -> None:
        """Start without a log.

        Args:
            period: the period to cover.
            line_type: the keys of a line to decode.
            each: gets all lines, batch by batch, with corrected times.
        """
        self.file_count = self.corrected = self.uncorrected = 0
        self.cameras, self.videos, self.pictures = Part(period), VideoPart(period), PicturePart(period)
        self.broken = BrokenLines()
        self.models: list[str] = []
        self._by_kind: dict[str, Part] = {part.kind: part for part in (self.cameras, self.videos, self.pictures)}
        self._period = period
        self._decoder = msgspec.json.Decoder(line_type)
        self._each = each
        self._log_first, self._log_last = float("inf"), float("-inf")

    @property
    def line_count(self) -> int:
        """Number of lines in the period."""
        return sum(part.line_count for part in self._by_kind.values())

    @property
    def parts(self) -> list[Part]:
        """The kinds of sources that there is something to show about."""
        return [part for part in self._by_kind.values() if part.line_count or any(part.total)]

    def read(self, files: Iterable[Path]) -> None:
        """Add one log, given as its files, oldest first.

        Raises:
            LogError: a file cannot be read, or is not a log.
        """
        clock = ClockCorrector()
        for part in self._by_kind.values():
            part.begin_log()
        for lines in clock.correct(self._batches(files)):
            if self._each is not None:
                self._each(lines)
            self._add_models(lines)
            kinds = set(map(kind_of, lines))
            for kind in kinds:
                chosen = lines if len(kinds) == 1 else [line for line in lines if kind_of(line) == kind]
                timestamps = [line.time.timestamp() for line in chosen]
                self._log_first = min([self._log_first, *timestamps])
                self._log_last = max([self._log_last, *timestamps])
                self._by_kind[kind].add(chosen, timestamps)
        for part in self._by_kind.values():
            part.end_log()
        self.corrected += clock.corrected
        self.uncorrected += clock.uncorrected

    def _add_models(self, lines: Sequence[LogLine]) -> None:
        for model in {line.model for line in lines if line.model}.difference(self.models):
            if len(self.models) < MAX_MODELS:
                self.models.append(model)

    def check(self) -> None:
        """Check that there is something to report.

        Raises:
            LogError: the logs have no lines.
            ConfigError: the logs have no lines in the period.
        """
        if self.line_count:
            return
        if self.parts:  # a face that appeared before the period and left after it
            self.cameras.first, self.cameras.last = self._period.start, self._period.end
            return
        if self._log_first > self._log_last:
            raise LogError("expected a log with lines, found none in it: has anything been logged yet?")
        raise ConfigError(
            f"expected lines between --from and --to, found none: the log goes from {_iso(self._log_first)} "
            f"to {_iso(self._log_last)}"
        )

    def _batches(self, files: Iterable[Path]) -> Iterator[list[LogLine]]:
        for file in files:
            self.file_count += 1
            yield from read_lines(file, self.broken, self._decoder)


def _iso(timestamp: float) -> str:
    return datetime.fromtimestamp(timestamp).astimezone().isoformat(timespec="seconds")
