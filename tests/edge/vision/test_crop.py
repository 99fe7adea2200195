"""Crops are scaled and framed as the model was trained to see them."""

import cv2
import numpy as np
import pytest

from edge.model.manifest import Framing
from edge.records import Box
from edge.scenes.head import FACE_BOX, HEAD_IMAGE
from edge.vision.crop import crop_face, resize_face, to_unit

PLAIN = Framing(scale=1.0, shift_y=0.0)
RAMP = np.add.outer(np.arange(100), np.arange(120)).astype(np.uint8)


def test_a_box_of_the_models_size_is_copied_unchanged():
    """Without scaling or shift, the crop has exactly the box's pixels."""
    crop = crop_face(RAMP, Box(20, 10, 48, 48), framing=PLAIN, size=48)
    np.testing.assert_array_equal(crop, RAMP[10:58, 20:68])


def test_framing_scales_and_shifts_the_box():
    """The crop of a box framed a third larger and a quarter of its height lower has that larger box's pixels."""
    crop = crop_face(RAMP, Box(30, 20, 36, 36), framing=Framing(scale=4 / 3, shift_y=0.25), size=48)
    np.testing.assert_array_equal(crop, RAMP[23:71, 24:72])


@pytest.mark.parametrize("box", [Box(-10, -20, 48, 48), Box(100, 80, 48, 48), Box(-10, 40, 160, 160)])
def test_the_edge_is_replicated_outside_the_image(box):
    """A box that reaches beyond the image gives a full square crop without a black bar."""
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
    """Every pixel keeps its place in the box; pixels outside are copies of the nearest ones inside."""
    crop = crop_face(RAMP, box, framing=PLAIN, size=48)
    inside = np.ix_(np.arange(*rows).clip(0, 99), np.arange(*columns).clip(0, 119))
    np.testing.assert_array_equal(crop, RAMP[inside])


def test_shrinking_averages_all_pixels():
    """Fine stripes become an even gray: sampling single pixels would alias them to coarse stripes."""
    for pattern in (np.indices((144, 144))[0], np.indices((144, 48))[0], np.indices((48, 144))[1]):
        stripes = (pattern % 3 == 1).astype(np.uint8) * 255
        assert resize_face(stripes, size=48).tolist() == [[85] * 48] * 48


def test_enlarging_interpolates():
    """A small face is enlarged with intermediate levels between its pixels instead of blocks."""
    edge = np.repeat(np.array([[0, 255]], np.uint8), 2, axis=0)
    assert len(np.unique(resize_face(edge, size=48))) > 10


@pytest.mark.parametrize("side", [20, 48, 300])
def test_any_face_is_scaled_to_the_models_size(side):
    """Faces of any size become (48, 48) uint8 of the same brightness."""
    face = resize_face(np.full((side, side), 200, np.uint8), size=48)
    assert face.shape == (48, 48)
    assert face.dtype == np.uint8
    assert (face == 200).all()


def test_to_unit_scales_to_0_to_1():
    """Luma 0 ... 255 becomes float32 0.0 ... 1.0."""
    unit = to_unit(np.array([0, 51, 255], np.uint8))
    assert unit.dtype == np.float32
    np.testing.assert_allclose(unit, [0.0, 0.2, 1.0], rtol=1e-6)


@pytest.mark.parametrize(("face_px", "difference"), [(50, 7.0), (120, 2.5), (300, 2.8)])
@pytest.mark.parametrize("roll_deg", [-60, 25, 90, 180])
def test_a_turned_face_is_cropped_upright(face_px, roll_deg, difference):
    """The crop of a turned head equals that of the upright head, but for the blur of the interpolation."""
    head = cv2.imread(str(HEAD_IMAGE), cv2.IMREAD_GRAYSCALE)
    crops = []
    for turn_deg in (0, roll_deg):
        matrix = cv2.getRotationMatrix2D(FACE_BOX.center, -turn_deg, face_px / FACE_BOX.w)
        matrix[:, 2] += np.subtract((399.5, 399.5), FACE_BOX.center)  # the middle of 800 px
        image = cv2.warpAffine(head, matrix, (800, 800), borderMode=cv2.BORDER_CONSTANT, borderValue=100)
        box = Box(400 - face_px // 2, 400 - face_px // 2, face_px, face_px)
        crops.append(crop_face(image, box, framing=Framing(shift_y=0.05), size=48, roll_deg=turn_deg).astype(float))
    assert np.abs(crops[0] - crops[1]).mean() < difference


def test_a_slight_roll_is_left_as_it_is():
    """The models were trained on heads that tilt a little, and a turn would blur the face."""
    plain = crop_face(RAMP, Box(20, 10, 48, 48), framing=PLAIN, size=48)
    assert np.array_equal(plain, crop_face(RAMP, Box(20, 10, 48, 48), framing=PLAIN, size=48, roll_deg=5.0))
