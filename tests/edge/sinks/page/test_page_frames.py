"""Frames are encoded once for all viewers, only while somebody watches, no faster than `fps`, and are never old."""

import threading

import pytest
from waiting import wait_for

from edge.sinks.page.frames import LEASE_S, MAX_AGE_S, FrameFeed, TooManyViewersError

LONG_S = 600.0
"""Longer than any test, s."""


class Clock:
    now_s = 100.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def feed(clock):
    """A feed whose frames are texts; requests do not wait, so that the test's clock is the only one."""
    return FrameFeed(str.encode, fps=10.0, max_viewers=2, wait_s=0.0, clock=clock)


def test_nothing_is_encoded_while_nobody_watches(feed, clock):
    """Nothing is encoded before the first viewer, and once the last one has sent no request for some seconds."""
    feed.put("frame")
    assert feed.encoded == 0
    feed.next("ann", 0)
    feed.put("frame")
    assert feed.encoded == 1
    clock.now_s += LEASE_S + 0.1
    feed.put("frame")
    assert feed.encoded == 1
    assert feed.viewers == 0


def test_a_frame_is_encoded_once_for_all_viewers(feed):
    """Two viewers receive the same data."""
    for name in ("ann", "bob"):
        feed.next(name, 0)
    feed.put("frame")
    assert feed.next("ann", 0).image == feed.next("bob", 0).image == b"frame"
    assert feed.encoded == 1


def test_frames_are_encoded_at_the_configured_rate(feed, clock):
    """Of a camera's 30 frames a second, 10 are encoded."""
    for _ in range(90):
        feed.next("ann", feed.encoded)
        feed.put("frame")
        clock.now_s += 1 / 30
    assert feed.encoded == pytest.approx(30, abs=1)


def test_a_viewer_too_many_is_refused_until_another_has_left(feed, clock):
    """A viewer has left when its lease has expired."""
    feed.next("ann", 0)
    feed.next("bob", 0)
    with pytest.raises(TooManyViewersError):
        feed.next("cid", 0)
    feed.next("ann", 0)
    clock.now_s += LEASE_S / 2
    feed.next("bob", 0)
    clock.now_s += LEASE_S / 2 + 0.1
    feed.next("cid", 0)
    assert feed.viewers == 2


def test_an_old_frame_is_not_served(feed, clock):
    """While the camera is lost its last frame would look current."""
    feed.next("ann", 0)
    feed.put("frame")
    clock.now_s += MAX_AGE_S
    assert feed.next("ann", 0) is None


def test_a_frame_is_not_served_twice_to_a_viewer(feed):
    """A viewer that has the newest frame receives none."""
    feed.next("ann", 0)
    feed.put("frame")
    number = feed.next("ann", 0).number
    assert feed.next("ann", number) is None


def test_a_waiting_viewer_receives_the_next_frame_at_once(clock):
    """The request of a waiting viewer ends with the next frame, not with the time limit."""
    feed = FrameFeed(str.encode, fps=10.0, max_viewers=2, wait_s=LONG_S, clock=clock)
    received = []
    thread = threading.Thread(target=lambda: received.append(feed.next("ann", 0)), daemon=True)
    thread.start()
    wait_for(lambda: feed.viewers)
    feed.put("frame")
    wait_for(lambda: received)
    assert received[0].image == b"frame"


def test_closing_ends_waiting_requests(clock):
    """Closing the feed ends waiting requests at once, so that the page closes without delay."""
    feed = FrameFeed(str.encode, fps=10.0, max_viewers=2, wait_s=LONG_S, clock=clock)
    thread = threading.Thread(target=feed.next, args=("ann", 0), daemon=True)
    thread.start()
    feed.close()
    wait_for(lambda: not thread.is_alive())


def test_idle_s_is_the_time_until_a_frame_is_needed(feed, clock):
    """The feed's thread need not wake up for the frames in between; while nobody watches none is needed."""
    assert feed.idle_s is None
    feed.next("ann", 0)
    feed.put("frame")
    assert feed.idle_s == 0.0  # the first frame was overdue, so the next may follow at once
    feed.put("frame")
    assert feed.idle_s == pytest.approx(0.1)
    clock.now_s += 0.06
    assert feed.idle_s == pytest.approx(0.04)
    clock.now_s += LEASE_S
    feed.put("frame")
    assert feed.idle_s is None
