"""A part of a picture is searched, as small as the smallest face allows."""

import numpy as np
import pytest

from edge.records import Box
from edge.scenes.catalogue import make_scene
from edge.settings import DetectSettings
from edge.sources.opencv import luma
from edge.vision.detect import HaarDetector

BLACK = np.zeros((480, 640), np.uint8)


class Cascade:
    """Notes what it is asked to search, and finds what it is told to."""

    def __init__(self, *boxes):
        self._boxes = boxes
        self.searched = []

    def detectMultiScale3(self, gray, **options):  # noqa: N802  # OpenCV's name
        self.searched.append((gray.shape, options["minSize"]))
        return [box.xywh for box in self._boxes], None, np.ones((len(self._boxes), 1))


@pytest.fixture
def detector_with(monkeypatch):
    """Make a detector that asks `cascade`."""

    def make(cascade, *, search_px=None, **settings):
        monkeypatch.setattr("edge.vision.detect.open_cascade", lambda _name: cascade)
        return HaarDetector(DetectSettings(**{"border": 0.0} | settings), search_px=search_px)

    return make


@pytest.mark.parametrize("search_px", [None, 30])
def test_only_the_part_is_searched(search_px):
    """Of three faces the one in the part is found, and its box is told in the whole picture's pixels."""
    color, boxes = make_scene("three").frame(10)
    wanted = boxes[1]
    detector = HaarDetector(DetectSettings(), search_px=search_px)
    (found,) = detector.detect(luma(color), region=wanted.expanded(1.5))
    assert found.box.iou(wanted) > 0.5


def test_a_part_that_reaches_out_of_the_picture(detector_with):
    """What is outside is left out, and boxes are told from the picture's corner."""
    cascade = Cascade(Box(10, 20, 50, 50))
    (found,) = detector_with(cascade).detect(BLACK, region=Box(-40, -40, 200, 200))
    assert cascade.searched == [((160, 160), (48, 48))]
    assert found.box == Box(10, 20, 50, 50)
    (found,) = detector_with(cascade).detect(BLACK, region=Box(540, 400, 200, 200))
    assert cascade.searched[1:] == [((80, 100), (48, 48))]
    assert found.box == Box(550, 420, 50, 50)


def test_the_picture_is_shrunk_to_the_smallest_face(detector_with):
    """At 60 px to 20 px a third of each side is left, and a face is told in its full size."""
    cascade = Cascade(Box(10, 20, 30, 30))
    (found,) = detector_with(cascade, search_px=20, min_face_px=60).detect(BLACK)
    assert cascade.searched == [((160, 213), (20, 20))]
    assert found.box == Box(30, 60, 90, 90)


def test_the_picture_is_never_enlarged(detector_with):
    """Where the smallest face is smaller than the size to search at, all stays as it is."""
    cascade = Cascade(Box(10, 20, 30, 30))
    (found,) = detector_with(cascade, search_px=30, min_face_px=20).detect(BLACK)
    assert cascade.searched == [((480, 640), (20, 20))]
    assert found.box == Box(10, 20, 30, 30)


def test_a_part_of_one_pixel_is_searched_in_vain():
    """Shrunk, a pixel is still one: nothing breaks."""
    assert HaarDetector(DetectSettings(), search_px=20).detect(BLACK, region=Box(0, 0, 1, 1)) == []


def test_what_lies_wholly_in_the_border_is_no_face(detector_with):
    """The repeated edge is not the picture: there would be nothing to crop."""
    cascade = Cascade(Box(0, 0, 100, 100), Box(60, 60, 100, 100))
    (found,) = detector_with(cascade, border=0.25).detect(BLACK)
    assert found.box == Box(-60, -60, 100, 100)
