"""Corrects the times of lines that were written before the clock was set."""

from collections.abc import Iterable, Iterator
from datetime import timedelta

from edge.report.lines import LogLine

MOST_HELD = 50_000
"""Lines that wait to learn how far the clock was off: some 20 MB, and weeks of changes."""


class ClockSetter:
    """Holds lines back that say that the clock was not set, until one says by how much it was.

    corrected, uncertain: how many had their time corrected, and how many could not.
    """

    def __init__(self) -> None:
        self.corrected = self.uncertain = 0
        self._held: list[LogLine] = []

    def settle(self, pieces: Iterable[list[LogLine]]) -> Iterator[list[LogLine]]:
        """The same lines in the same order, with the right times where they can be known."""
        for lines in pieces:
            if self._held or any(line.clock for line in lines):
                yield from self._settle(lines)
            else:
                yield lines
        yield self._release()

    def _settle(self, lines: list[LogLine]) -> Iterator[list[LogLine]]:
        for line in lines:
            if line.event == "clock":
                yield self._release(timedelta(seconds=line.stepped_s))
            elif line.event == "started" or len(self._held) >= MOST_HELD:
                yield self._release()  # of another run: it never learnt
            if line.clock:
                self._held.append(line)
            else:
                yield [*self._release(), line]

    def _release(self, step: timedelta | None = None) -> list[LogLine]:
        held, self._held = self._held, []
        if step is None:
            self.uncertain += len(held)
            return held
        self.corrected += len(held)
        for line in held:
            line.time += step
        return held
