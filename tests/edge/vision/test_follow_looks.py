"""Where the follower looks, when it scans, and what it believes: on faces that are told, frame by frame."""

import numpy as np
import pytest

from edge.records import Box, Detection
from edge.settings import ScheduleSettings, TrackSettings
from edge.vision import follow
from edge.vision.follow import FaceFollower, Scanned
from edge.vision.motion import MotionGate
from edge.vision.redetect import NEW_NEIGHBORS
from edge.vision.track import Tracker

FRAME_S = 1 / 8
STILL = np.full((120, 160), 100, np.uint8)
FACE = Box(20, 20, 40, 40)
OTHER = Box(100, 60, 40, 40)


class Faces:
    """A redetector that finds what is told to be there, in any window, and notes how it was asked.

    wide_px: how far to the right it sees a face that it looks for in more sizes.
    """

    def __init__(self):
        self.there = []
        self.wide_px = 0
        self.asked = []

    def look(self, _gray, near, **options):
        self.asked.append((near, options))
        off_px = self.wide_px if options["sizes"] == follow.SIZES_MISSED else 0
        return [box.moved(off_px, 0) for box in self.there if near.iou(box) > 0]


class Follower:
    """A follower with a clock of its own."""

    def __init__(self, **schedule):
        self.faces = Faces()
        settings = ScheduleSettings(**{"carry_frames": 0} | schedule)
        gate = MotionGate(threshold=12, min_share=0.001)
        self._follower = FaceFollower(gate, self.faces, Tracker(TrackSettings(max_missed_s=5.0)), settings)
        self._frames = 0
        self._asked = False

    def see(self, *boxes, gray=STILL, scanned=None, scan_s=None, strain=0):
        """Take the next frame, in which faces are at `boxes`; return what the follower makes of it.

        scanned: what the scan of the frame before has found; if one was asked for, nothing.
        """
        self.faces.there = list(boxes)
        self.faces.asked.clear()
        position_s = self._frames * FRAME_S
        self._frames += 1
        found = None
        if scanned is not None or self._asked:
            detections = tuple(Detection(box, 1.0) for box in scanned or [])
            found = Scanned(detections, position_s - FRAME_S if scan_s is None else scan_s)
        followed = self._follower.update(gray, position_s=position_s, scanned=found, strain=strain)
        self._asked = followed.scan is not None
        return followed


@pytest.fixture
def follower():
    return Follower()


def known(*boxes, **schedule):
    """Make a follower that knows the faces at `boxes`."""
    follower = Follower(**schedule)
    follower.see(*boxes)
    follower.see(*boxes, scanned=boxes)
    return follower


def boxes_of(followed):
    return [track.box for track in followed.tracks if not track.missed]


def moving(number):
    """A still picture with something that is somewhere else in each frame."""
    gray = STILL.copy()
    left = 20 * (number % 7)
    gray[90:110, left : left + 20] = 250
    return gray


def test_a_known_face_that_is_scanned_again_is_not_a_second_one():
    """Nor is the cascade asked about it once more."""
    follower = known(FACE)
    followed = follower.see(FACE, scanned=[FACE.moved(3, 0)])
    assert boxes_of(followed) == [FACE]
    assert len(follower.faces.asked) == 1


def test_two_scanned_boxes_that_lead_to_one_face_are_one(follower):
    """Both are found again at the same place: one track."""
    follower.see()
    followed = follower.see(FACE, scanned=[FACE.moved(-15, 0), FACE.moved(15, 0)])
    assert boxes_of(followed) == [FACE]


def test_a_scanned_box_that_leads_to_a_known_face_is_no_new_one():
    """It is another one in the old frame, and nothing but the known face is near it in this one."""
    follower = known(FACE)
    followed = follower.see(FACE, scanned=[FACE.moved(25, 0)])
    assert boxes_of(followed) == [FACE]


def test_a_small_box_inside_a_known_face_is_no_new_one():
    """Cascades see small faces in large ones; it would be followed as a ghost."""
    follower = known(FACE)
    inside = Box(FACE.x + 2, FACE.y + 18, 20, 20)
    followed = follower.see(FACE, inside, scanned=[inside])
    assert boxes_of(followed) == [FACE]


def test_of_two_windows_that_show_one_face_the_surer_one_counts():
    """That of the face that was there a frame ago; the other's is wider, and its face was missed."""
    follower = known(FACE, FACE.moved(50, 0))
    follower.see(FACE.moved(42, 0))
    follower.faces.wide_px = 5
    followed = follower.see(FACE.moved(38, 0))
    assert [near.x < 40 for near, _ in follower.faces.asked] == [False, True]
    assert boxes_of(followed) == [FACE.moved(38, 0)]


def test_a_missed_face_is_looked_for_further_and_in_more_sizes():
    """A little more for each miss, up to a whole face's width."""
    follower = known(FACE)
    follower.see(FACE)
    options = []
    for _ in range(6):
        follower.see()
        options += [options for _, options in follower.faces.asked]
    margins = [option["margin"] for option in options]
    assert margins[:3] == pytest.approx([follow.MARGIN + missed * follow.MARGIN_MISSED for missed in range(3)])
    assert margins[-2:] == [follow.MARGIN_MOST] * 2
    assert [option["sizes"] for option in options] == [follow.SIZES] + [follow.SIZES_MISSED] * 5


def test_a_fast_face_is_looked_for_further():
    """It may turn: the window grows by half of what it moves from frame to frame."""
    follower = Follower()
    follower.see()
    follower.see(FACE.moved(20, 0), scanned=[FACE])
    follower.see(FACE.moved(40, 0))
    ((near, options),) = follower.faces.asked
    assert near == FACE.moved(40, 0)
    assert options["margin"] == pytest.approx(follow.MARGIN + 0.5 * 20 / FACE.w)


def test_a_scan_of_this_very_frame_tells_no_velocity(follower):
    """No time has passed, so nothing has moved: the face is expected where it is."""
    follower.see()
    follower.see(FACE.moved(4, 0), scanned=[FACE], scan_s=FRAME_S)
    follower.see(FACE)
    assert follower.faces.asked[0][0] == FACE.moved(4, 0)


def test_a_new_face_has_to_show_as_clearly_as_in_a_whole_picture(follower):
    """One that is known need not: there, one hit is enough."""
    follower.see()
    follower.see(FACE, scanned=[FACE])
    assert [options["neighbors"] for _, options in follower.faces.asked] == [NEW_NEIGHBORS]
    follower.see(FACE)
    assert [options.get("neighbors") for _, options in follower.faces.asked] == [None]


def test_a_missed_faces_place_is_looked_at_for_others():
    """What moves where a face is known is that face; where it was lost, somebody else may come."""
    follower = known(FACE, scan_interval_s=0.1)
    covered = STILL.copy()
    covered[FACE.y : FACE.y + FACE.h, FACE.x : FACE.x + FACE.w] = 250
    assert follower.see(FACE, gray=covered).scan is None
    assert follower.see(gray=covered).scan is not None


def test_a_followed_face_keeps_the_rate_up_though_nothing_moves():
    """Idle is an empty, still room, and for a while."""
    follower = known(FACE, idle_after_s=0.5)
    assert not any(follower.see(FACE).idle for _ in range(20))
    empty = Follower(idle_after_s=0.5)
    assert [empty.see().idle for _ in range(8)] == [False] * 4 + [True] * 4


def test_motion_keeps_the_rate_up_though_nobody_is_there():
    """Whoever moves may be somebody."""
    follower = Follower(idle_after_s=0.5)
    assert not any(follower.see(gray=moving(number)).idle for number in range(20))


def scans(follower, count, *, strain=0):
    """Play frames in which something moves and nobody is found; return the gaps between those that are scanned."""
    asked = [number for number in range(count) if follower.see(gray=moving(number), strain=strain).scan is not None]
    return np.diff(asked).tolist()


def test_strain_doubles_the_time_between_scans():
    """Each step does, at motion as well."""
    gaps = [scans(Follower(scan_interval_s=0.25, motion_scan_gap_s=0.25), 60, strain=strain) for strain in (0, 1, 2)]
    assert [set(gap) for gap in gaps] == [{2}, {4}, {8}]


def test_fruitless_scans_get_rarer_up_to_the_interval():
    """After six in vain the gap doubles, and doubles again, but it is never longer than the interval."""
    gaps = scans(Follower(scan_interval_s=1.0, motion_scan_gap_s=0.25), 120)
    assert gaps == sorted(gaps)
    assert gaps.count(2) == pytest.approx(follow.FRUITLESS_SCANS, abs=1)
    assert gaps.count(4) == follow.FRUITLESS_SCANS
    assert gaps[-1] == 8


def test_a_face_that_is_found_makes_scans_frequent_again():
    """Where one came, others may."""
    follower = Follower(scan_interval_s=1.0, motion_scan_gap_s=0.25)
    assert scans(follower, 100)[-1] == 8
    follower.see(FACE, scanned=[FACE])
    assert scans(follower, 12)[:3] == [2, 2, 2]


def test_when_nothing_has_moved_for_a_moment_the_gap_is_short_again():
    """Whoever comes in after a pause is looked for at once."""
    follower = Follower(scan_interval_s=1.0, motion_scan_gap_s=0.25)
    assert scans(follower, 100)[-1] == 8
    for _ in range(10):
        follower.see()
    assert scans(follower, 12)[:3] == [2, 2, 2]


def test_motion_does_not_make_scans_rarer_than_the_interval():
    """Where the gap is set longer than the interval, the interval counts."""
    assert set(scans(Follower(scan_interval_s=0.25, motion_scan_gap_s=5.0), 40)) == {2}


def test_hours_of_motion_without_a_face():
    """A busy street: the gap stops doubling, and nothing overflows."""
    assert set(scans(Follower(scan_interval_s=0.1), 7000)) == {1}
