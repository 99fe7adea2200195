"""The last ten minutes of each face are remembered, in a memory that does not grow."""

import numpy as np
import pytest
from page_parts import make_reading, make_shown

from edge.sinks.page.timeline import KEEP_S, MOST, Timeline

BLACK = np.zeros((1, 1, 3), np.uint8)


@pytest.fixture
def timeline():
    return Timeline()


def feed(timeline, at_s, *readings):
    timeline.add(make_shown(*readings, picture=BLACK, captured_at=at_s).observation)


def told(timeline, since_s=float("-inf")):
    return [(last.face, last.emotion, last.start, last.end) for last in timeline.since(since_s)]


def test_a_name_that_stays_is_one_stretch(timeline):
    for at_s in range(5):
        feed(timeline, at_s, make_reading("happy"))
    assert told(timeline) == [(1, "happy", 0, 4)]


def test_another_name_begins_where_the_one_before_ends(timeline):
    feed(timeline, 0.0, make_reading("happy"))
    feed(timeline, 2.0, make_reading("sad"), make_reading("angry", face=2))
    feed(timeline, 3.0, make_reading("sad"))
    assert told(timeline) == [(1, "happy", 0.0, 2.0), (1, "sad", 2.0, 3.0), (2, "angry", 2.0, 2.0)]


def test_a_name_that_flickers_does_not_fill_the_memory(timeline):
    """At thirty frames a second, another name with each."""
    for index in range(300):
        feed(timeline, index / 30, make_reading(("happy", "sad")[index % 2]))
    assert len(told(timeline)) <= 11


def test_only_what_is_new_is_told_again(timeline):
    """So that an event is small, however much there is to remember."""
    feed(timeline, 0.0, make_reading("happy"))
    feed(timeline, 2.0, make_reading("sad"))
    feed(timeline, 3.0, make_reading("sad"))
    assert told(timeline, 2.5) == [(1, "sad", 2.0, 3.0)]


def test_what_is_older_is_forgotten(timeline):
    feed(timeline, 0.0, make_reading("happy"))
    feed(timeline, 1.0)
    feed(timeline, KEEP_S + 1.0, make_reading("sad", face=2))
    assert told(timeline) == [(2, "sad", KEEP_S + 1.0, KEEP_S + 1.0)]


def test_a_crowd_is_remembered_in_part(timeline):
    """A new face in each frame, for longer than the memory."""
    for face in range(MOST + 100):
        feed(timeline, face / 30, make_reading(face=face))
    stretches = told(timeline)
    assert len(stretches) == MOST
    assert stretches[-1][0] == MOST + 99
    assert len(timeline._open) == 1
