"""A known face is found again near where it was, and only there."""

import pytest

from edge.errors import ConfigError
from edge.records import Box
from edge.scenes.catalogue import make_scene
from edge.sources.opencv import luma
from edge.vision.redetect import Redetector

CASCADE = "haarcascade_frontalface_alt2.xml"
USUAL = {"margin": 0.2, "sizes": (0.85, 1.2)}


@pytest.fixture(scope="module")
def redetector():
    return Redetector(CASCADE)


def gray_and_boxes(name, index=10):
    color, boxes = make_scene(name).frame(index)
    return luma(color), boxes


@pytest.mark.parametrize(("dx", "dy"), [(0, 0), (0.08, 0), (-0.08, 0.05), (0, -0.08)])
def test_every_face_is_found_from_a_box_that_is_a_little_off(redetector, dx, dy):
    """Five faces of 60 to 84 px, looked for 8 % of their size beside where they are."""
    gray, boxes = gray_and_boxes("five")
    for box in boxes:
        found = redetector.look(gray, box.moved(dx * box.w, dy * box.h), **USUAL)
        assert found
        assert found[0].iou(box) > 0.6


def test_nothing_is_found_where_nobody_is(redetector):
    """The window of a face that has left is empty."""
    _gray, boxes = gray_and_boxes("five")
    empty, _ = gray_and_boxes("empty")
    assert all(redetector.look(empty, box, **USUAL) == [] for box in boxes)


def test_a_wider_window_reaches_further(redetector):
    """A face that has moved by half its size is missed by the usual window and found by a wide one."""
    gray, (box, *_) = gray_and_boxes("one")
    off = box.moved(0.5 * box.w, 0)
    assert not [found for found in redetector.look(gray, off, **USUAL) if found.iou(box) > 0.5]
    assert redetector.look(gray, off, **{**USUAL, "margin": 0.8})[0].iou(box) > 0.6


def test_a_face_of_another_size_is_another_face(redetector):
    """Half as large a face as expected is not taken for it."""
    gray, (box, *_) = gray_and_boxes("one")
    assert redetector.look(gray, box.expanded(2.0), **USUAL) == []


def test_a_face_that_leaves_the_picture_is_followed_beyond_the_edge(redetector):
    """A fifth of the face is outside: the picture's edge, repeated, is enough to find it."""
    gray, (box, *_) = gray_and_boxes("one")
    cut = gray[:, box.x + box.w // 5 :]
    (found, *_) = redetector.look(cut, Box(-box.w // 5, box.y, box.w, box.h), **USUAL)
    assert found.x < 0


@pytest.mark.parametrize("outside", [Box(-500, 0, 100, 100), Box(900, 100, 100, 100), Box(100, 900, 100, 100)])
def test_a_window_outside_the_picture_is_empty(redetector, outside):
    """A face that has run out of the picture is not looked for, and nothing breaks."""
    gray, _ = gray_and_boxes("one")
    assert redetector.look(gray, outside, **USUAL) == []


def test_a_missing_cascade_is_refused():
    with pytest.raises(ConfigError, match=r"none\.xml"):
        Redetector("none.xml")
