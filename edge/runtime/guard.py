"""Keeps the faults of a consumer that is not needed away from the run: they are told, and it is tried again."""

import logging
import time
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar, runtime_checkable

from edge.errors import EdgeError
from edge.runtime.handover import Closed, HandOver

log = logging.getLogger(__name__)

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)

LOOK_S = 1.0
"""How often an independent consumer is looked at while no item comes."""

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
"""Between two tries; the wait doubles with each in vain."""

STEADY_S = 60.0
"""What worked for this long was not broken: the next wait begins with the shortest again."""


class Consumer(Protocol[T_contra]):
    """What takes items, and may fail.

    error: why it does not reach whom it serves at the moment, though it takes items, else empty.
    note: what is good to know of it, in a few words, such as its address; else empty.
    """

    @property
    def error(self) -> str:
        """Empty where all is well."""

    @property
    def note(self) -> str:
        """A few words."""

    def write(self, item: T_contra, /) -> None:
        """Take an item. Any error makes the guard close it, and open a new one later."""

    def close(self) -> None:
        """Give everything back. Called once."""


@runtime_checkable
class Patient(Protocol):
    """A taker that need not be woken for each item, but for those that bring something new.

    patience_s: how long the others may wait for more to join them, s.
    """

    @property
    def patience_s(self) -> float:
        """It may change with time; 0 is not at all."""


@runtime_checkable
class Storing(Protocol):
    """A consumer that keeps items until it can pass them on.

    stored: those that wait. lost: those that had no place.
    """

    @property
    def stored(self) -> int:
        """Items."""

    @property
    def lost(self) -> int:
        """Items."""


@runtime_checkable
class Independent(Protocol):
    """A consumer with a thread of its own, which may fail while no item comes.

    fault: what it failed with; it is then closed, and a new one is opened.
    """

    @property
    def fault(self) -> Exception | None:
        """None where all is well."""


class Guard(Generic[T]):
    """Opens a consumer, feeds it, and opens it anew after a fault; until then its items are thrown away and counted.

    All of it happens on the thread that calls `deliver`, so that neither a slow opening nor a fault is felt elsewhere.

    name: what messages call it. dropped: items that came while it was not open. faults: how often it failed, or could
        not be opened.
    first_wait_s: between a fault and the next try, s; it doubles with each try in vain.
    """

    def __init__(
        self, name: str, open_consumer: Callable[[], Consumer[T]], *, first_wait_s: float = FIRST_WAIT_S
    ) -> None:
        self.name = name
        self.dropped = 0
        self.faults = 0
        self._lost = 0  # by those that were closed
        self._open_consumer = open_consumer
        self._first_wait_s = self._wait_s = first_wait_s
        self._consumer: Consumer[T] | None = None
        self._fault = ""
        self._opened_s = 0.0
        self._retry_s = 0.0

    @property
    def error(self) -> str:
        """Why it does not serve at the moment, else empty. Any thread may ask."""
        consumer = self._consumer
        return self._fault if consumer is None else consumer.error

    @property
    def note(self) -> str:
        """What is good to know of it, else empty. Any thread may ask."""
        consumer = self._consumer
        return "" if consumer is None else consumer.note

    @property
    def stored(self) -> int:
        """Items that it keeps until it can pass them on. Any thread may ask."""
        consumer = self._consumer
        return consumer.stored if isinstance(consumer, Storing) else 0

    @property
    def lost(self) -> int:
        """Items that had no place there. Any thread may ask."""
        consumer = self._consumer
        return self._lost + (consumer.lost if isinstance(consumer, Storing) else 0)

    def deliver(self, inbox: HandOver[T]) -> None:
        """Feed it from `inbox` until that is closed."""
        try:
            while True:
                self._open_if_due()
                item = inbox.get(timeout_s=self._patience_s())
                if item is not None:
                    self._give(item)
                else:
                    self._look()
                await_more(self._consumer, inbox)
        except Closed:
            self._end()

    def _patience_s(self) -> float | None:
        """How long to wait for an item, s; None is for as long as it takes."""
        if self._consumer is None:
            return max(0.0, self._retry_s - time.monotonic())
        return LOOK_S if isinstance(self._consumer, Independent) else None

    def _open_if_due(self) -> None:
        if self._consumer is not None or time.monotonic() < self._retry_s:
            return
        try:
            self._consumer = self._open_consumer()
        except Exception as error:  # noqa: BLE001  # whatever it is, the run goes on without it
            self._fail(error)
            return
        self._opened_s = time.monotonic()
        if self._fault:
            log.info("%s: works again", self.name)
        self._fault = ""

    def _give(self, item: T) -> None:
        if self._consumer is None:
            self.dropped += 1
            return
        try:
            self._consumer.write(item)
        except Exception as error:  # noqa: BLE001  # as above
            self._give_up(error)

    def _look(self) -> None:
        consumer: object = self._consumer
        fault = consumer.fault if isinstance(consumer, Independent) else None
        if fault is not None:
            self._give_up(fault)

    def _give_up(self, error: Exception) -> None:
        if time.monotonic() - self._opened_s >= STEADY_S:
            self._wait_s = self._first_wait_s
        self._fail(error)
        self._end()

    def _fail(self, error: Exception) -> None:
        self.faults += 1
        kind = "" if isinstance(error, EdgeError) else f"unexpected {type(error).__name__}: "
        fault = f"{kind}{error}"
        if fault != self._fault:  # the same again every minute would fill the log
            log.warning("%s: %s; trying again", self.name, fault, exc_info=error if log.isEnabledFor(10) else None)
        self._fault = fault
        self._retry_s = time.monotonic() + self._wait_s
        self._wait_s = min(2 * self._wait_s, LONGEST_WAIT_S)

    def _end(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is None:
            return
        self._lost += consumer.lost if isinstance(consumer, Storing) else 0
        try:
            consumer.close()
        except Exception as error:  # noqa: BLE001  # as above
            log.warning("%s: cannot be closed in good order: %s", self.name, error)


def await_more(taker: object, inbox: HandOver[T]) -> None:
    """Let items gather, where there is none at the moment and the taker has patience."""
    if isinstance(taker, Patient) and not inbox.waiting:
        inbox.pause(taker.patience_s)
