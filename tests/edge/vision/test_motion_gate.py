"""The motion gate detects motion and change outside known faces, and ignores noise."""

import cv2
import numpy as np
import pytest

from edge.records import Box
from edge.vision.motion import MotionGate

WALL = np.random.default_rng(0).integers(90, 110, (480, 640), dtype=np.uint8)
SQUARE = Box(200, 120, 80, 80)


def wall_with(*boxes):
    image = WALL.copy()
    for box in boxes:
        cv2.rectangle(image, (box.x, box.y), (box.x + box.w - 1, box.y + box.h - 1), 200, -1)
    return image


@pytest.fixture
def gate():
    return MotionGate(threshold=12, min_share=0.001)


def feed(gate, *images, from_s=0.0):
    for number, image in enumerate(images):
        gate.update(image, media_time_s=from_s + 0.1 * number)


def test_before_the_first_scan_the_whole_image_has_changed(gate):
    """Until a scan is marked, the changed region is the whole image."""
    feed(gate, WALL)
    assert gate.changed_since_scan([]) == Box(0, 0, 640, 480)


def test_before_the_first_frame_nothing_has_changed(gate):
    """A gate without frames reports neither motion nor a changed region."""
    assert not gate.moving([])
    assert gate.changed_since_scan([]) is None


def test_a_small_image_has_a_cell_per_pixel(gate):
    """An image with fewer pixels than cells in width is compared at full resolution."""
    small = WALL[:90, :120]
    feed(gate, small)
    assert gate.changed_since_scan([]) == Box(0, 0, 120, 90)
    gate.mark_scanned()
    changed = small.copy()
    changed[30:40, 50:70] = 200
    feed(gate, changed, from_s=0.1)
    assert gate.moving([])
    assert gate.changed_since_scan([]) == Box(50, 30, 20, 10)


def test_a_share_of_zero_still_needs_a_change():
    """With `min_share=0` a single cell counts as motion, but an unchanged image does not."""
    gate = MotionGate(threshold=12, min_share=0.0)
    feed(gate, WALL)
    gate.mark_scanned()
    feed(gate, WALL, WALL, from_s=0.1)
    assert not gate.moving([])
    assert gate.changed_since_scan([]) is None
    feed(gate, wall_with(Box(100, 100, 4, 4)), from_s=0.3)
    assert gate.moving([])


def test_noise_is_neither_motion_nor_change(gate):
    """A still image and one with a camera's noise of three gray levels count as equal."""
    noisy = (WALL + np.random.default_rng(1).normal(0, 3, WALL.shape)).clip(0, 255).astype(np.uint8)
    feed(gate, WALL)
    gate.mark_scanned()
    feed(gate, WALL, noisy, WALL, from_s=0.1)
    assert not gate.moving([])
    assert gate.changed_since_scan([]) is None


def test_the_changed_region_surrounds_the_change(gate):
    """The region has the bounds of the change, to a cell of 4 px."""
    feed(gate, WALL)
    gate.mark_scanned()
    feed(gate, wall_with(SQUARE), from_s=0.1)
    box = gate.changed_since_scan([])
    assert box.iou(SQUARE) > 0.9


def test_an_object_that_has_stopped_counts_as_change_until_the_next_scan(gate):
    """Motion ends when the object stops; the change since the last scan remains until a scan is marked."""
    feed(gate, WALL)
    gate.mark_scanned()
    feed(gate, wall_with(SQUARE), from_s=0.1)
    assert gate.moving([])
    feed(gate, *[wall_with(SQUARE)] * 4, from_s=0.2)
    assert not gate.moving([])
    assert gate.changed_since_scan([]) is not None
    gate.mark_scanned()
    assert gate.changed_since_scan([]) is None


def test_motion_of_a_known_face_is_ignored(gate):
    """Motion in a known face's box does not count, motion elsewhere does."""
    feed(gate, WALL)
    gate.mark_scanned()
    feed(gate, wall_with(SQUARE), from_s=0.1)
    assert not gate.moving([SQUARE])
    assert gate.changed_since_scan([SQUARE]) is None
    other = Box(450, 300, 60, 60)
    feed(gate, wall_with(SQUARE, other), from_s=0.2)
    assert gate.moving([SQUARE])


def test_motion_of_a_known_face_at_the_edge_is_ignored(gate):
    """A known box that reaches beyond the image still masks the part inside."""
    feed(gate, WALL)
    gate.mark_scanned()
    feed(gate, wall_with(Box(0, 0, 60, 60)), from_s=0.1)
    assert gate.moving([])
    assert not gate.moving([Box(-20, -20, 80, 80)])
    assert gate.changed_since_scan([Box(-20, -20, 80, 80)]) is None


def test_slow_motion_is_detected(gate):
    """One pixel per frame at 30 frames per second shows over a tenth of a second, though not from frame to frame."""
    for frame in range(10):
        gate.update(wall_with(Box(200 + frame, 120, 80, 80)), media_time_s=frame / 30)
    assert gate.moving([])


def test_a_tiny_change_is_not_motion(gate):
    """A change of less than `min_share`, a thousandth of the image, is ignored."""
    feed(gate, WALL)
    gate.mark_scanned()
    feed(gate, wall_with(Box(100, 100, 8, 8)), from_s=0.1)
    assert not gate.moving([])


def test_a_change_of_the_frame_size_starts_over(gate):
    """Frames of different sizes cannot be compared: there is no motion, and the whole new image counts as changed."""
    feed(gate, WALL, WALL)
    gate.mark_scanned()
    feed(gate, np.zeros((720, 1280), np.uint8), from_s=0.2)
    assert not gate.moving([])
    assert gate.changed_since_scan([]) == Box(0, 0, 1280, 720)


def test_after_a_reset_nothing_moves_and_everything_is_new(gate):
    """Frames that were turned are compared with none before the turn, and scanned as a whole."""
    feed(gate, WALL, WALL)
    gate.mark_scanned()
    gate.reset()
    feed(gate, wall_with(SQUARE), from_s=0.2)
    assert not gate.moving([])
    assert gate.changed_since_scan([]) == Box(0, 0, 640, 480)
