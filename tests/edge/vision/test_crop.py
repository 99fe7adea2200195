"""Faces are cut out as the model was trained to see them."""

import numpy as np
import pytest

from edge.manifest import Framing
from edge.records import Box
from edge.vision.crop import crop_face, resize_face, to_unit

PLAIN = Framing(scale=1.0, shift_y=0.0)
RAMP = np.add.outer(np.arange(100), np.arange(120)).astype(np.uint8)


def test_a_box_of_the_models_size_is_cut_out_unchanged():
    """No scaling, no shift: the very pixels."""
    crop = crop_face(RAMP, Box(20, 10, 48, 48), framing=PLAIN, size=48)
    np.testing.assert_array_equal(crop, RAMP[10:58, 20:68])


def test_framing_scales_and_shifts_the_box():
    """A third wider and a quarter of its height lower: the pixels of that very box."""
    crop = crop_face(RAMP, Box(30, 20, 36, 36), framing=Framing(scale=4 / 3, shift_y=0.25), size=48)
    np.testing.assert_array_equal(crop, RAMP[23:71, 24:72])


@pytest.mark.parametrize("box", [Box(-10, -20, 48, 48), Box(100, 80, 48, 48), Box(-10, 40, 160, 160)])
def test_outside_the_picture_its_edge_is_repeated(box):
    """The crop is whole and square wherever the box reaches, and has no black bar."""
    crop = crop_face(np.full((100, 120), 77, np.uint8), box, framing=PLAIN, size=48)
    assert crop.shape == (48, 48)
    assert (crop == 77).all()


@pytest.mark.parametrize(
    ("box", "rows", "columns"),
    [
        (Box(-10, 20, 48, 48), (20, 68), (-10, 38)),
        (Box(90, 20, 48, 48), (20, 68), (90, 138)),
        (Box(30, -10, 48, 48), (-10, 38), (30, 78)),
        (Box(30, 70, 48, 48), (70, 118), (30, 78)),
    ],
)
def test_a_face_at_the_edge_is_neither_moved_nor_stretched(box, rows, columns):
    """Each pixel stands where the box has it; those outside are the nearest ones inside."""
    crop = crop_face(RAMP, box, framing=PLAIN, size=48)
    inside = np.ix_(np.arange(*rows).clip(0, 99), np.arange(*columns).clip(0, 119))
    np.testing.assert_array_equal(crop, RAMP[inside])


def test_a_fine_pattern_becomes_grey_when_it_is_shrunk():
    """Every pixel counts: taking some of them would leave stripes that the face does not have."""
    for pattern in (np.indices((144, 144))[0], np.indices((144, 48))[0], np.indices((48, 144))[1]):
        stripes = (pattern % 3 == 1).astype(np.uint8) * 255
        assert resize_face(stripes, size=48).tolist() == [[85] * 48] * 48


def test_a_small_face_is_enlarged_without_steps():
    """Between two pixels there are levels in between, not blocks."""
    edge = np.repeat(np.array([[0, 255]], np.uint8), 2, axis=0)
    assert len(np.unique(resize_face(edge, size=48))) > 10


@pytest.mark.parametrize("side", [20, 48, 300])
def test_any_face_is_scaled_to_the_models_size(side):
    """Small, fitting and large faces come out as (48, 48) uint8, of the same brightness."""
    face = resize_face(np.full((side, side), 200, np.uint8), size=48)
    assert face.shape == (48, 48)
    assert face.dtype == np.uint8
    assert (face == 200).all()


def test_unit_range():
    """0 ... 255 becomes 0.0 ... 1.0, float32."""
    unit = to_unit(np.array([0, 51, 255], np.uint8))
    assert unit.dtype == np.float32
    np.testing.assert_allclose(unit, [0.0, 0.2, 1.0], rtol=1e-6)
