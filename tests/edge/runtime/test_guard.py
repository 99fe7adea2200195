"""A guarded consumer's faults stay its own: they are told, and it is opened anew."""

import threading

import pytest

from edge.errors import SinkError
from edge.runtime import guard as guard_module
from edge.runtime.guard import Guard
from edge.runtime.handover import HandOver, Policy


class Lamp:
    """A consumer that fails when it is told to."""

    error = ""
    note = "at the window"

    def __init__(self, house):
        self.house = house
        house.opened += 1
        if house.dark:
            raise SinkError("lamp: expected power, found none: plug it in")

    def write(self, item):
        if item == "break":
            raise ValueError("the bulb")
        self.house.shown.append(item)
        self.house.changed.set()

    def close(self):
        self.house.closed += 1
        if self.house.dark:
            raise OSError("the switch is gone")


class Cellar(Lamp):
    """A consumer that keeps items, and has no place for some."""

    stored, lost = 5, 2


class House:
    """Feeds a guarded lamp on a thread of its own."""

    def __init__(self, *, dark=False, first_wait_s=0.01):
        self.opened = self.closed = 0
        self.shown, self.dark, self.changed = [], dark, threading.Event()
        self.guard = Guard("lamp", lambda: Lamp(self), first_wait_s=first_wait_s)
        self.inbox = HandOver(Policy.NEWEST_WINS, capacity=10)
        self.thread = threading.Thread(target=self.guard.deliver, args=(self.inbox,), daemon=True)
        self.thread.start()

    def end(self):
        self.inbox.close()
        self.thread.join(5)
        assert not self.thread.is_alive()


@pytest.fixture
def house():
    house = House()
    yield house
    house.end()


def wait_for(condition):
    for _ in range(1000):
        if condition():
            return
        threading.Event().wait(0.005)
    raise AssertionError("it never came true")


def test_items_reach_the_consumer_in_order(house):
    """What is well is merely fed, and tells its note."""
    for item in "abc":
        house.inbox.put(item)
    wait_for(lambda: house.shown == ["a", "b", "c"])
    assert (house.opened, house.guard.dropped, house.guard.error) == (1, 0, "")
    assert house.guard.note == "at the window"


def test_a_fault_closes_it_and_it_is_opened_anew(house, caplog):
    """An error nobody foresaw costs that one item; what comes later reaches a new consumer."""
    house.inbox.put("break")
    wait_for(lambda: house.opened == 2)
    house.inbox.put("after")
    wait_for(lambda: house.shown == ["after"])
    assert house.closed == 1
    assert (house.guard.error, house.guard.faults) == ("", 1)
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        "lamp: unexpected ValueError: the bulb; trying again"
    ]


def test_it_is_tried_without_items_too_and_told_once(caplog):
    """A page must be there even while a camera is lost; and the same fault again does not fill the log."""
    house = House(dark=True)
    wait_for(lambda: house.opened >= 3)
    assert house.guard.error == "lamp: expected power, found none: plug it in"
    assert house.guard.note == ""
    house.dark = False
    wait_for(lambda: house.guard.error == "")
    house.end()
    assert house.closed == 1
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 1


def test_what_comes_while_it_is_broken_is_counted(caplog):
    """Thrown away, but not unnoticed."""
    house = House(dark=True, first_wait_s=1000)
    wait_for(lambda: house.guard.error)
    for item in "abc":
        house.inbox.put(item)
    wait_for(lambda: house.guard.dropped == 3)
    house.end()
    assert house.shown == []
    assert caplog.records


def test_the_wait_doubles_up_to_a_minute():
    """What stays broken is not tried all the time."""
    guard = Guard("lamp", lambda: Lamp(House()))
    waits = []
    for _ in range(9):
        waits.append(guard._wait_s)
        guard._fail(SinkError("dark"))
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_an_error_at_the_end_is_a_line(caplog):
    """Closing may fail as well; the run ends in good order all the same."""
    house = House()
    house.inbox.put("a")
    wait_for(lambda: house.shown)
    house.dark = True
    house.end()
    assert "cannot be closed in good order: the switch is gone" in caplog.text


def test_what_a_consumer_keeps_and_loses_is_told(house):
    """What it has lost is counted on when it is opened anew; one that keeps nothing has nothing to tell."""
    assert (house.guard.stored, house.guard.lost) == (0, 0)
    house.guard._open_consumer = lambda: Cellar(house)
    for opened in (2, 3):
        house.inbox.put("break")
        wait_for(lambda: house.opened == opened)  # noqa: B023  # it is asked at once
    wait_for(lambda: (house.guard.stored, house.guard.lost) == (5, 4))


class Candle(Lamp):
    """A consumer that need not be woken for each item, for as long as a test may last."""

    patience_s = 1000


def test_a_patient_consumer_is_given_many_items_at_once():
    """The first wakes it; those that follow gather, and none is lost when the end comes."""
    house = House()
    house.guard._open_consumer = lambda: Candle(house)
    house.inbox.put("break")
    wait_for(lambda: house.opened == 2)
    house.inbox.put("a")
    wait_for(lambda: house.shown == ["a"])
    for item in "bc":
        house.inbox.put(item)
    house.thread.join(0.05)
    assert (house.shown, house.inbox.waiting) == (["a"], 2)
    house.end()
    assert house.shown == ["a", "b", "c"]


class Clock(Lamp):
    """A lamp with a thread of its own, which may fail while nobody looks."""

    fault = None


def test_one_that_fails_by_itself_is_opened_anew_without_an_item(monkeypatch):
    """A display must be there again even while a camera is lost."""
    monkeypatch.setattr(guard_module, "LOOK_S", 0.01)
    clocks = []
    inbox = HandOver(Policy.NEWEST_WINS)

    def open_clock():
        clocks.append(Clock(House()))
        return clocks[-1]

    guard = Guard("clock", open_clock, first_wait_s=0.01)
    thread = threading.Thread(target=guard.deliver, args=(inbox,), daemon=True)
    thread.start()
    wait_for(lambda: clocks)
    clocks[0].fault = SinkError("the hands are stuck")
    wait_for(lambda: len(clocks) == 2)
    inbox.close()
    thread.join(5)
    assert [clock.house.closed for clock in clocks] == [1, 1]
    assert guard.faults == 1
