"""A stream of events ends by itself, so that nobody holds a thread of the server for ever."""

import json

import pytest
from page_parts import make_reading, make_shown, make_status

from edge.sinks.page.news import LIFE_S, OLD_S, News
from edge.sinks.page.timeline import KEEP_S, Timeline


class Clock:
    now_s = 1000.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def news(clock):
    return News(make_status, lambda: 0, Timeline(), listeners=1, clock=clock)


def listen(news):
    """What a stream says, after the line that has a browser ask again."""
    stream = news.stream()
    assert next(stream) == b"retry: 1000\n\n"
    return stream


def told(event):
    return json.loads(event.removeprefix(b"data: "))


def test_a_stream_ends_after_its_time(news, clock):
    """Be it read or not; the browser asks for the next one."""
    stream = listen(news)
    assert told(next(stream))["status"]["state"] == "running"
    clock.now_s += LIFE_S
    assert list(stream) == []


def test_faces_of_long_ago_are_not_told(news, clock):
    news.put(make_shown(make_reading(), captured_at=clock.now_s).observation)
    assert [face["face"] for face in told(next(listen(news)))["faces"]] == [1]
    clock.now_s += OLD_S + 0.1
    assert told(next(listen(news)))["faces"] == []


def test_a_new_listener_is_told_of_the_last_ten_minutes(news, clock):
    """And of nothing before, though a face that has been there for long keeps it in memory."""
    for passed_s in (0.0, KEEP_S, KEEP_S + 10.0):
        news.put(make_shown(make_reading(), captured_at=1000.0 + passed_s).observation)
    clock.now_s += 2 * KEEP_S + 9.0
    assert [stretch[0] for stretch in told(next(listen(news)))["stretches"]] == [1]
    clock.now_s += 2.0
    assert told(next(listen(news)))["stretches"] == []
