"""The motion gate detects motion and change outside known faces, and ignores noise."""

import cv2
import numpy as np
import pytest

from edge.records import Box
from edge.vision.motion import MotionGate

WALL = np.random.default_rng(0).integers(90, 110, (480, 640), dtype=np.uint8)
SQUARE = Box(200, 120, 80, 80)
WHOLE = Box(0, 0, 640, 480)


def wall_with(*boxes):
    image = WALL.copy()
    for box in boxes:
        cv2.rectangle(image, (box.x, box.y), (box.x + box.w - 1, box.y + box.h - 1), 200, -1)
    return image


@pytest.fixture
def gate():
    return MotionGate(threshold=12, min_share=0.001)


def changed_boxes(gate, known=()):
    return [change.box for change in gate.changed_since_scan(known)]


def feed(gate, *images, from_s=0.0):
    for number, image in enumerate(images):
        gate.update(image, media_time_s=from_s + 0.1 * number)


def test_before_the_first_scan_the_whole_image_has_changed(gate):
    """Until a scan is marked, the changed region is the whole image."""
    feed(gate, WALL)
    assert changed_boxes(gate) == [Box(0, 0, 640, 480)]


def test_before_the_first_frame_nothing_has_changed(gate):
    """A gate without frames reports neither motion nor a changed region."""
    assert not gate.detect_motion([])
    assert changed_boxes(gate) == []


def test_a_small_image_has_a_cell_per_pixel(gate):
    """An image with fewer pixels than cells in width is compared at full resolution."""
    small = WALL[:90, :120]
    feed(gate, small)
    assert changed_boxes(gate) == [Box(0, 0, 120, 90)]
    gate.mark_scanned(WHOLE)
    changed = small.copy()
    changed[30:40, 50:70] = 200
    feed(gate, changed, from_s=0.1)
    assert gate.detect_motion([])
    assert changed_boxes(gate) == [Box(50, 30, 20, 10)]


def test_a_share_of_zero_still_needs_a_change():
    """With `min_share=0` a single cell counts as motion, but an unchanged image does not."""
    gate = MotionGate(threshold=12, min_share=0.0)
    feed(gate, WALL)
    gate.mark_scanned(WHOLE)
    feed(gate, WALL, WALL, from_s=0.1)
    assert not gate.detect_motion([])
    assert changed_boxes(gate) == []
    feed(gate, wall_with(Box(100, 100, 4, 4)), from_s=0.3)
    assert gate.detect_motion([])


def test_noise_is_neither_motion_nor_change(gate):
    """A still image and one with a camera's noise of three gray levels count as equal."""
    noisy = (WALL + np.random.default_rng(1).normal(0, 3, WALL.shape)).clip(0, 255).astype(np.uint8)
    feed(gate, WALL)
    gate.mark_scanned(WHOLE)
    feed(gate, WALL, noisy, WALL, from_s=0.1)
    assert not gate.detect_motion([])
    assert changed_boxes(gate) == []


def test_the_changed_region_surrounds_the_change(gate):
    """The region has the bounds of the change, to a cell of 4 px."""
    feed(gate, WALL)
    gate.mark_scanned(WHOLE)
    feed(gate, wall_with(SQUARE), from_s=0.1)
    (box,) = changed_boxes(gate)
    assert box.iou(SQUARE) > 0.9


def test_changes_far_from_each_other_are_apart_and_near_ones_together(gate):
    """Somebody on each side of the image makes two changes; the two edges of one body make one."""
    feed(gate, WALL)
    gate.mark_scanned(WHOLE)
    near = (Box(40, 100, 40, 200), Box(100, 100, 40, 200))
    far = Box(500, 100, 40, 200)
    feed(gate, wall_with(*near, far), from_s=0.1)
    left, right = sorted(changed_boxes(gate), key=lambda box: box.x)
    assert left.iou(Box(40, 100, 100, 200)) > 0.9
    assert right.iou(far) > 0.9


def test_the_change_that_has_waited_longest_comes_first(gate):
    """A scan of one change leaves the other as it is, with the time at which its place was last scanned."""
    first, second = Box(40, 100, 80, 80), Box(500, 300, 80, 80)
    feed(gate, WALL)
    gate.mark_scanned(WHOLE)
    feed(gate, wall_with(first, second), from_s=1.0)
    gate.mark_scanned(first.grown(20))
    feed(gate, wall_with(second), from_s=2.0)
    changes = gate.changed_since_scan([])
    assert [change.box.iou(second) > 0.9 for change in changes] == [True, False]
    assert [change.scanned_s for change in changes] == [0.0, 1.0]


def test_a_change_names_the_time_at_which_its_place_began_to_move(gate):
    """Motion that goes on is old; motion in another place, and in the same place after two still seconds, is new."""
    feed(gate, WALL)
    gate.mark_scanned(WHOLE)

    def play(draw, *, from_s, until_s):
        for number in range(round((until_s - from_s) * 10)):
            time_s = from_s + number / 10
            gate.update(draw(number), media_time_s=time_s)
            gate.detect_motion([])
        return {change.box.x < 320: change.began_s for change in gate.changed_since_scan([])}

    def flicker(number, *others):
        return wall_with(*[SQUARE] * (number % 2), *others)

    moving = play(flicker, from_s=0.1, until_s=5.1)
    assert moving == {True: pytest.approx(0.2)}
    entered = play(lambda number: flicker(number + 1, Box(500, 300, 80, 80)), from_s=5.1, until_s=5.4)
    assert entered == {True: pytest.approx(0.2), False: pytest.approx(5.1)}
    play(lambda _: WALL, from_s=5.4, until_s=8.0)
    again = play(flicker, from_s=8.0, until_s=8.4)
    assert again[True] == pytest.approx(8.1)


def test_scattered_noise_is_no_change_but_a_small_face_is(gate):
    """Specks that are too small each do not add up to a change, however many there are."""
    specks = [Box(x, y, 8, 8) for x in range(20, 620, 100) for y in range(20, 460, 100)]
    feed(gate, WALL)
    gate.mark_scanned(WHOLE)
    feed(gate, wall_with(*specks), from_s=0.1)
    assert changed_boxes(gate) == []
    feed(gate, wall_with(*specks, Box(300, 230, 40, 40)), from_s=0.2)
    assert len(changed_boxes(gate)) == 1


def test_an_object_that_has_stopped_counts_as_change_until_the_next_scan(gate):
    """Motion ends when the object stops; the change since the last scan remains until a scan is marked."""
    feed(gate, WALL)
    gate.mark_scanned(WHOLE)
    feed(gate, wall_with(SQUARE), from_s=0.1)
    assert gate.detect_motion([])
    feed(gate, *[wall_with(SQUARE)] * 4, from_s=0.2)
    assert not gate.detect_motion([])
    assert changed_boxes(gate)
    gate.mark_scanned(WHOLE)
    assert changed_boxes(gate) == []


def test_motion_of_a_known_face_is_ignored(gate):
    """Motion in a known face's box does not count, motion elsewhere does."""
    feed(gate, WALL)
    gate.mark_scanned(WHOLE)
    feed(gate, wall_with(SQUARE), from_s=0.1)
    assert not gate.detect_motion([SQUARE])
    assert changed_boxes(gate, [SQUARE]) == []
    other = Box(450, 300, 60, 60)
    feed(gate, wall_with(SQUARE, other), from_s=0.2)
    assert gate.detect_motion([SQUARE])


def test_motion_of_a_known_face_at_the_edge_is_ignored(gate):
    """A known box that reaches beyond the image still masks the part inside."""
    feed(gate, WALL)
    gate.mark_scanned(WHOLE)
    feed(gate, wall_with(Box(0, 0, 60, 60)), from_s=0.1)
    assert gate.detect_motion([])
    assert not gate.detect_motion([Box(-20, -20, 80, 80)])
    assert changed_boxes(gate, [Box(-20, -20, 80, 80)]) == []


def test_slow_motion_is_detected(gate):
    """One pixel per frame at 30 frames per second shows over a tenth of a second, though not from frame to frame."""
    for frame in range(10):
        gate.update(wall_with(Box(200 + frame, 120, 80, 80)), media_time_s=frame / 30)
    assert gate.detect_motion([])


def test_a_tiny_change_is_not_motion(gate):
    """A change of less than `min_share`, a thousandth of the image, is ignored."""
    feed(gate, WALL)
    gate.mark_scanned(WHOLE)
    feed(gate, wall_with(Box(100, 100, 8, 8)), from_s=0.1)
    assert not gate.detect_motion([])


def test_a_change_of_the_frame_size_starts_over(gate):
    """Frames of different sizes cannot be compared: there is no motion, and the whole new image counts as changed."""
    feed(gate, WALL, wall_with(SQUARE))
    gate.mark_scanned(WHOLE)
    assert gate.detect_motion([])
    large = np.zeros((720, 1280), np.uint8)
    feed(gate, large, from_s=0.2)
    assert not gate.detect_motion([])
    assert changed_boxes(gate) == [Box(0, 0, 1280, 720)]
    feed(gate, np.full_like(large, 100), from_s=0.3)
    assert gate.detect_motion([])


def test_after_a_reset_nothing_moves_and_everything_is_new(gate):
    """Frames that were turned are compared with none before the turn, and scanned as a whole."""
    feed(gate, WALL, WALL)
    gate.mark_scanned(WHOLE)
    gate.reset()
    feed(gate, wall_with(SQUARE), from_s=0.2)
    assert not gate.detect_motion([])
    assert changed_boxes(gate) == [Box(0, 0, 640, 480)]
