"""The window around a known face is cut out and scaled so that places and sizes hold, wherever it lies."""

import numpy as np
import pytest

from edge.records import Box
from edge.scenes.catalogue import make_scene
from edge.sources.opencv import luma
from edge.vision.redetect import FACE_PX, Redetector

CASCADE = "haarcascade_frontalface_alt2.xml"
USUAL = {"margin": 0.2, "sizes": (0.85, 1.2)}
WALL = np.random.default_rng(0).integers(0, 256, (240, 320), dtype=np.uint8)


class Cascade:
    """Notes the pictures that it is asked to search, and finds what it is told to."""

    def __init__(self, *boxes):
        self._boxes = boxes
        self.searched = []

    def detectMultiScale(self, gray, **_options):  # noqa: N802  # OpenCV's name
        self.searched.append(gray)
        return [box.xywh for box in self._boxes]


@pytest.fixture
def redetector_with(monkeypatch):
    """Make a redetector that asks `cascade`."""

    def make(cascade):
        monkeypatch.setattr("edge.vision.redetect.open_cascade", lambda _name: cascade)
        return Redetector(CASCADE)

    return make


def test_a_face_smaller_than_the_search_is_not_enlarged():
    """Faces of 30 to 40 px are found as they are."""
    color, boxes = make_scene("five", width=320, height=240).frame(10)
    redetector = Redetector(CASCADE)
    small = [box for box in boxes if box.w < FACE_PX]
    assert len(small) >= 3
    for box in small:
        found = redetector.look(luma(color), box, **USUAL)
        assert found
        assert found[0].iou(box) > 0.6


def test_the_best_fit_comes_first(redetector_with):
    """In whatever order the cascade finds them."""
    near = Box(100, 100, 40, 40)
    redetector = redetector_with(Cascade(Box(0, 0, 40, 40), Box(8, 8, 40, 40), Box(2, 2, 40, 40)))
    assert redetector.look(WALL, near, **USUAL) == [near, near.moved(-6, -6), near.moved(-8, -8)]


@pytest.mark.parametrize("side", [FACE_PX // 2, FACE_PX, 61, 97, 160])
def test_a_window_has_its_whole_size_wherever_it_lies(redetector_with, side):
    """At every edge, corner and fraction of a pixel: what is outside is filled up, and nothing breaks."""
    cascade = Cascade()
    redetector = redetector_with(cascade)
    margin = round(0.2 * side)
    whole = (side + 2 * margin) * min(1.0, FACE_PX / side)
    for x in range(-side - margin + 1, 320 + margin - 1, 7):
        for y in range(-side - margin + 1, 240 + margin - 1, 3):
            assert redetector.look(WALL, Box(x, y, side, side), **USUAL) == []
    assert cascade.searched
    assert all(abs(length - whole) <= 2 for gray in cascade.searched for length in gray.shape)


def test_a_sliver_of_a_large_face_is_still_a_pixel(redetector_with):
    """Two pixels of a window of 560 are inside: a fifth of a pixel, once they are shrunk."""
    cascade = Cascade()
    for near in (Box(-478, -100, 400, 400), Box(-100, -478, 400, 400)):
        assert redetector_with(cascade).look(WALL, near, **USUAL) == []
    assert [min(gray.shape) > 50 for gray in cascade.searched] == [True, True]
