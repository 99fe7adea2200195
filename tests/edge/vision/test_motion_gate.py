"""The motion gate sees what moves, and nothing else."""

import cv2
import numpy as np
import pytest

from edge.records import Box
from edge.vision.motion import MotionGate

WALL = np.random.default_rng(0).integers(90, 110, (480, 640), dtype=np.uint8)
SQUARE = Box(200, 120, 80, 80)


def wall_with(*boxes):
    picture = WALL.copy()
    for box in boxes:
        cv2.rectangle(picture, (box.x, box.y), (box.x + box.w - 1, box.y + box.h - 1), 200, -1)
    return picture


@pytest.fixture
def gate():
    return MotionGate(threshold=12, min_share=0.001)


def feed(gate, *pictures, from_s=0.0):
    for number, picture in enumerate(pictures):
        gate.update(picture, position_s=from_s + 0.1 * number)


def test_before_the_first_scan_everything_is_new(gate):
    """Nothing was looked at yet, so all of the picture is to be."""
    feed(gate, WALL)
    assert gate.changed_since_scan([]) == Box(0, 0, 640, 480)


def test_before_the_first_picture_nothing_is_known(gate):
    """Neither motion nor a place to look at."""
    assert not gate.moving([])
    assert gate.changed_since_scan([]) is None


def test_a_small_picture_has_a_cell_for_each_pixel(gate):
    """Fewer pixels than cells: each is compared by itself."""
    small = WALL[:90, :120]
    feed(gate, small)
    assert gate.changed_since_scan([]) == Box(0, 0, 120, 90)
    gate.mark_scanned()
    changed = small.copy()
    changed[30:40, 50:70] = 200
    feed(gate, changed, from_s=0.1)
    assert gate.moving([])
    assert gate.changed_since_scan([]) == Box(50, 30, 20, 10)


def test_without_a_least_share_a_still_picture_does_not_move():
    """`motion_share = 0` asks for any change at all, and there is none."""
    gate = MotionGate(threshold=12, min_share=0.0)
    feed(gate, WALL)
    gate.mark_scanned()
    feed(gate, WALL, WALL, from_s=0.1)
    assert not gate.moving([])
    assert gate.changed_since_scan([]) is None
    feed(gate, wall_with(Box(100, 100, 4, 4)), from_s=0.3)
    assert gate.moving([])


def test_a_still_picture_has_neither_motion_nor_change(gate):
    """Nor has one with a camera's noise of three grey levels."""
    noisy = (WALL + np.random.default_rng(1).normal(0, 3, WALL.shape)).clip(0, 255).astype(np.uint8)
    feed(gate, WALL)
    gate.mark_scanned()
    feed(gate, WALL, noisy, WALL, from_s=0.1)
    assert not gate.moving([])
    assert gate.changed_since_scan([]) is None


def test_the_changed_box_is_where_the_change_is(gate):
    """To a cell of 4 px."""
    feed(gate, WALL)
    gate.mark_scanned()
    feed(gate, wall_with(SQUARE), from_s=0.1)
    box = gate.changed_since_scan([])
    assert box.iou(SQUARE) > 0.9


def test_what_moved_and_stopped_moves_no_more_but_has_changed(gate):
    """Motion is of the moment; change is since the last scan, and a scan settles it."""
    feed(gate, WALL)
    gate.mark_scanned()
    feed(gate, wall_with(SQUARE), from_s=0.1)
    assert gate.moving([])
    feed(gate, *[wall_with(SQUARE)] * 4, from_s=0.2)
    assert not gate.moving([])
    assert gate.changed_since_scan([]) is not None
    gate.mark_scanned()
    assert gate.changed_since_scan([]) is None


def test_a_known_faces_own_motion_does_not_count(gate):
    """What moves where a face is known is that face; beside it somebody else may come."""
    feed(gate, WALL)
    gate.mark_scanned()
    feed(gate, wall_with(SQUARE), from_s=0.1)
    assert not gate.moving([SQUARE])
    assert gate.changed_since_scan([SQUARE]) is None
    other = Box(450, 300, 60, 60)
    feed(gate, wall_with(SQUARE, other), from_s=0.2)
    assert gate.moving([SQUARE])


def test_a_known_face_at_the_edge_does_not_count_either(gate):
    """Its box reaches out of the picture; what is in it is known all the same."""
    feed(gate, WALL)
    gate.mark_scanned()
    feed(gate, wall_with(Box(0, 0, 60, 60)), from_s=0.1)
    assert gate.moving([])
    assert not gate.moving([Box(-20, -20, 80, 80)])
    assert gate.changed_since_scan([Box(-20, -20, 80, 80)]) is None


def test_slow_motion_is_seen(gate):
    """One pixel a frame at 30 frames a second: too little from frame to frame, enough over a tenth of a second."""
    for frame in range(10):
        gate.update(wall_with(Box(200 + frame, 120, 80, 80)), position_s=frame / 30)
    assert gate.moving([])


def test_a_speck_is_no_motion(gate):
    """Less than a thousandth of the picture."""
    feed(gate, WALL)
    gate.mark_scanned()
    feed(gate, wall_with(Box(100, 100, 8, 8)), from_s=0.1)
    assert not gate.moving([])


def test_a_source_that_changes_its_size_is_scanned_anew(gate):
    """Pictures of different sizes cannot be compared: all is new."""
    feed(gate, WALL, WALL)
    gate.mark_scanned()
    feed(gate, np.zeros((720, 1280), np.uint8), from_s=0.2)
    assert not gate.moving([])
    assert gate.changed_since_scan([]) == Box(0, 0, 1280, 720)
