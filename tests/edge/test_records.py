"""Boxes measure and move as geometry says."""

import pytest

from edge.records import Box


@pytest.mark.parametrize(
    ("other", "iou"),
    [
        (Box(0, 0, 10, 10), 1.0),
        (Box(5, 0, 10, 10), 50 / 150),
        (Box(10, 0, 10, 10), 0.0),
        (Box(-20, -20, 5, 5), 0.0),
        (Box(2, 2, 5, 5), 25 / 100),
    ],
)
def test_iou(other, iou):
    """Intersection over union of boxes that are equal, overlap, touch, lie apart, lie inside."""
    assert Box(0, 0, 10, 10).iou(other) == pytest.approx(iou)
    assert other.iou(Box(0, 0, 10, 10)) == pytest.approx(iou)


@pytest.mark.parametrize(
    ("other", "overlap"),
    [(Box(2, 2, 4, 4), 1.0), (Box(5, 0, 10, 10), 0.5), (Box(8, 0, 4, 4), 0.5), (Box(10, 0, 4, 4), 0)],
)
def test_overlap(other, overlap):
    """Share of the smaller box that is covered: inside, half beside, apart."""
    assert Box(0, 0, 10, 10).overlap(other) == pytest.approx(overlap)
    assert other.overlap(Box(0, 0, 10, 10)) == pytest.approx(overlap)


def test_expanded_keeps_the_middle():
    """Twice the size about the same middle; then half the height down."""
    assert Box(10, 10, 20, 40).expanded(2.0) == Box(0, -10, 40, 80)
    assert Box(10, 10, 20, 40).expanded(1.0, shift_y=0.5) == Box(10, 30, 20, 40)


@pytest.mark.parametrize(
    ("box", "inside"),
    [
        (Box(10, 10, 5, 5), Box(10, 10, 5, 5)),
        (Box(-5, -5, 20, 20), Box(0, 0, 15, 15)),
        (Box(90, 40, 20, 20), Box(90, 40, 10, 10)),
        (Box(200, 200, 10, 10), Box(100, 50, 0, 0)),
        (Box(-30, 10, 10, 10), Box(0, 10, 0, 10)),
    ],
)
def test_clipped(box, inside):
    """The part of a box inside a picture of 100 x 50; nothing where it lies outside."""
    assert box.clipped(100, 50) == inside
