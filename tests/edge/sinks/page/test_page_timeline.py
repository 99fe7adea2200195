"""The time line holds the last ten minutes of each face in bounded memory."""

import numpy as np
import pytest
from samples import make_frame_with_readings, make_reading

from edge.sinks.page.timeline import KEEP_S, MAX_SEGMENTS, Timeline

BLACK = np.zeros((1, 1, 3), np.uint8)


@pytest.fixture
def timeline():
    return Timeline()


def add(timeline, at_s, *readings):
    timeline.add(make_frame_with_readings(*readings, picture=BLACK, captured_at=at_s).observation)


def segments(timeline, since_s=float("-inf")):
    return [(segment.face, segment.emotion, segment.start, segment.end) for segment in timeline.since(since_s)]


def test_an_unchanged_emotion_is_one_segment(timeline):
    """While an emotion is unchanged, one segment grows with each observation."""
    for at_s in range(5):
        add(timeline, at_s, make_reading("happy"))
    assert segments(timeline) == [(1, "happy", 0, 4)]


def test_a_segment_begins_where_the_one_before_ends(timeline):
    """Each face has segments of its own, without gaps between them."""
    add(timeline, 0.0, make_reading("happy"))
    add(timeline, 2.0, make_reading("sad"), make_reading("angry", track_id=2))
    add(timeline, 3.0, make_reading("sad"))
    assert segments(timeline) == [(1, "happy", 0.0, 2.0), (1, "sad", 2.0, 3.0), (2, "angry", 2.0, 2.0)]


def test_a_flickering_emotion_does_not_fill_the_memory(timeline):
    """An emotion that changes with each of 300 frames in ten seconds makes at most one segment a second."""
    for index in range(300):
        add(timeline, index / 30, make_reading(("happy", "sad")[index % 2]))
    assert len(segments(timeline)) <= 11


def test_since_returns_only_what_is_new(timeline):
    """`since` returns only new or grown segments, so that an event is small however long the time line is."""
    add(timeline, 0.0, make_reading("happy"))
    add(timeline, 2.0, make_reading("sad"))
    add(timeline, 3.0, make_reading("sad"))
    assert segments(timeline, 2.5) == [(1, "sad", 2.0, 3.0)]


def test_old_segments_are_dropped(timeline):
    """A segment is dropped ten minutes after its end."""
    add(timeline, 0.0, make_reading("happy"))
    add(timeline, 1.0)
    add(timeline, KEEP_S + 1.0, make_reading("sad", track_id=2))
    assert segments(timeline) == [(2, "sad", KEEP_S + 1.0, KEEP_S + 1.0)]


def test_a_crowd_does_not_fill_the_memory(timeline):
    """With a new face in each frame only the newest segments remain, and only the faces in view."""
    for face in range(MAX_SEGMENTS + 100):
        add(timeline, face / 30, make_reading(track_id=face))
    kept = segments(timeline)
    assert len(kept) == MAX_SEGMENTS
    assert kept[-1][0] == MAX_SEGMENTS + 99
    assert len(timeline._current) == 1
