"""Readings are drawn where the face is, in the colour of the emotion, and the shared frame is not changed."""

import numpy as np
import pytest

from edge.records import Box, Frame, FrameWithReadings, Observation, Reading
from edge.sinks.colors import COLORS
from edge.sinks.video.annotate import annotate, caption

GRAY = np.full((240, 320), 100, np.uint8)
COLOR = np.dstack([np.full((240, 320), value, np.uint8) for value in (90, 100, 110)])


FACE = Box(100, 80, 80, 80)


def reading(emotion="happy", *, box=FACE, confidence=0.5, unclear=None):
    return Reading(1, box, emotion, confidence, {emotion: confidence}, 0, 0.0, 0.0, unclear)


def make_item(*readings, color=COLOR):
    frame = Frame(GRAY, 0, 0.0, 0.0, "camera", color)
    return FrameWithReadings(frame, Observation(0, "camera", 0.0, 0.0, readings, ()))


def is_color(pixels, emotion):
    """Return which pixels of a BGR picture have the colour of an emotion."""
    return np.all(pixels == COLORS[emotion][::-1], axis=-1)


@pytest.mark.parametrize("color", [None, COLOR])
def test_the_shared_frame_is_not_changed(color):
    """Other viewers get the same arrays; if the frame has no colour, the picture is grey."""
    before = None if color is None else color.copy()
    picture = annotate(make_item(reading(), color=color))
    assert picture.shape == (240, 320, 3)
    assert picture.dtype == np.uint8
    assert picture[0, 0].tolist() == ([100, 100, 100] if color is None else [90, 100, 110])
    assert np.all(GRAY == 100)
    if before is not None:
        assert np.array_equal(color, before)


def test_without_a_face_the_picture_equals_the_frame():
    """Nothing is drawn if there is no reading."""
    assert np.array_equal(annotate(make_item()), COLOR)


@pytest.mark.parametrize("emotion", COLORS)
def test_a_face_has_a_box_in_the_colour_of_its_emotion(emotion):
    """All four sides have it, and the face itself is not covered."""
    picture = annotate(make_item(reading(emotion)))
    for side in (picture[80, 100:180], picture[159, 100:180], picture[80:160, 100], picture[80:160, 179]):
        assert is_color(side, emotion).all()
    assert np.array_equal(picture[90:150, 110:170], COLOR[90:150, 110:170])


@pytest.mark.parametrize(("confidence", "filled"), [(0.0, 0), (0.25, 20), (1.0, 80)])
def test_the_length_of_the_bar_is_the_confidence(confidence, filled):
    """The bar is below the box, which is 80 px wide."""
    row = annotate(make_item(reading(confidence=confidence)))[163]
    assert is_color(row, "happy").sum() == filled


def test_the_caption_is_above_the_face():
    """It has dark letters on the colour of the emotion."""
    above = annotate(make_item(reading()))[64:78, 100:160]
    assert is_color(above, "happy").mean() > 0.5
    assert (above.max(axis=-1) < 60).any()


@pytest.mark.parametrize("box", [Box(0, 0, 40, 40), Box(280, 0, 40, 40), Box(0, 200, 40, 40), Box(280, 200, 40, 40)])
def test_caption_and_bar_stay_inside_at_an_edge(box):
    """As much of both is visible as for a face in the middle of the picture."""
    free = annotate(make_item(reading("sad", box=Box(100, 100, 40, 40), confidence=1.0)))
    at_edge = annotate(make_item(reading("sad", box=box, confidence=1.0)))
    share = is_color(at_edge, "sad").sum() / is_color(free, "sad").sum()
    assert share == pytest.approx(1.0, abs=0.15)


def test_a_caption_wider_than_the_picture_keeps_its_beginning():
    """A picture of 40 px is drawn like the left part of a wide one."""
    face = reading(box=Box(0, 20, 16, 16))
    wide, narrow = (Frame(GRAY[:40, :width], 0, 0.0, 0.0, "camera") for width in (200, 40))
    drawn = [
        annotate(FrameWithReadings(frame, Observation(0, "camera", 0.0, 0.0, (face,), ()))) for frame in (wide, narrow)
    ]
    assert np.array_equal(drawn[1], drawn[0][:, :40])


def test_text_grows_with_the_picture():
    """On a picture three times as high the caption is at least twice as high."""
    large = Frame(np.zeros((720, 960), np.uint8), 0, 0.0, 0.0, "camera")
    face = reading(box=Box(300, 240, 240, 240))
    picture = annotate(FrameWithReadings(large, Observation(0, "camera", 0.0, 0.0, (face,), ())))
    small = annotate(make_item(reading()))
    assert is_color(picture[:235, 301], "happy").sum() >= 2 * is_color(small[:78, 101], "happy").sum() > 0


def test_the_caption_of_an_unclear_face_has_the_reason():
    """It has the last emotion with a question mark instead of a confidence, which would look like a new one."""
    assert caption(reading("happy", confidence=0.83)) == "happy 83%"
    assert caption(reading("happy", unclear="too dark")) == "happy? too dark"
