"""The calibration faces: every class, evenly, from black to white."""

import numpy as np
import pytest

from convert.calibrate import draw_calibration, even_quotas
from edge.errors import MediaError
from edge.vision.crop import to_unit
from train.faces import FaceSet

LABELS = ("happy", "sad", "neutral")


def face_set(counts, *, low=0, high=255):
    """Faces of three classes; the first pixel is `low`, the second `high`, the third tells them apart."""
    codes = np.repeat(np.arange(3), counts)
    pixels = np.full((len(codes), 48, 48), (low + high) // 2, dtype=np.uint8)
    pixels[:, 0, 0], pixels[:, 0, 1] = low, high
    pixels[:, 0, 2] = np.arange(len(codes)) + low
    return FaceSet(pixels, np.eye(3, dtype=np.float32)[codes])


def drawn_classes(faces, drawn):
    """How many of the drawn faces each class has."""
    known = {to_unit(face).tobytes(): code for face, code in zip(faces.pixels, faces.codes, strict=True)}
    return np.bincount([known[face[..., 0].tobytes()] for face in drawn], minlength=3).tolist()


@pytest.mark.parametrize(
    ("counts", "total", "expected"),
    [([100, 100, 100], 30, [10, 10, 10]), ([100, 4, 100], 30, [13, 4, 13]), ([3, 4, 5], 500, [3, 4, 5])],
)
def test_quotas_are_as_even_as_the_classes_allow(counts, total, expected):
    """A small class gives all it has, and the others share what is left."""
    assert even_quotas(np.array(counts), total) == expected


def test_every_class_is_drawn_evenly():
    """Ten thousand happy faces do not crowd out ten sad ones."""
    faces = face_set([40, 5, 40])
    assert drawn_classes(faces, draw_calibration(faces, LABELS, faces=25, seed=0)) == [10, 5, 10]


def test_the_draw_follows_from_the_seed():
    """The same seed draws the same faces, another one others."""
    faces = face_set([40, 40, 40])
    first, again, other = (draw_calibration(faces, LABELS, faces=12, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_faces_are_scaled_as_the_runtime_scales_a_crop():
    """(N, 48, 48, 1) float32, from exactly 0.0 to exactly 1.0."""
    drawn = draw_calibration(face_set([4, 4, 4]), LABELS, faces=12, seed=0)
    assert drawn.shape == (12, 48, 48, 1)
    assert drawn.dtype == np.float32
    assert (drawn.min(), drawn.max()) == (0.0, 1.0)


def test_faces_that_reach_neither_black_nor_white_are_stretched(caplog):
    """One face is stretched, the range is whole, the others stay as they are, and the log says so."""
    faces = face_set([4, 4, 4], low=30, high=200)
    before = faces.pixels.copy()
    with caplog.at_level("INFO"):
        drawn = draw_calibration(faces, LABELS, faces=12, seed=0)
    assert (drawn.min(), drawn.max()) == (0.0, 1.0)
    assert sum(face.min() == 0.0 for face in drawn) == 1
    assert "luma 30 to 200 only" in caplog.text
    assert np.array_equal(faces.pixels, before)


def test_a_class_without_faces_is_named():
    """Calibrating without a class would quantize it blindly."""
    with pytest.raises(MediaError, match="expected faces of every class, found none of sad"):
        draw_calibration(face_set([4, 0, 4]), LABELS, faces=8, seed=0)


def test_flat_faces_are_refused():
    """One grey has no range to learn."""
    flat = FaceSet(np.full((3, 48, 48), 80, dtype=np.uint8), np.eye(3, dtype=np.float32))
    with pytest.raises(MediaError, match="found flat grey ones"):
        draw_calibration(flat, LABELS, faces=3, seed=0)
