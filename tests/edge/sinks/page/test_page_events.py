"""Event streams contain what is current, and end by themselves so that none holds a server thread for ever."""

import json

import pytest
from samples import make_frame_with_readings, make_reading, make_status

from edge.sinks.page import events as module
from edge.sinks.page.events import MAX_AGE_S, STREAM_LIFE_S, EventFeed
from edge.sinks.page.timeline import KEEP_S, Timeline


class Clock:
    now_s = 1000.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def feed(clock, monkeypatch):
    monkeypatch.setattr(module, "INTERVAL_S", 0.0)
    return EventFeed(make_status, lambda: 0, Timeline(), max_streams=1, clock=clock)


def listen(feed):
    """Return a stream behind its first line, which tells the browser when to reconnect."""
    stream = feed.stream()
    assert next(stream) == b"retry: 1000\n\n"
    return stream


def decode(event):
    return json.loads(event.removeprefix(b"data: "))


def test_a_stream_ends_after_its_life(feed, clock):
    """A stream ends after its life, whether or not anybody reads it; a browser opens the next one."""
    stream = listen(feed)
    assert decode(next(stream))["status"]["state"] == "running"
    clock.now_s += STREAM_LIFE_S
    assert list(stream) == []


def test_old_faces_are_not_sent(feed, clock):
    """While no frame arrives the faces of the last one are not current: nobody knows whether there are any."""
    feed.put(make_frame_with_readings(make_reading(), captured_at=clock.now_s).observation)
    assert [face["face"] for face in decode(next(listen(feed)))["faces"]] == [1]
    clock.now_s += MAX_AGE_S + 0.1
    assert decode(next(listen(feed)))["faces"] is None


def test_a_new_stream_begins_with_the_last_ten_minutes(feed, clock):
    """Older segments are left out, even if the time line still holds those of a face that stayed for long."""
    for passed_s in (0.0, KEEP_S, KEEP_S + 10.0):
        feed.put(make_frame_with_readings(make_reading(), captured_at=1000.0 + passed_s).observation)
    clock.now_s += 2 * KEEP_S + 9.0
    assert [segment[0] for segment in decode(next(listen(feed)))["stretches"]] == [1]
    clock.now_s += 2.0
    assert decode(next(listen(feed)))["stretches"] == []
