"""The schedule's rules, with faces that are placed frame by frame: where it searches, when it scans, what it trusts."""

import numpy as np
import pytest

from edge.records import Box, Detection
from edge.settings.schema import ScheduleSettings, TrackSettings
from edge.vision import motion, scan_schedule, schedule
from edge.vision.detector import Detector
from edge.vision.motion import MotionGate
from edge.vision.schedule import DetectionSchedule, ScanResult
from edge.vision.track import Tracker

FRAME_S = 1 / 8
STILL = np.full((120, 160), 100, np.uint8)
FACE = Box(20, 20, 40, 40)


class FakeDetector(Detector):
    """Finds the given faces in any window that touches them, and records each call.

    Attributes:
        faces: the boxes of the faces.
        offset_px: shift to the right of the boxes that it reports for missed faces.
        calls: the (near, options) of each call.
    """

    def __init__(self):
        self.faces = []
        self.offset_px = 0
        self.calls = []

    def scan(self, _gray, *, region=None):  # noqa: ARG002  # the signature of Detector.scan
        raise AssertionError("the schedule only looks")

    def look(self, _gray, near, **options):
        self.calls.append((near, options))
        offset_px = self.offset_px if options["sizes"] == schedule.SIZES_MISSED else 0
        return [Detection(box.moved(offset_px, 0), 1.0) for box in self.faces if near.iou(box) > 0]


class ScheduleDriver:
    """Drives a schedule frame by frame at 8 frames per second, without template matching."""

    def __init__(self, *, tile_px=None, **settings):
        self.detector = FakeDetector()
        self.detector.tile_px = tile_px
        self._schedule = DetectionSchedule(
            MotionGate(threshold=12, min_share=0.001),
            self.detector,
            Tracker(TrackSettings(max_missed_s=5.0)),
            ScheduleSettings(**{"carry_frames": 0} | settings),
        )
        self.scan_cpu_s = 0.0
        self._frames = 0
        self._scan_requested = False

    def advance(self, *boxes, gray=STILL, scanned=None, scanned_at_s=None, throttle_level=0):
        """Process the next frame, which has faces at `boxes`, and return the result.

        Args:
            boxes: the faces that re-detection can find.
            gray: the image.
            scanned: boxes that a scan of the frame before has found; a requested scan finds nothing by default.
            scanned_at_s: time of the scanned frame, if it was another one.
            throttle_level: passed on to the schedule.
        """
        self.detector.faces = list(boxes)
        self.detector.calls.clear()
        media_time_s = self._frames * FRAME_S
        self._frames += 1
        scan_result = None
        if scanned is not None or self._scan_requested:
            detections = tuple(Detection(box, 1.0) for box in scanned or [])
            scanned_at_s = media_time_s - FRAME_S if scanned_at_s is None else scanned_at_s
            scan_result = ScanResult(detections, scanned_at_s, self.scan_cpu_s)
        result = self._schedule.update(
            gray, media_time_s=media_time_s, scan_result=scan_result, throttle_level=throttle_level
        )
        self._scan_requested = result.scan_region is not None
        return result

    def reset(self):
        """Reset the schedule, so that the result of a requested scan never comes."""
        self._schedule.reset()
        self._scan_requested = False


@pytest.fixture
def driver():
    return ScheduleDriver()


def tracking(*boxes, **settings):
    """Create a driver whose schedule already tracks the faces at `boxes`."""
    driver = ScheduleDriver(**settings)
    driver.advance(*boxes)
    driver.advance(*boxes, scanned=boxes)
    driver.advance(*boxes)
    return driver


def found_boxes(result):
    return [track.box for track in result.tracks if not track.missed]


def moving_image(number, *, width=140, entering=False):
    """Draw an image with a bright square that is in another place in each frame, in the left `width` px."""
    gray = STILL.copy()
    left = 20 * (number % (width // 20))
    gray[90:110, left : left + 20] = 250
    if entering:
        gray[20:40, 130 + number % 10 : 150 + number % 10] = 250
    return gray


def scan_gaps(driver, count, *, throttle_level=0, width=140):
    """Play `count` frames with motion but no face; return the numbers of frames between the scans."""
    images = [moving_image(number, width=width) for number in range(count)]
    results = [driver.advance(gray=gray, throttle_level=throttle_level) for gray in images]
    return np.diff([number for number, result in enumerate(results) if result.scan_region is not None]).tolist()


def test_a_scan_of_a_known_face_starts_no_second_track():
    """A scanned box on a known face is ignored without another re-detection."""
    driver = tracking(FACE)
    result = driver.advance(FACE, scanned=[FACE.moved(3, 0)])
    assert found_boxes(result) == [FACE]
    assert len(driver.detector.calls) == 1


def test_two_scanned_boxes_of_one_face_start_one_track(driver):
    """Two scanned boxes that are re-detected in the same place count as one face."""
    driver.advance()
    driver.advance(FACE, scanned=[FACE.moved(-15, 0), FACE.moved(15, 0)])
    assert found_boxes(driver.advance(FACE)) == [FACE]


def test_a_scanned_box_that_leads_to_a_known_face_starts_no_track():
    """A scanned box next to a known face, whose re-detection finds that face, is not a new one."""
    driver = tracking(FACE)
    result = driver.advance(FACE, scanned=[FACE.moved(25, 0)])
    assert found_boxes(result) == [FACE]


def test_a_small_box_inside_a_known_face_starts_no_track():
    """Cascades detect small faces inside large ones; such a box is not tracked."""
    driver = tracking(FACE)
    inside = Box(FACE.x + 2, FACE.y + 18, 20, 20)
    result = driver.advance(FACE, inside, scanned=[inside])
    assert found_boxes(result) == [FACE]


def test_a_face_in_two_windows_belongs_to_the_track_seen_last():
    """If two windows show one face, it continues the track that was not missed, with the box of its window."""
    driver = tracking(FACE, FACE.moved(50, 0))
    driver.advance(FACE.moved(42, 0))
    driver.detector.offset_px = 5
    result = driver.advance(FACE.moved(38, 0))
    assert [near.x < 40 for near, _ in driver.detector.calls] == [False, True]
    assert found_boxes(result) == [FACE.moved(38, 0)]


def test_the_window_of_a_missed_face_grows():
    """With each miss the margin grows, up to the face's width, and more sizes are accepted."""
    driver = tracking(FACE)
    driver.advance(FACE)
    options = []
    for _ in range(6):
        driver.advance()
        options += [options for _, options in driver.detector.calls]
    margins = [option["margin"] for option in options]
    growing = [schedule.MARGIN + missed * schedule.MARGIN_PER_MISS for missed in range(3)]
    assert margins[:3] == pytest.approx(growing)
    assert margins[-2:] == [schedule.MARGIN_MAX] * 2
    assert [option["sizes"] for option in options] == [schedule.SIZES] + [schedule.SIZES_MISSED] * 5


def test_the_window_of_a_fast_face_grows():
    """The margin grows by half of the face's movement per frame, since it may turn."""
    driver = ScheduleDriver()
    driver.advance()
    driver.advance(FACE.moved(20, 0), scanned=[FACE])
    driver.advance(FACE.moved(40, 0))
    ((near, options),) = driver.detector.calls
    assert near == FACE.moved(40, 0)
    assert options["margin"] == pytest.approx(schedule.MARGIN + 0.5 * 20 / FACE.w)


def test_a_scan_of_the_same_frame_gives_no_velocity(driver):
    """If no time has passed since the scanned frame, the face is expected in the same place."""
    driver.advance()
    driver.advance(FACE.moved(4, 0), scanned=[FACE], scanned_at_s=FRAME_S)
    driver.advance(FACE)
    assert driver.detector.calls[0][0] == FACE.moved(4, 0)


def test_a_new_face_needs_more_neighbors_than_a_known_one(driver):
    """A scanned face is re-detected with `NEW_NEIGHBORS`, a known one with the default of the detector."""
    driver.advance()
    driver.advance(FACE, scanned=[FACE])
    assert [options["is_new"] for _, options in driver.detector.calls] == [True]
    driver.advance(FACE)
    assert [options["is_new"] for _, options in driver.detector.calls] == [True]


def test_a_change_where_a_face_was_missed_is_scanned():
    """A change in a known face's box needs no scan, but after a miss it may be another face."""
    driver = tracking(FACE, scan_interval_s=0.1)
    covered = STILL.copy()
    covered[FACE.y : FACE.y + FACE.h, FACE.x : FACE.x + FACE.w] = 250
    assert driver.advance(FACE, gray=covered).scan_region is None
    assert driver.advance(gray=covered).scan_region is not None


def test_idle_needs_an_empty_and_still_image():
    """A tracked face prevents idling although nothing moves; an empty still image is idle after `idle_after_s`."""
    driver = tracking(FACE, idle_after_s=0.5)
    assert not any(driver.advance(FACE).idle for _ in range(20))
    empty = ScheduleDriver(idle_after_s=0.5)
    assert [empty.advance().idle for _ in range(8)] == [False] * 4 + [True] * 4


def test_motion_prevents_idling():
    """Motion without a face is not idle."""
    driver = ScheduleDriver(idle_after_s=0.5)
    assert not any(driver.advance(gray=moving_image(number)).idle for number in range(20))


def test_each_throttle_level_doubles_the_time_between_scans():
    """The gap doubles with each level, also for scans on motion."""
    gaps = [
        scan_gaps(ScheduleDriver(scan_interval_s=0.25, motion_scan_gap_s=0.25), 60, throttle_level=level)
        for level in (0, 1, 2)
    ]
    assert [set(gap) for gap in gaps] == [{2}, {4}, {8}]


def test_fruitless_scans_become_rarer_up_to_the_interval():
    """After six scans without a new face the gap doubles, and again after six more, but never beyond the interval."""
    gaps = scan_gaps(ScheduleDriver(scan_interval_s=1.0, motion_scan_gap_s=0.25), 120)
    assert gaps == sorted(gaps)
    assert gaps.count(2) == pytest.approx(scan_schedule.FRUITLESS_SCANS, abs=1)
    assert gaps.count(4) == pytest.approx(scan_schedule.FRUITLESS_SCANS, abs=1)
    assert gaps[-1] == 8


def test_a_new_face_makes_scans_frequent_again():
    """A scan that finds a new face resets the gap, since more faces may follow."""
    driver = ScheduleDriver(scan_interval_s=1.0, motion_scan_gap_s=0.25)
    assert scan_gaps(driver, 100)[-1] == 8
    driver.advance(FACE, scanned=[FACE])
    assert scan_gaps(driver, 12)[:3] == [2, 2, 2]


def test_a_pause_in_the_motion_makes_scans_frequent_again():
    """Once nothing has moved for a moment, the next motion is scanned at the shortest gap."""
    driver = ScheduleDriver(scan_interval_s=1.0, motion_scan_gap_s=0.25)
    assert scan_gaps(driver, 100)[-1] == 8
    for _ in range(round(motion.STILL_S / FRAME_S) + 1):
        driver.advance()
    assert scan_gaps(driver, 12)[:3] == [2, 2, 2]


def test_single_still_frames_leave_the_back_off_as_it_is():
    """A body that rests now and then is no new event: the gap between scans stays long."""
    driver = ScheduleDriver(scan_interval_s=1.0, motion_scan_gap_s=0.25)
    assert scan_gaps(driver, 100)[-1] == 8
    driver.advance()
    driver.advance()
    assert min(scan_gaps(driver, 40)) == 8


def test_motion_in_a_new_place_is_scanned_at_once_for_a_while():
    """Somebody who enters on the right is scanned at the shortest gap, though a fan on the left has moved for long."""
    driver = ScheduleDriver(scan_interval_s=1.0, motion_scan_gap_s=0.25)
    assert scan_gaps(driver, 100, width=60)[-1] == 8
    images = [moving_image(number, width=60, entering=True) for number in range(28)]
    regions = [driver.advance(gray=gray).scan_region for gray in images]
    scans = [number for number, region in enumerate(regions) if region is not None and region.x + region.w > 140]
    assert scans[0] <= 1
    assert np.diff(scans)[:3].tolist() == [2, 2, 2]
    assert np.diff(scans)[-1] >= 8


def test_two_changes_are_scanned_one_after_the_other():
    """A second changed region is scanned at the shortest gap, even if it no longer moves."""
    driver = ScheduleDriver(scan_interval_s=1.0, motion_scan_gap_s=0.25)
    driver.advance()
    for _ in range(7):
        driver.advance()
    gray = STILL.copy()
    gray[10:30, 10:30] = gray[90:110, 120:140] = 250
    regions = [driver.advance(gray=gray).scan_region for _ in range(8)]
    scans = [(number, region) for number, region in enumerate(regions) if region is not None]
    assert [number for number, _ in scans] == [0, 2]
    assert scans[0][1].iou(scans[1][1]) < 0.2


def test_a_face_that_one_look_finds_is_not_confirmed(driver):
    """A new face needs looks in two frames after the scan: a false detection of one frame starts no track."""
    driver.advance()
    assert driver.advance(FACE, scanned=[FACE]).tracks == ()
    assert driver.advance().tracks == ()
    assert driver.advance(FACE).tracks == ()


def test_an_expensive_scan_delays_the_next_one():
    """Scans take at most `scan_cpu_share` of a core: a scan of 0.15 s is followed by the next after a second."""
    driver = ScheduleDriver(scan_interval_s=0.25, motion_scan_gap_s=0.25, scan_cpu_share=0.15)
    cheap = scan_gaps(driver, 12)
    driver.scan_cpu_s = 0.15
    costly = scan_gaps(driver, 40)
    assert (set(cheap), set(costly[1:])) == ({2}, {8})


def test_a_cheap_scan_does_not_wait_for_the_costs_of_the_one_before():
    """A scan of the whole image may cost a hundred times as much as those of the small regions that follow."""
    driver = ScheduleDriver(scan_interval_s=0.25, motion_scan_gap_s=0.25, scan_cpu_share=0.15)
    costs = iter([0.0, 0.15] + [0.0] * 40)
    scans = []
    for frame in range(40):
        if driver.advance(gray=moving_image(frame)).scan_region is not None:
            scans.append(frame)
            driver.scan_cpu_s = next(costs)
    assert list(np.diff(scans))[:4] == [2, 8, 2, 2]


def test_a_large_region_is_scanned_again_in_tiles():
    """The first scan covers the image; while nothing else moves, overlapping tiles that cover it follow."""
    driver = ScheduleDriver(tile_px=60, motion_scan_gap_s=0.1, scan_interval_s=0.1)
    whole, *tiles = [region for _ in range(60) if (region := driver.advance().scan_region) is not None]
    assert whole.clipped(160, 120) == Box(0, 0, 160, 120)
    assert {(tile.w, tile.h) for tile in tiles} == {(60, 60)}
    covered = np.zeros((120, 160), bool)
    for tile in tiles:
        covered[tile.y : tile.y + 60, tile.x : tile.x + 60] = True
    assert covered.all()


@pytest.mark.parametrize("shift_px", [7, 20], ids=["always in a new place", "in the same places"])
def test_a_large_region_that_moves_all_the_time_is_scanned_in_tiles_too(shift_px):
    """Motion that covers much of the image does not keep the tiles, which show small faces, waiting for ever."""
    driver = ScheduleDriver(tile_px=60, motion_scan_gap_s=0.1, scan_interval_s=0.1)
    column = np.tile(moving_image(0)[85:115], (4, 1))
    images = [np.roll(column, shift_px * number, axis=1) for number in range(120)]
    regions = [driver.advance(gray=gray).scan_region for gray in images]
    tiles = [region for region in regions[30:] if region is not None and region.w == region.h == 60]
    assert len({tile.y for tile in tiles}) >= 2
    assert len({(tile.x, tile.y) for tile in tiles}) >= 6
    assert any(region is not None and region.w > 75 for region in regions[30:])


def test_a_small_change_is_scanned_before_the_tiles_of_a_large_one():
    """Somebody who enters does not wait until the whole image has been searched."""
    driver = ScheduleDriver(tile_px=120, motion_scan_gap_s=0.1, scan_interval_s=0.1)
    driver.advance()
    gray = STILL.copy()
    gray[100:112, 140:152] = 250
    regions = [driver.advance(gray=gray).scan_region for _ in range(3)]
    found = next(region for region in regions if region is not None)
    assert (found.w, found.h) != (120, 120)
    assert found.x <= 140


def test_the_tiles_of_a_large_region_are_scanned_before_those_of_the_next():
    """A second large change is scanned as a whole, but does not take the place of the tiles that are still waiting."""
    driver = ScheduleDriver(tile_px=60, motion_scan_gap_s=0.1, scan_interval_s=0.1)
    gray = np.full((240, 320), 100, np.uint8)
    first_scans = [driver.advance(gray=gray).scan_region for _ in range(120)]
    assert first_scans[-1] is None, "the tiles of the whole image are still being scanned"
    gray = gray.copy()
    gray[:40, :40] = 250
    first = driver.advance(gray=gray).scan_region
    gray = gray.copy()
    gray[-40:, -40:] = 250
    regions = [region for _ in range(40) if (region := driver.advance(gray=gray).scan_region) is not None]
    tiles = [region for region in regions if (region.w, region.h) == (60, 60)]
    assert len(regions) == len(tiles) + 1, "the second change is scanned as a whole once"
    assert len(tiles) >= 4
    assert all(first.iou(tile) > 0 for tile in tiles[:4])


def test_motion_never_makes_scans_rarer_than_the_interval():
    """If `motion_scan_gap_s` is longer than `scan_interval_s`, the interval applies."""
    assert set(scan_gaps(ScheduleDriver(scan_interval_s=0.25, motion_scan_gap_s=5.0), 40)) == {2}


def test_the_doubling_of_the_gap_does_not_overflow(monkeypatch):
    """Endless motion without a face stops doubling the gap: a factor of 2^1024 would not fit a float."""
    monkeypatch.setattr(scan_schedule, "FRUITLESS_SCANS", 1)
    monkeypatch.setattr(scan_schedule, "NEW_S", 0.0)
    assert set(scan_gaps(ScheduleDriver(scan_interval_s=0.1), 1100)) == {1}


def test_after_a_reset_known_faces_are_forgotten_and_the_next_frame_is_scanned_as_a_whole():
    """After a turn of the frames no face is looked for where it was, and the scan under way does not delay the next."""
    driver = tracking(FACE)
    driver.advance(FACE, gray=moving_image(1))
    driver.reset()
    result = driver.advance(FACE)
    assert driver.detector.calls == []
    assert result.tracks == ()
    assert result.scan_region.clipped(160, 120) == Box(0, 0, 160, 120)
