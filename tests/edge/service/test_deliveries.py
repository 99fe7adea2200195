"""A sink whose call does not return is named, and what it missed meanwhile is counted."""

import logging

import pytest

from edge.counters import Delivery
from edge.runtime.queue import BoundedQueue, Policy
from edge.service.deliveries import BLOCKED_S, DeliveryWatch


@pytest.fixture
def queue():
    return BoundedQueue(Policy.DROP_OLDEST, capacity=1)


@pytest.fixture
def delivery(queue):
    return Delivery(queue)


@pytest.fixture
def watch(delivery):
    watch = DeliveryWatch()
    watch.update({"page": delivery}, 0.0)
    return watch


def test_a_call_that_does_not_return_is_named_once(watch, delivery, caplog):
    """Within 10 s there is a warning, and the error says since when."""
    delivery.calls += 1
    for half_seconds in range(1, 41):
        watch.update({"page": delivery}, half_seconds / 2)
        is_late = half_seconds / 2 >= BLOCKED_S + 0.5
        assert (list(watch.blocked) == ["page"]) is is_late
    assert BLOCKED_S + 0.5 <= 10.0
    assert watch.error("page", 20.0) == "blocked for 20 s: a call does not return"
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (logging.WARNING, "page: blocked: a call has not returned for 5 s; the run goes on")
    ]
    assert watch.blocks == {"page": 1}


def test_a_sink_that_works_is_not_blocked(watch, delivery):
    """Neither calls that return nor a sink that gets nothing count, however long that lasts."""
    for second in range(60):
        delivery.calls += 2
        watch.update({"page": delivery}, second)
    for second in range(60, 120):
        watch.update({"page": delivery}, second)
    delivery.calls += 1
    watch.update({"page": delivery}, 120.0)
    assert watch.error("page", 120.0) == ""
    assert watch.blocked == {}


def test_what_is_dropped_meanwhile_is_counted(watch, delivery, queue, caplog):
    """A viewer gets only the newest frame anyway; what it misses counts while it is blocked, and stays counted."""
    caplog.set_level(logging.INFO)

    def drop(count):
        for item in range(count + 1):
            queue.put(item)
        queue.get()

    drop(10)
    delivery.calls += 1
    watch.update({"page": delivery}, 1.0)
    assert watch.dropped("page") == 0
    drop(3)
    watch.update({"page": delivery}, 7.0)
    drop(4)
    assert watch.dropped("page") == 7
    delivery.calls += 1
    watch.update({"page": delivery}, 9.0)
    drop(5)
    assert watch.dropped("page") == 7
    assert watch.error("page", 9.0) == ""
    assert caplog.messages[-1] == "page: works again, after 8 s"
