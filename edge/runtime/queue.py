"""A bounded queue between two threads."""

import threading
from collections import deque
from enum import Enum
from typing import Generic, TypeVar, overload

T = TypeVar("T")


class Closed(Exception):  # noqa: N818  # an end, not an error: it is how a loop learns that it is over
    """The queue is closed: nothing more will come, or nobody takes any more."""


class Policy(Enum):
    """What happens when the queue is full."""

    DROP_OLDEST = "newest wins"
    """The oldest item is dropped and counted: the producer never waits, so that latency never grows."""

    BLOCK = "blocking"
    """The producer waits: nothing is lost, so that results repeat."""


class BoundedQueue(Generic[T]):
    """Passes items from one thread to the next.

    Closing wakes both sides: `put` raises `Closed` at once; `get` first returns what is still there, then raises it.

    Attributes:
        policy: what happens when it is full.
        capacity: how many items it holds.
        dropped: how many items gave way to newer ones.
    """

    def __init__(self, policy: Policy, *, capacity: int = 1) -> None:
        self.capacity = capacity
        self.dropped = 0
        self.policy = policy
        self._items: deque[T] = deque()
        self._closed = False
        self._changed = threading.Condition()  # protects all of the above
        self._roused = threading.Event()  # there is an item that should not wait, or nothing more will come

    @property
    def waiting(self) -> int:
        """How many items wait at this moment; any thread may read it."""
        return len(self._items)

    def put(self, item: T, *, rouse: bool = False) -> None:
        """Append an item.

        Args:
            item: the item.
            rouse: whether the item ends a pause of the consumer.

        Raises:
            Closed: nobody takes any more.
        """
        with self._changed:
            if self.policy is Policy.BLOCK:
                self._changed.wait_for(lambda: self._closed or len(self._items) < self.capacity)
            if self._closed:
                raise Closed
            if len(self._items) == self.capacity:
                self._items.popleft()
                self.dropped += 1
            self._items.append(item)
            if rouse or 2 * len(self._items) > self.capacity > 1:
                self._roused.set()
            self._changed.notify_all()

    @overload
    def get(self) -> T: ...

    @overload
    def get(self, *, timeout_s: float | None) -> T | None: ...

    def get(self, *, timeout_s: float | None = None) -> T | None:
        """Wait for the next item, at most for `timeout_s` seconds; return None when that is over.

        Raises:
            Closed: nothing more will come.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._items, timeout_s)
            if self._items:
                item = self._items.popleft()
                if self._roused.is_set() and not self._items and not self._closed:
                    self._roused.clear()
                self._changed.notify_all()
                return item
            if self._closed:
                raise Closed
            return None

    def poll(self) -> T | None:
        """Return the next item, or None if there is none yet.

        Raises:
            Closed: nothing more will come.
        """
        if not self._items and not self._closed:
            return None  # asked with every frame: no lock for nothing
        return self.get(timeout_s=0.0)

    def pause(self, seconds: float) -> None:
        """Sleep for that long; end early when an item rouses the consumer, at half the capacity, and when closed.

        Waking a thread costs 30 to 200 µs of CPU on a desktop, far more than most consumers spend on an item.
        """
        if seconds:
            self._roused.wait(seconds)

    def close(self, *, discard: bool = False) -> None:
        """Accept nothing more; may be called twice.

        Args:
            discard: whether to drop what still waits.
        """
        with self._changed:
            self._closed = True
            if discard:
                self._items.clear()
            self._changed.notify_all()
        self._roused.set()
