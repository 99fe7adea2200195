"""What is said of a face stands where the face is, in its colour, and the camera's frame stays as it was."""

import numpy as np
import pytest

from edge.records import Box, Frame, Observation, Reading, Shown
from edge.sinks.annotate import annotate, words
from edge.sinks.colors import COLORS

GRAY = np.full((240, 320), 100, np.uint8)
COLOR = np.dstack([np.full((240, 320), value, np.uint8) for value in (90, 100, 110)])


FACE = Box(100, 80, 80, 80)


def reading(emotion="happy", *, box=FACE, confidence=0.5, unclear=None):
    return Reading(1, box, emotion, confidence, {emotion: confidence}, 0, 0.0, 0.0, unclear)


def shown(*readings, color=COLOR):
    frame = Frame(GRAY, 0, 0.0, 0.0, "camera", color)
    return Shown(frame, Observation(0, "camera", 0.0, 0.0, readings, ()))


def is_color(pixels, emotion):
    """Which pixels of a BGR picture have the emotion's colour."""
    return np.all(pixels == COLORS[emotion][::-1], axis=-1)


@pytest.mark.parametrize("color", [None, COLOR])
def test_the_shared_frame_is_not_drawn_on(color):
    """Other viewers are given the same arrays; without colour the picture is the grey one."""
    before = None if color is None else color.copy()
    picture = annotate(shown(reading(), color=color))
    assert picture.shape == (240, 320, 3)
    assert picture.dtype == np.uint8
    assert picture[0, 0].tolist() == ([100, 100, 100] if color is None else [90, 100, 110])
    assert np.all(GRAY == 100)
    if before is not None:
        assert np.array_equal(color, before)


def test_without_a_face_the_picture_is_the_frame():
    assert np.array_equal(annotate(shown()), COLOR)


@pytest.mark.parametrize("emotion", COLORS)
def test_a_face_has_a_box_in_the_colour_of_its_emotion(emotion):
    """All four sides, and its middle is not painted over."""
    picture = annotate(shown(reading(emotion)))
    for side in (picture[80, 100:180], picture[159, 100:180], picture[80:160, 100], picture[80:160, 179]):
        assert is_color(side, emotion).all()
    assert np.array_equal(picture[90:150, 110:170], COLOR[90:150, 110:170])


@pytest.mark.parametrize(("confidence", "filled"), [(0.0, 0), (0.25, 20), (1.0, 80)])
def test_the_bar_is_as_long_as_the_answer_is_sure(confidence, filled):
    """Below the box, which is 80 px wide."""
    row = annotate(shown(reading(confidence=confidence)))[163]
    assert is_color(row, "happy").sum() == filled


def test_the_name_stands_above_the_face():
    """On a ground of its colour, with dark letters on it."""
    above = annotate(shown(reading()))[64:78, 100:160]
    assert is_color(above, "happy").mean() > 0.5
    assert (above.max(axis=-1) < 60).any()


@pytest.mark.parametrize("box", [Box(0, 0, 40, 40), Box(280, 0, 40, 40), Box(0, 200, 40, 40), Box(280, 200, 40, 40)])
def test_at_an_edge_the_name_and_the_bar_stay_inside(box):
    """All of the name's ground is to be seen, as in the middle, and so is the bar."""
    free = annotate(shown(reading("sad", box=Box(100, 100, 40, 40), confidence=1.0)))
    at_edge = annotate(shown(reading("sad", box=box, confidence=1.0)))
    share = is_color(at_edge, "sad").sum() / is_color(free, "sad").sum()
    assert share == pytest.approx(1.0, abs=0.15)


def test_of_a_name_wider_than_the_picture_the_beginning_is_seen():
    """A picture of a postage stamp's size is drawn on like any other."""
    face = reading(box=Box(0, 20, 16, 16))
    wide, stamp = (Frame(GRAY[:40, :width], 0, 0.0, 0.0, "camera") for width in (200, 40))
    drawn = [annotate(Shown(frame, Observation(0, "camera", 0.0, 0.0, (face,), ()))) for frame in (wide, stamp)]
    assert np.array_equal(drawn[1], drawn[0][:, :40])


def test_text_grows_with_the_picture():
    """On a picture three times as high its ground is at least twice as high."""
    large = Frame(np.zeros((720, 960), np.uint8), 0, 0.0, 0.0, "camera")
    face = reading(box=Box(300, 240, 240, 240))
    picture = annotate(Shown(large, Observation(0, "camera", 0.0, 0.0, (face,), ())))
    small = annotate(shown(reading()))
    assert is_color(picture[:235, 301], "happy").sum() >= 2 * is_color(small[:78, 101], "happy").sum() > 0


def test_what_could_not_be_classified_is_said_with_the_reason():
    """The last name with a question mark, and no figure that would look like new."""
    assert words(reading("happy", confidence=0.83)) == "happy 83%"
    assert words(reading("happy", unclear="too dark")) == "happy? too dark"
