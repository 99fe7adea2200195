"""A live source is held back to a rate, and let go at once when that changes."""

import threading
import time

from edge.runtime.pace import Pace


def waiting(pace, since_s):
    thread = threading.Thread(target=pace.wait, args=(since_s,), daemon=True)
    thread.start()
    return thread


def test_without_a_rate_nothing_waits():
    """The camera itself sets the pace."""
    Pace().wait(time.monotonic() + 100)


def test_a_wait_lasts_until_the_interval_is_over():
    """Counted from the last frame, so that work in between is not waited for twice."""
    pace = Pace()
    pace.set(0.1)
    started_s = time.monotonic()
    pace.wait(started_s - 0.05)
    assert 0.04 <= time.monotonic() - started_s < 0.1


def test_a_faster_rate_shortens_a_wait_that_is_under_way():
    """Motion ends the idle rate at once."""
    pace = Pace()
    pace.set(100.0)
    thread = waiting(pace, time.monotonic())
    pace.set(0.0)
    thread.join(5)
    assert not thread.is_alive()


def test_closing_ends_a_wait():
    """A stop need not wait for the next frame."""
    pace = Pace()
    pace.set(100.0)
    thread = waiting(pace, time.monotonic())
    pace.close()
    thread.join(5)
    assert not thread.is_alive()
    pace.wait(time.monotonic())


def test_a_slower_rate_lengthens_a_wait_that_is_under_way():
    """Whoever is woken by a change waits on for the new interval."""
    pace = Pace()
    pace.set(100.0)
    thread = waiting(pace, time.monotonic())
    pace.set(200.0)
    thread.join(0.1)
    assert thread.is_alive()
    pace.close()
    thread.join(5)
    assert not thread.is_alive()
