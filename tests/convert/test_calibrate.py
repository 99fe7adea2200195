"""The calibration faces: every class, evenly, from black to white."""

import numpy as np
import pytest

from convert.calibrate import draw_calibration, even_quotas
from edge.errors import MediaError
from edge.manifest import InputSpec
from edge.vision.crop import resize_face, to_unit
from train.faces import FaceData, FaceSet

LABELS = ("happy", "sad", "neutral")


def face_set(counts, *, low=0, high=255):
    """A training split of three classes: the first pixel is `low`, the second `high`, the third tells faces apart."""
    codes = np.repeat(np.arange(3), counts)
    pixels = np.full((len(codes), 48, 48), (low + high) // 2, dtype=np.uint8)
    pixels[:, 0, 0], pixels[:, 0, 1] = low, high
    pixels[:, 0, 2] = np.arange(len(codes)) + low
    return data_set(FaceSet(pixels, np.eye(3, dtype=np.float32)[codes]))


def data_set(training):
    """A data set with this training split and nothing to measure on."""
    nobody = FaceSet(np.empty((0, 48, 48), dtype=np.uint8), np.empty((0, 3), dtype=np.float32))
    return FaceData("three", LABELS, training, nobody, nobody)


def drawn_classes(faces, drawn):
    """How many of the drawn faces each class has."""
    training = faces.training
    known = {to_unit(face).tobytes(): code for face, code in zip(training.pixels, training.codes, strict=True)}
    return np.bincount([known[face[..., 0].tobytes()] for face in drawn.faces], minlength=3).tolist()


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
    assert drawn_classes(faces, draw_calibration(faces, faces=25, seed=0)) == [10, 5, 10]


def test_the_draw_follows_from_the_seed():
    """The same seed draws the same faces, another one others."""
    faces = face_set([40, 40, 40])
    first, again, other = (draw_calibration(faces, faces=12, seed=seed).faces for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_draw_says_where_it_comes_from():
    """Data set, split, seed, and how many faces of each class."""
    drawn = draw_calibration(face_set([40, 5, 40]), faces=25, seed=3)
    assert (drawn.dataset, drawn.split, drawn.seed) == ("three", "training", 3)
    assert drawn.counts == {"happy": 10, "sad": 5, "neutral": 10}


def test_faces_are_scaled_as_the_runtime_scales_a_crop():
    """(N, 48, 48, 1) float32, from exactly 0.0 to exactly 1.0."""
    drawn = draw_calibration(face_set([4, 4, 4]), faces=12, seed=0).faces
    assert drawn.shape == (12, 48, 48, 1)
    assert drawn.dtype == np.float32
    assert (drawn.min(), drawn.max()) == (0.0, 1.0)


def test_faces_fit_the_entry_of_somebody_elses_net():
    """Another side, resized as the runtime resizes a crop; another range, with black and white at its ends."""
    faces, entry = face_set([4, 4, 4]), InputSpec(size=64, value_range=(-1.0, 1.0))
    drawn = draw_calibration(faces, faces=12, seed=0, entry=entry).faces
    assert drawn.shape == (12, 64, 64, 1)
    assert (drawn.min(), drawn.max()) == (-1.0, 1.0)
    wanted = [resize_face(face, size=64) / 127.5 - 1 for face in faces.training.pixels]
    assert sum(any(np.allclose(face[..., 0], one, atol=1e-6) for one in wanted) for face in drawn) == 11


def test_faces_that_reach_neither_black_nor_white_are_stretched(caplog):
    """One face is stretched, the range is whole, the others stay as they are, and the log says so."""
    faces = face_set([4, 4, 4], low=30, high=200)
    before = faces.training.pixels.copy()
    with caplog.at_level("INFO"):
        drawn = draw_calibration(faces, faces=12, seed=0).faces
    assert (drawn.min(), drawn.max()) == (0.0, 1.0)
    assert sum(face.min() == 0.0 for face in drawn) == 1
    assert "luma 30 to 200 only" in caplog.text
    assert np.array_equal(faces.training.pixels, before)


@pytest.mark.parametrize(("counts", "missing"), [([4, 0, 4], "sad"), ([4, 0, 0], "sad, neutral")])
def test_a_class_without_faces_is_named(counts, missing):
    """Calibrating without a class, or with a single one, would quantize the others blindly."""
    with pytest.raises(MediaError, match=f"expected faces of every class, found none of {missing}:"):
        draw_calibration(face_set(counts), faces=8, seed=0)


def test_flat_faces_are_refused():
    """One grey has no range to learn."""
    flat = data_set(FaceSet(np.full((3, 48, 48), 80, dtype=np.uint8), np.eye(3, dtype=np.float32)))
    with pytest.raises(MediaError, match="found flat grey ones"):
        draw_calibration(flat, faces=3, seed=0)
