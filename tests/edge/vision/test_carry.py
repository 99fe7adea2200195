"""A face is carried by what it looks like, and only while it does."""

import cv2
import numpy as np
import pytest

from edge.records import Box
from edge.scenes.catalogue import make_scene
from edge.sources.opencv import luma
from edge.vision.carry import TEMPLATE_PX, find_likeness, likeness


def gray_and_boxes(name, index):
    color, boxes = make_scene(name).frame(index)
    return luma(color), boxes


def test_a_moving_face_is_followed_to_a_fraction_of_its_size():
    """Three faces, six frames later, from a place a tenth of their size off."""
    before, boxes = gray_and_boxes("three", 30)
    after, moved = gray_and_boxes("three", 36)
    for old, new in zip(boxes, moved, strict=True):
        near = Box(new.x, new.y, old.w, old.h).moved(0.1 * old.w, -0.1 * old.h)
        found = find_likeness(after, likeness(before, old), near, margin=0.2)
        assert found.iou(new) > 0.9
        assert (found.w, found.h) == (old.w, old.h)


@pytest.mark.parametrize("gain", [0.5, 1.3])
def test_light_that_changes_does_not_matter(gain):
    """Half or a third more of it: the face looks like itself."""
    gray, (box, *_) = gray_and_boxes("one", 0)
    other_light = np.clip(gray * gain, 0, 255).astype(np.uint8)
    assert find_likeness(other_light, likeness(gray, box), box, margin=0.2).iou(box) > 0.95


def test_a_face_that_is_gone_is_not_carried():
    """The wall behind it does not look like it, nor does a flat one, nor another face."""
    gray, boxes = gray_and_boxes("five", 10)
    wall, _ = gray_and_boxes("empty", 0)
    template = likeness(gray, boxes[0])
    assert find_likeness(wall, template, boxes[0], margin=0.2) is None
    assert find_likeness(np.full_like(gray, 128), template, boxes[0], margin=0.2) is None
    assert find_likeness(cv2.flip(gray, 0), template, boxes[0], margin=0.2) is None


def test_a_face_beyond_the_edge_has_no_likeness():
    """What is not in the picture cannot be remembered."""
    gray, _ = gray_and_boxes("one", 0)
    assert likeness(gray, Box(-1, 100, 80, 80)) is None
    assert likeness(gray, Box(600, 100, 80, 80)) is None


def test_a_flat_face_has_no_likeness():
    """In the dark all looks like all: the cascade decides."""
    assert likeness(np.full((480, 640), 20, np.uint8), Box(100, 100, 80, 80)) is None


@pytest.mark.parametrize("near", [Box(-60, 100, 80, 80), Box(1000, 1000, 80, 80), Box(620, 470, 80, 80)])
def test_a_face_that_leaves_the_picture_is_left_to_the_cascade(near):
    """Where too little of the window is left, nothing is guessed, and nothing breaks."""
    gray, _ = gray_and_boxes("one", 0)
    template = np.zeros((TEMPLATE_PX, TEMPLATE_PX), np.uint8)
    assert find_likeness(gray, template, near, margin=0.2) is None
