"""Template matching locates a face as long as it looks the same, and gives up when it does not."""

import cv2
import numpy as np
import pytest

from edge.records import Box
from edge.vision.template import TEMPLATE_PX, _peak, cut_template, match_template

BOX = Box(60, 60, 48, 48)


def image_with_pattern(box):
    """Draw a coarse pattern in `box` on dark noise; the pattern is the same wherever the box is."""
    rng = np.random.default_rng(0)
    gray = rng.integers(0, 40, (200, 200), dtype=np.uint8)
    coarse = rng.integers(0, 256, (6, 6), dtype=np.uint8)
    gray[box.y : box.y + box.h, box.x : box.x + box.w] = np.kron(coarse, np.ones((8, 8), np.uint8))
    return gray


def test_a_moving_face_is_located_precisely(gray_and_boxes):
    """Three faces are located six frames later, with a box that is off by a tenth of their size."""
    before, boxes = gray_and_boxes("three", 30)
    after, moved = gray_and_boxes("three", 36)
    for old, new in zip(boxes, moved, strict=True):
        near = Box(new.x, new.y, old.w, old.h).moved(0.1 * old.w, -0.1 * old.h)
        found = match_template(after, cut_template(before, old), near, margin=0.2)
        assert found.iou(new) > 0.9
        assert (found.w, found.h) == (old.w, old.h)


@pytest.mark.parametrize("gain", [0.5, 1.3])
def test_a_change_of_light_does_not_matter(gray_and_boxes, gain):
    """A face matches its template at half the brightness and at a third more."""
    gray, (box, *_) = gray_and_boxes("one", 0)
    other_light = np.clip(gray * gain, 0, 255).astype(np.uint8)
    assert match_template(other_light, cut_template(gray, box), box, margin=0.2).iou(box) > 0.95


def test_a_face_that_has_gone_does_not_match(gray_and_boxes):
    """The wall behind a face, a flat image and an upside-down image do not match its template."""
    gray, boxes = gray_and_boxes("five")
    wall, _ = gray_and_boxes("empty", 0)
    template = cut_template(gray, boxes[0])
    assert match_template(wall, template, boxes[0], margin=0.2) is None
    assert match_template(np.full_like(gray, 128), template, boxes[0], margin=0.2) is None
    assert match_template(cv2.flip(gray, 0), template, boxes[0], margin=0.2) is None


def test_a_face_beyond_the_edge_has_no_template(gray_and_boxes):
    """A box that is not completely inside the image gives no template."""
    gray, _ = gray_and_boxes("one", 0)
    assert cut_template(gray, Box(-1, 100, 80, 80)) is None
    assert cut_template(gray, Box(600, 100, 80, 80)) is None


def test_a_flat_face_has_no_template():
    """A face without contrast gives no template: in the dark everything would match it."""
    assert cut_template(np.full((480, 640), 20, np.uint8), Box(100, 100, 80, 80)) is None


@pytest.mark.parametrize("near", [Box(-60, 100, 80, 80), Box(1000, 1000, 80, 80), Box(620, 470, 80, 80)])
def test_a_window_that_is_mostly_outside_does_not_match(gray_and_boxes, near):
    """A window whose visible part is smaller than the template gives no match instead of an OpenCV error."""
    gray, _ = gray_and_boxes("one", 0)
    template = np.zeros((TEMPLATE_PX, TEMPLATE_PX), np.uint8)
    assert match_template(gray, template, near, margin=0.2) is None


@pytest.mark.parametrize(("dx", "dy"), [(-10, 0), (10, 0), (0, -10), (0, 10), (10, 10), (-10, -10)])
def test_a_face_at_the_edge_of_the_window_is_located(dx, dy):
    """At the window's edge there is no neighbor to interpolate with, so the match is precise to a template pixel."""
    template = cut_template(image_with_pattern(BOX), BOX)
    found = match_template(image_with_pattern(BOX), template, BOX.moved(dx, dy), margin=10 / 48)
    assert abs(found.x - BOX.x) <= 2
    assert abs(found.y - BOX.y) <= 2


def test_a_pattern_that_repeats_along_one_axis_stays_in_place():
    """Along stripes every place matches equally well: the interpolation does not divide by zero."""
    stripes = np.repeat(((np.arange(200) // 9 % 2) * 200).astype(np.uint8)[:, np.newaxis], 200, axis=1)
    found = match_template(stripes, cut_template(stripes, BOX), BOX, margin=0.2)
    assert abs(found.y - BOX.y) <= 1
    assert (found.w, found.h) == (BOX.w, BOX.h)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_flat_image_does_not_match(level):
    """An image without contrast matches no template, whatever its brightness."""
    flat = np.full((200, 200), level, np.uint8)
    assert match_template(flat, cut_template(image_with_pattern(BOX), BOX), BOX, margin=0.2) is None


@pytest.mark.parametrize(("scores", "place"), [([0.5, 0.5, 0.5], 0.0), ([0.8, 0.9, 0.8], 0.0), ([0.9, 0.9, 0.0], -0.5)])
def test_the_peak_between_three_scores(scores, place):
    """The peak lies between two equal scores and in the middle of symmetric ones; level scores have none."""
    assert _peak(np.array(scores), at=1) == pytest.approx(place)
