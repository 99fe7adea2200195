"""A likeness is found at the edge of its window and on a plain pattern, and a plain picture is not taken for it."""

import numpy as np
import pytest

from edge.records import Box
from edge.vision.carry import _peak, find_likeness, likeness

BOX = Box(60, 60, 48, 48)


def picture_with(box):
    """Smooth noise, the same one wherever the box stands."""
    rng = np.random.default_rng(0)
    gray = rng.integers(0, 40, (200, 200), dtype=np.uint8)
    coarse = rng.integers(0, 256, (6, 6), dtype=np.uint8)
    gray[box.y : box.y + box.h, box.x : box.x + box.w] = np.kron(coarse, np.ones((8, 8), np.uint8))
    return gray


@pytest.mark.parametrize(("dx", "dy"), [(-10, 0), (10, 0), (0, -10), (0, 10), (10, 10), (-10, -10)])
def test_a_face_at_the_very_edge_of_the_window_is_found(dx, dy):
    """There is no neighbour on one side to tell a fraction of a pixel by: the pixel itself has to do."""
    template = likeness(picture_with(BOX), BOX)
    found = find_likeness(picture_with(BOX), template, BOX.moved(dx, dy), margin=10 / 48)
    assert abs(found.x - BOX.x) <= 2
    assert abs(found.y - BOX.y) <= 2


def test_a_pattern_that_looks_alike_along_its_stripes():
    """Every place along them fits as well: nothing is divided by a curve that is none."""
    stripes = np.repeat(((np.arange(200) // 9 % 2) * 200).astype(np.uint8)[:, np.newaxis], 200, axis=1)
    found = find_likeness(stripes, likeness(stripes, BOX), BOX, margin=0.2)
    assert abs(found.y - BOX.y) <= 1
    assert (found.w, found.h) == (BOX.w, BOX.h)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_flat_picture_looks_like_nothing(level):
    """Neither like a face nor like another flat one."""
    flat = np.full((200, 200), level, np.uint8)
    assert find_likeness(flat, likeness(picture_with(BOX), BOX), BOX, margin=0.2) is None


@pytest.mark.parametrize(("scores", "place"), [([0.5, 0.5, 0.5], 0.0), ([0.8, 0.9, 0.8], 0.0), ([0.9, 0.9, 0.0], -0.5)])
def test_the_peak_between_three_places(scores, place):
    """Between the two best, in the middle of a symmetric one; a level has none, and stays where it is."""
    assert _peak(np.array(scores), at=1) == pytest.approx(place)
