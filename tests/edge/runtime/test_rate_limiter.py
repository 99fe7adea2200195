"""A rate limiter makes a source wait for its interval, and reacts to changes during a wait."""

import threading
import time

from waiting import LIMIT_S

from edge.runtime.rate_limiter import RateLimiter


def waiting(limiter, since_s):
    thread = threading.Thread(target=limiter.wait, args=(since_s,), daemon=True)
    thread.start()
    return thread


def test_without_a_rate_nothing_waits():
    """A limiter without an interval never waits."""
    RateLimiter().wait(time.monotonic() + 100)


def test_a_wait_lasts_until_the_interval_is_over():
    """The interval counts from the last frame: of ten minutes of which all but a moment is over, the moment is left."""
    limiter = RateLimiter()
    limiter.set(600.0)
    started_s = time.monotonic()
    limiter.wait(started_s - 599.95)
    assert time.monotonic() - started_s >= 0.04


def test_a_faster_rate_shortens_a_wait_that_is_under_way():
    """A shorter interval takes effect during a wait."""
    limiter = RateLimiter()
    limiter.set(100.0)
    thread = waiting(limiter, time.monotonic())
    limiter.set(0.0)
    thread.join(LIMIT_S)
    assert not thread.is_alive()


def test_closing_ends_a_wait():
    """`close` ends a wait, and later ones return at once."""
    limiter = RateLimiter()
    limiter.set(100.0)
    thread = waiting(limiter, time.monotonic())
    limiter.close()
    thread.join(LIMIT_S)
    assert not thread.is_alive()
    limiter.wait(time.monotonic())


def test_a_slower_rate_lengthens_a_wait_that_is_under_way():
    """A longer interval takes effect during a wait."""
    limiter = RateLimiter()
    limiter.set(100.0)
    thread = waiting(limiter, time.monotonic())
    limiter.set(200.0)
    thread.join(0.1)
    assert thread.is_alive()
    limiter.close()
    thread.join(LIMIT_S)
    assert not thread.is_alive()
