"""The draw of calibration faces: every class evenly, and luma from black to white."""

import numpy as np
import pytest

from convert.calibrate import draw_calibration, even_quotas
from edge.errors import MediaError
from edge.model.manifest import InputSpec
from edge.vision.crop import resize_face, to_unit
from train.data.faces import FaceData, FaceSet

LABELS = ("happy", "sad", "neutral")


def face_set(counts, *, low=0, high=255):
    """Return a data set of three classes whose faces have `low` and `high` as first pixels and differ in the third."""
    codes = np.repeat(np.arange(3), counts)
    pixels = np.full((len(codes), 48, 48), (low + high) // 2, dtype=np.uint8)
    pixels[:, 0, 0], pixels[:, 0, 1] = low, high
    pixels[:, 0, 2] = np.arange(len(codes)) + low
    return data_set(FaceSet(pixels, np.eye(3, dtype=np.float32)[codes]))


def data_set(training):
    """Return a data set with this training split and empty others."""
    empty = FaceSet(np.empty((0, 48, 48), dtype=np.uint8), np.empty((0, 3), dtype=np.float32))
    return FaceData("three", LABELS, training, empty, empty)


def drawn_classes(faces, drawn):
    """Return the number of drawn faces of each class."""
    training = faces.training
    known = {to_unit(face).tobytes(): code for face, code in zip(training.pixels, training.codes, strict=True)}
    return np.bincount([known[face[..., 0].tobytes()] for face in drawn.faces], minlength=3).tolist()


@pytest.mark.parametrize(
    ("counts", "total", "expected"),
    [([100, 100, 100], 30, [10, 10, 10]), ([100, 4, 100], 30, [13, 4, 13]), ([3, 4, 5], 500, [3, 4, 5])],
)
def test_quotas_are_as_even_as_the_classes_allow(counts, total, expected):
    """A class too small for its share gives all its faces, and the others share the rest evenly."""
    assert even_quotas(np.array(counts), total) == expected


def test_every_class_is_drawn_evenly():
    """Equally many faces of each class are drawn, however many faces a class has, if they suffice."""
    faces = face_set([40, 5, 40])
    assert drawn_classes(faces, draw_calibration(faces, faces=25, seed=0)) == [10, 5, 10]


def test_the_draw_follows_from_the_seed():
    """The same seed draws the same faces, and another seed others."""
    faces = face_set([40, 40, 40])
    first, again, other = (draw_calibration(faces, faces=12, seed=seed).faces for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_draw_records_its_origin():
    """The drawn faces name data set, split, seed, and the number of faces of each class."""
    drawn = draw_calibration(face_set([40, 5, 40]), faces=25, seed=3)
    assert (drawn.dataset, drawn.split, drawn.seed) == ("three", "training", 3)
    assert drawn.counts == {"happy": 10, "sad": 5, "neutral": 10}


def test_faces_are_scaled_as_the_runtime_scales_a_crop():
    """Drawn faces are (N, 48, 48, 1) float32 and reach from exactly 0.0 to exactly 1.0."""
    drawn = draw_calibration(face_set([4, 4, 4]), faces=12, seed=0).faces
    assert drawn.shape == (12, 48, 48, 1)
    assert drawn.dtype == np.float32
    assert (drawn.min(), drawn.max()) == (0.0, 1.0)


def test_faces_fit_the_input_of_a_foreign_net():
    """Drawn faces have the net's side, resized as the runtime resizes a crop, and fill its value range."""
    faces, input_spec = face_set([4, 4, 4]), InputSpec(size=64, value_range=(-1.0, 1.0))
    drawn = draw_calibration(faces, faces=12, seed=0, input_spec=input_spec).faces
    assert drawn.shape == (12, 64, 64, 1)
    assert (drawn.min(), drawn.max()) == (-1.0, 1.0)
    wanted = [resize_face(face, size=64) / 127.5 - 1 for face in faces.training.pixels]
    assert sum(any(np.allclose(face[..., 0], one, atol=1e-6) for one in wanted) for face in drawn) == 11


def test_faces_that_reach_neither_black_nor_white_are_stretched(caplog):
    """If no face reaches black and white, a copy of a single one is stretched to do so, and the log reports it."""
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
    """A training split that lacks faces of a class is refused, and the message names the classes."""
    with pytest.raises(MediaError, match=f"expected faces of every class, found none of {missing}:"):
        draw_calibration(face_set(counts), faces=8, seed=0)


def test_flat_faces_are_refused():
    """A training split of faces of one flat grey is refused, since it has no range to measure."""
    flat = data_set(FaceSet(np.full((3, 48, 48), 80, dtype=np.uint8), np.eye(3, dtype=np.float32)))
    with pytest.raises(MediaError, match="found flat grey ones"):
        draw_calibration(flat, faces=3, seed=0)
