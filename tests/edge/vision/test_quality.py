"""A crop is classified unless it is too small, too dark or too blurred: the limits are where they should be."""

import numpy as np
import pytest

from edge.vision.quality import DARKEST_MEAN, FLATTEST_DEVIATION, why_unclear


def judged(face, *, face_px=80, min_face_px=36):
    return why_unclear(face.round().clip(0, 255).astype(np.uint8), face_px=face_px, min_face_px=min_face_px)


def board(mean, deviation):
    """Black and white fields of a pixel each, about `mean`: all the detail there can be."""
    return mean + deviation * np.where(np.indices((48, 48)).sum(axis=0) % 2, 1.0, -1.0)


def grating(period_px):
    """Stripes that grow softer with their width."""
    return np.tile(128 + 60 * np.cos(2 * np.pi * np.arange(48) / period_px), (48, 1))


def test_a_clear_face_is_classified():
    """There is nothing to say."""
    assert judged(board(100, 40)) is None


@pytest.mark.parametrize(("face_px", "reason"), [(35, "too small"), (36, None)])
def test_the_least_size_is_enough(face_px, reason):
    """One pixel less is not."""
    assert judged(board(100, 40), face_px=face_px) == reason


@pytest.mark.parametrize(
    ("mean", "deviation", "reason"),
    [
        (DARKEST_MEAN - 1, 20, "too dark"),
        (DARKEST_MEAN + 1, 20, None),
        (100, FLATTEST_DEVIATION - 1, "too dark"),
        (100, FLATTEST_DEVIATION + 1, None),
    ],
)
def test_a_dark_face_and_a_flat_one_are_each_enough(mean, deviation, reason):
    """A face in the dark may have contrast, and one in fog is bright."""
    assert judged(board(mean, deviation)) == reason


@pytest.mark.parametrize(("period_px", "reason"), [(12, None), (24, "too blurred")])
def test_detail_is_measured_against_contrast(period_px, reason):
    """Both slopes of an edge count, the falling one too: 0.3 of the contrast is detail enough, half of that is not."""
    assert judged(grating(period_px)) == reason
