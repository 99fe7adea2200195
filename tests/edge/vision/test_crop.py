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
