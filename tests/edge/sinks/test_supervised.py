"""A supervised sink's failures do not reach the run: they are logged, and the sink is reopened after a back-off."""

import threading
import time

import pytest
from waiting import LIMIT_S, wait_for

from edge.errors import SinkError
from edge.pipeline.fanout import deliver
from edge.runtime.queue import BoundedQueue, Policy
from edge.sinks.base import Sink
from edge.sinks.supervised import SupervisedSink


class FakeSink(Sink):
    """A sink that fails when its harness is broken, and on the item "break"."""

    note = "at port 80"

    def __init__(self, harness):
        self.harness = harness

    def open(self):
        self.harness.opened += 1
        if self.harness.broken:
            raise SinkError("expected power, found none: plug it in")

    def write(self, item):
        if item == "break":
            raise ValueError("bad item")
        self.harness.written.append(item)

    def close(self):
        self.harness.closed += 1
        if self.harness.broken:
            raise OSError("the device is gone")


class StoringSink(FakeSink):
    """A sink that stores items, and has lost some."""

    stored, lost = 5, 2


class Harness:
    """A supervised sink that a thread delivers the queue's items to.

    Attributes:
        broken: whether the sink can be neither opened nor closed.
        opened: number of attempts to open a sink.
        closed: number of closed sinks.
        written: items that reached a sink.
    """

    def __init__(self, *, broken=False, first_wait_s=0.01):
        self.opened = self.closed = 0
        self.written, self.broken = [], broken
        self.supervised = SupervisedSink("fake", lambda: FakeSink(self), first_wait_s=first_wait_s)
        self.queue = BoundedQueue(Policy.DROP_OLDEST, capacity=10)
        self.thread = threading.Thread(target=deliver, args=(self.supervised, self.queue), daemon=True)
        self.thread.start()

    def end(self):
        self.queue.close()
        self.thread.join(LIMIT_S)
        assert not self.thread.is_alive()


@pytest.fixture
def harness():
    harness = Harness()
    yield harness
    harness.end()


def test_items_reach_the_sink_in_order(harness):
    """A healthy sink receives every item, is opened once, and its note is visible."""
    for item in "abc":
        harness.queue.put(item)
    wait_for(lambda: harness.written == ["a", "b", "c"])
    assert (harness.opened, harness.supervised.dropped, harness.supervised.error) == (1, 0, "")
    assert harness.supervised.note == "at port 80"


def test_a_sink_that_fails_is_closed_and_reopened(harness, caplog):
    """An unexpected exception loses only the item that caused it: later items reach a new sink."""
    harness.queue.put("break")
    wait_for(lambda: harness.opened == 2)
    harness.queue.put("after")
    wait_for(lambda: harness.written == ["after"])
    assert harness.closed == 1
    assert (harness.supervised.error, harness.supervised.faults) == ("", 1)
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        "fake: unexpected ValueError: bad item; trying again"
    ]


def test_opening_is_retried_without_items_and_logged_once(caplog):
    """A page must come back even while a camera is lost, and repeating the same failure does not fill the log."""
    harness = Harness(broken=True)
    wait_for(lambda: harness.opened >= 3)
    assert harness.supervised.error == "expected power, found none: plug it in"
    assert harness.supervised.note == ""
    harness.broken = False
    wait_for(lambda: harness.supervised.error == "")
    harness.end()
    assert harness.closed == 1
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 1


def test_items_that_arrive_while_a_sink_is_broken_are_counted(caplog):
    """Such items are dropped, the number of dropped items rises, and the failure is logged."""
    harness = Harness(broken=True, first_wait_s=1000)
    wait_for(lambda: harness.supervised.error)
    for item in "abc":
        harness.queue.put(item)
    wait_for(lambda: harness.supervised.dropped == 3)
    harness.end()
    assert harness.written == []
    assert caplog.records


def test_the_wait_doubles_up_to_a_minute():
    """A sink that stays broken is retried after 1, 2, 4 … and at most 60 seconds."""
    supervised = SupervisedSink("fake", lambda: FakeSink(Harness()))
    waits = []
    for _ in range(9):
        before_s = time.monotonic()
        supervised._fail(SinkError("broken"))
        waits.append(supervised._retry_s - before_s)
    assert waits == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60, 60], abs=0.5)


def test_an_error_on_closing_is_logged(caplog):
    """If a sink cannot be closed at the end, the log has the reason, and the thread ends normally."""
    harness = Harness()
    harness.queue.put("a")
    wait_for(lambda: harness.written)
    harness.broken = True
    harness.end()
    assert "cannot be closed in good order: the device is gone" in caplog.text


def test_stored_and_lost_items_are_reported(harness):
    """Items lost by earlier sinks are included after a reopening; a sink that stores nothing reports zero."""
    assert (harness.supervised.stored, harness.supervised.lost) == (0, 0)
    harness.supervised._new_sink = lambda: StoringSink(harness)
    for opened in (2, 3):
        harness.queue.put("break")
        wait_for(lambda: harness.opened == opened)  # noqa: B023  # called only in this iteration
    wait_for(lambda: (harness.supervised.stored, harness.supervised.lost) == (5, 4))


class PatientSink(FakeSink):
    """A sink that lets items collect for longer than a test lasts."""

    patience_s = 1000


def test_a_patient_sink_receives_items_in_batches():
    """The first item is written at once; later ones collect in the queue, and none is lost at the end."""
    harness = Harness()
    harness.supervised._new_sink = lambda: PatientSink(harness)
    harness.queue.put("break")
    wait_for(lambda: harness.opened == 2)
    harness.queue.put("a")
    wait_for(lambda: harness.written == ["a"])
    for item in "bc":
        harness.queue.put(item)
    harness.thread.join(0.05)
    assert (harness.written, harness.queue.waiting) == (["a"], 2)
    harness.end()
    assert harness.written == ["a", "b", "c"]


class PolledSink(FakeSink):
    """A sink that can fail without an item, as one with a thread of its own can."""

    fault = None
    poll_s = 0.01

    def poll(self):
        if self.fault is not None:
            raise self.fault


def test_a_sink_that_fails_by_itself_is_reopened_without_an_item():
    """A display that was unplugged must come back even while a camera is lost."""
    sinks = []
    queue = BoundedQueue(Policy.DROP_OLDEST)

    def new_sink():
        sinks.append(PolledSink(Harness()))
        return sinks[-1]

    supervised = SupervisedSink("polled", new_sink, first_wait_s=0.01)
    thread = threading.Thread(target=deliver, args=(supervised, queue), daemon=True)
    thread.start()
    wait_for(lambda: sinks)
    sinks[0].fault = SinkError("no response")
    wait_for(lambda: len(sinks) == 2)
    queue.close()
    thread.join(LIMIT_S)
    assert [sink.harness.closed for sink in sinks] == [1, 1]
    assert supervised.faults == 1
