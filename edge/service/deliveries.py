"""Notices a sink whose call does not return, such as a write to a hung disk or to a pipe that nobody reads."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from edge.counters import Delivery

log = logging.getLogger(__name__)

BLOCKED_S = 5.0
"""Time after which a call that has not returned is reported, s."""


@dataclass(slots=True)
class _Call:
    """The newest call of a sink.

    Attributes:
        calls: the delivery's count when it was first seen.
        since_s: when that was, on the run clock, s.
        dropped: what the queue had dropped by then.
        is_blocked: whether it was reported.
    """

    calls: int
    since_s: float
    dropped: int
    is_blocked: bool = False


class DeliveryWatch:
    """Watches the sinks' threads from the main thread; any thread may read what it found.

    Attributes:
        blocked: the sinks that are blocked, by name, each with the time since when, on the run clock, s.
        blocks: how often each sink was blocked.
    """

    def __init__(self) -> None:
        self.blocked: dict[str, float] = {}
        self.blocks: dict[str, int] = {}
        self._dropped: dict[str, int] = {}
        self._calls: dict[str, _Call] = {}
        self._deliveries: Mapping[str, Delivery] = {}

    def update(self, deliveries: Mapping[str, Delivery], now_s: float) -> None:
        """Look at all deliveries; call this about twice a second.

        Args:
            deliveries: the run's.
            now_s: s on the run clock.
        """
        self._deliveries = deliveries
        for name, delivery in deliveries.items():
            calls, call = delivery.calls, self._calls.get(name)
            if call is None or call.calls != calls:
                if call is not None and call.is_blocked:
                    self._end(name, call, now_s)
                self._calls[name] = _Call(calls, now_s, delivery.queue.dropped)
            elif calls % 2 and not call.is_blocked and now_s - call.since_s >= BLOCKED_S:
                call.is_blocked = True
                self.blocks[name] = self.blocks.get(name, 0) + 1
                self.blocked = {**self.blocked, name: call.since_s}
                log.warning("%s: blocked: a call has not returned for %.0f s; the run goes on", name, BLOCKED_S)

    def dropped(self, name: str) -> int:
        """Return how many items a sink did not get because it was blocked, now and before."""
        call = self._calls.get(name)
        now = self._deliveries[name].queue.dropped - call.dropped if call is not None and call.is_blocked else 0
        return self._dropped.get(name, 0) + now

    def error(self, name: str, now_s: float) -> str:
        """Return since when a sink is blocked, as text; empty if it is not.

        Args:
            name: the sink's name.
            now_s: s on the run clock.
        """
        since_s = self.blocked.get(name)
        return "" if since_s is None else f"blocked for {now_s - since_s:.0f} s: a call does not return"

    def _end(self, name: str, call: _Call, now_s: float) -> None:
        self._dropped[name] = self.dropped(name)
        self.blocked = {other: since_s for other, since_s in self.blocked.items() if other != name}
        log.info("%s: works again, after %.0f s", name, now_s - call.since_s)
