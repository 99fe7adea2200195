"""Isolates an optional sink: logs its failures and reopens it with exponential back-off."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from edge.backoff import Backoff
from edge.errors import EdgeError
from edge.sinks.base import Sink

log = logging.getLogger(__name__)

T = TypeVar("T")

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
"""Bounds of the wait between a failure and the next try, s."""

STEADY_S = 60.0
"""A sink that worked for this long was healthy, s: the back-off begins again with the shortest wait."""


class SupervisedSink(Sink[T]):
    """Runs an optional sink; the run continues whatever the sink raises.

    After a failure the sink is closed, and after the back-off a new one is made; items that arrive in between are
    dropped and counted. Opening, too, happens on the delivering thread, so that a slow start delays nobody.

    Attributes:
        name: names the sink's thread, and the sink in messages and metrics.
        dropped: items that arrived while the sink was not open.
        faults: how often the sink failed or could not be opened.
    """

    def __init__(self, name: str, new_sink: Callable[[], Sink[T]], *, first_wait_s: float = FIRST_WAIT_S) -> None:
        """Set up the supervision; the first item or poll makes and opens the sink.

        Args:
            name: names the sink's thread, and the sink in messages and metrics.
            new_sink: makes a sink that is not open. May raise anything.
            first_wait_s: shortest wait between a failure and the next try, s.
        """
        self.name = name
        self.dropped = 0
        self.faults = 0
        self._new_sink = new_sink
        self._backoff = Backoff(first_wait_s, LONGEST_WAIT_S)
        self._sink: Sink[T] | None = None
        self._failure = ""
        self._lost_before = 0  # by sinks that were closed
        self._opened_s = 0.0
        self._retry_s = 0.0

    @property
    def error(self) -> str:
        """Why the sink does not work at the moment; empty if it does."""
        sink = self._sink
        return self._failure if sink is None else sink.error

    @property
    def note(self) -> str:
        """The sink's own note; empty while it is not open."""
        sink = self._sink
        return "" if sink is None else sink.note

    @property
    def stored(self) -> int:
        """Items that the sink keeps until it can pass them on."""
        sink = self._sink
        return 0 if sink is None else sink.stored

    @property
    def lost(self) -> int:
        """Items that the sink accepted and lost, including those of earlier, closed sinks."""
        sink = self._sink
        return self._lost_before + (0 if sink is None else sink.lost)

    @property
    def poll_s(self) -> float | None:
        """Time until the next try while the sink is closed, else the sink's own interval, s."""
        return max(0.0, self._retry_s - time.monotonic()) if self._sink is None else self._sink.poll_s

    @property
    def patience_s(self) -> float:
        """The sink's own patience, s; 0 while it is not open."""
        return 0.0 if self._sink is None else self._sink.patience_s

    def write(self, item: T) -> None:
        """Write the item to the sink; drop it if the sink is not open and cannot be opened now."""
        self._open_if_due()
        if self._sink is None:
            self.dropped += 1
            return
        try:
            self._sink.write(item)
        except Exception as error:  # noqa: BLE001  # an optional sink may fail in any way: the run goes on
            self._abandon(error)

    def poll(self) -> None:
        """Poll the sink if it is open; otherwise open it if a try is due."""
        if self._sink is None:
            self._open_if_due()
            return
        try:
            self._sink.poll()
        except Exception as error:  # noqa: BLE001  # an optional sink may fail in any way: the run goes on
            self._abandon(error)

    def close(self) -> None:
        """Close the sink; a failure is logged."""
        sink, self._sink = self._sink, None
        if sink is None:
            return
        self._lost_before += sink.lost
        try:
            sink.close()
        except Exception as error:  # noqa: BLE001  # an optional sink may fail in any way: the run goes on
            log.warning("%s: cannot be closed in good order: %s", self.name, error)

    def _open_if_due(self) -> None:
        if self._sink is not None or time.monotonic() < self._retry_s:
            return
        try:
            sink = self._new_sink()
            sink.open()
        except Exception as error:  # noqa: BLE001  # an optional sink may fail in any way: the run goes on
            self._fail(error)
            return
        self._sink = sink
        self._opened_s = time.monotonic()
        if self._failure:
            log.info("%s: works again", self.name)
        self._failure = ""

    def _abandon(self, error: Exception) -> None:
        if time.monotonic() - self._opened_s >= STEADY_S:
            self._backoff.reset()
        self._fail(error)
        self.close()

    def _fail(self, error: Exception) -> None:
        self.faults += 1
        kind = "" if isinstance(error, EdgeError) else f"unexpected {type(error).__name__}: "
        failure = f"{kind}{error}"
        if failure != self._failure:  # repeating it with every try would fill the log
            log.warning("%s: %s; trying again", self.name, failure, exc_info=error if log.isEnabledFor(10) else None)
        self._failure = failure
        self._retry_s = time.monotonic() + self._backoff.next_s()
