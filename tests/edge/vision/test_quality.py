"""A crop counts as unclear exactly when it is too small, too dark or too blurred."""

import numpy as np
import pytest

from edge.vision.quality import MIN_DEVIATION, MIN_MEAN, why_unclear


def reason_for(face, *, face_px=80, min_face_px=36):
    return why_unclear(face.round().clip(0, 255).astype(np.uint8), face_px=face_px, min_face_px=min_face_px)


def checkerboard(mean, deviation):
    """Draw a checkerboard of single pixels around `mean`, which has the most detail possible."""
    return mean + deviation * np.where(np.indices((48, 48)).sum(axis=0) % 2, 1.0, -1.0)


def grating(period_px):
    """Draw sine stripes, which have less detail the wider they are."""
    return np.tile(128 + 60 * np.cos(2 * np.pi * np.arange(48) / period_px), (48, 1))


def test_a_clear_face_has_no_reason():
    """A large, bright face full of detail is clear."""
    assert reason_for(checkerboard(100, 40)) is None


@pytest.mark.parametrize(("face_px", "reason"), [(35, "too small"), (36, None)])
def test_the_smallest_size_is_large_enough(face_px, reason):
    """A face of `min_face_px` is clear, one of a pixel less is too small."""
    assert reason_for(checkerboard(100, 40), face_px=face_px) == reason


@pytest.mark.parametrize(
    ("mean", "deviation", "reason"),
    [
        (MIN_MEAN - 1, 20, "too dark"),
        (MIN_MEAN + 1, 20, None),
        (100, MIN_DEVIATION - 1, "too dark"),
        (100, MIN_DEVIATION + 1, None),
    ],
)
def test_low_brightness_or_low_contrast_is_too_dark(mean, deviation, reason):
    """Either limit alone makes a face unclear: a dark face may have contrast, and one in fog is bright."""
    assert reason_for(checkerboard(mean, deviation)) == reason


@pytest.mark.parametrize(("period_px", "reason"), [(12, None), (24, "too blurred")])
def test_detail_is_relative_to_contrast(period_px, reason):
    """Detail of 0.3 of the contrast is clear, half of that is too blurred; rising and falling edges count alike."""
    assert reason_for(grating(period_px)) == reason
