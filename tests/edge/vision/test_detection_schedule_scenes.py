"""The schedule on drawn scenes, whose faces are known: which frames it scans, and how well it tracks each face."""

import functools
import itertools
from dataclasses import dataclass, field

import pytest

from edge.records import Box
from edge.scenes.catalogue import make_scene
from edge.settings.schema import DetectSettings, ScanSettings, ScheduleSettings, TrackSettings
from edge.sources.base import luma
from edge.vision.haar import HaarDetector, new_haar_scanner
from edge.vision.motion import MotionGate
from edge.vision.schedule import DetectionSchedule, ScanResult
from edge.vision.track import Tracker

pytestmark = pytest.mark.slow

FPS = 30
DETECT = DetectSettings()


class CountingDetector(HaarDetector):
    """A detector that counts its looks."""

    calls = 0

    def look(self, *args, **kwargs):
        """Count the call and run it."""
        self.calls += 1
        return super().look(*args, **kwargs)


@dataclass
class Playback:
    """The results of the schedule in a scene, frame by frame.

    Attributes:
        scans: number of each scanned frame, and the scanned region.
        tracks: box of each track that was found in the frame, by its id.
        present: ids of all tracks, including the missed ones.
        truth: True boxes of the faces.
        looks: number of looks.
    """

    scans: dict[int, Box] = field(default_factory=dict)
    tracks: list[dict[int, Box]] = field(default_factory=list)
    present: list[set[int]] = field(default_factory=list)
    truth: list[tuple[Box, ...]] = field(default_factory=list)
    looks: list[int] = field(default_factory=list)

    def recall(self):
        """Return the share of the true boxes that a track covers."""
        pairs = [
            (box, set(tracks.values())) for boxes, tracks in zip(self.truth, self.tracks, strict=True) for box in boxes
        ]
        return sum(any(box.iou(other) >= 0.5 for other in found) for box, found in pairs) / len(pairs)

    def ids(self):
        return set().union(*(set(tracks) for tracks in self.tracks))


def new_schedule(detector=None, **settings):
    return DetectionSchedule(
        MotionGate(threshold=ScheduleSettings().motion_threshold, min_share=ScheduleSettings().motion_share),
        detector or HaarDetector(DETECT),
        Tracker(TrackSettings()),
        ScheduleSettings(**settings),
    )


@functools.cache
def play(name, *, duration_s=None, scan_frames=1, **settings):
    """Play a scene, in which a scan takes `scan_frames` frames; tests that need the same playback share it."""
    scene = make_scene(name, duration_s=duration_s)
    detector = CountingDetector(DETECT)
    schedule = new_schedule(detector, **settings)
    scanner = new_haar_scanner(DETECT, ScanSettings())
    playback, pending = Playback(), {}
    for index in range(scene.frame_count):
        color, boxes = scene.frame(index)
        gray = luma(color)
        calls = detector.calls
        result = schedule.update(gray, media_time_s=index / FPS, scan_result=pending.pop(index, None))
        if result.scan_region is not None:
            assert not pending, "a scan was requested during another one"
            playback.scans[index] = result.scan_region
            detections = scanner.scan(gray, region=result.scan_region)
            pending[index + scan_frames] = ScanResult(tuple(detections), index / FPS)
        found = [track for track in result.tracks if not track.missed]
        playback.tracks.append({track.track_id: track.box.clipped(scene.width, scene.height) for track in found})
        playback.present.append({track.track_id for track in result.tracks})
        playback.truth.append(boxes)
        playback.looks.append(detector.calls - calls)
    return playback


def test_a_still_room_is_scanned_once():
    """An empty room without motion is scanned in its first frame and never again."""
    playback = play("empty", duration_s=5)
    assert list(playback.scans) == [0]
    assert playback.ids() == set()


def test_a_still_face_needs_one_scan():
    """A face that does not move is found by the first scan, and then tracked without another one."""
    playback = play("one", duration_s=5)
    assert list(playback.scans) == [0]
    assert playback.recall() > 0.98
    assert playback.ids() == {1}


def test_a_moving_face_is_scanned_around_once_per_interval():
    """A known face's motion triggers no immediate scans; what it has uncovered is scanned every second."""
    playback = play("slow", duration_s=6)
    frames = list(playback.scans)
    gaps = [after - before for before, after in itertools.pairwise(frames)]
    assert frames[0] == 0
    assert all(FPS - 1 <= gap <= 2 * FPS for gap in gaps)
    assert playback.recall() > 0.98
    assert playback.ids() == {1}


def test_a_scan_covers_only_what_has_changed():
    """After the first scan of the whole image, scans cover the trail of the moving face and not the wall."""
    first, *others = play("slow", duration_s=6).scans.values()
    assert first.clipped(640, 480).area == 640 * 480
    assert others
    assert all(region.clipped(640, 480).area < 0.4 * 640 * 480 for region in others)


def test_a_face_that_enters_has_a_track_within_300_ms():
    """Its motion triggers a scan soon after the whole face is in the image, without waiting for the interval."""
    playback = play("entering", duration_s=5, scan_frames=2)
    entered = next(index for index, boxes in enumerate(playback.truth) if boxes and boxes[0].x > 0)
    tracked = next(index for index, tracks in enumerate(playback.tracks) if tracks)
    assert tracked - entered <= 0.3 * FPS


def test_a_scanned_face_is_redetected_in_the_newest_frame():
    """After a scan of five frames, the track of a moving face starts at its present place, not at the scanned one."""
    playback = play("slow", duration_s=1, scan_frames=5)
    started = next(index for index, tracks in enumerate(playback.tracks) if tracks)
    (box,) = playback.tracks[started].values()
    assert started >= 5
    assert box.iou(playback.truth[started][0]) > 0.7


def test_a_scanned_face_that_has_gone_starts_no_track():
    """A face that a scan has found in an older frame, but is not in the newest one, is not trusted."""
    schedule = new_schedule()
    with_face, (box,) = make_scene("one").frame(0)
    without, _ = make_scene("empty").frame(0)
    found = HaarDetector(DETECT).scan(luma(with_face))
    assert found
    assert found[0].box.iou(box) > 0.5
    schedule.update(luma(with_face), media_time_s=0.0, scan_result=None)
    for frame in range(1, 5):
        scan_result = ScanResult(tuple(found), 0.0) if frame == 1 else None
        assert schedule.update(luma(without), media_time_s=frame / FPS, scan_result=scan_result).tracks == ()


def test_the_track_of_a_face_that_leaves_ends():
    """A second after the face has left there is no track any more."""
    playback = play("leaving", duration_s=6.5)
    gone = max(index for index, boxes in enumerate(playback.truth) if boxes) + 1
    assert playback.present[gone - 5]
    assert not playback.present[gone + FPS]


def test_a_hidden_face_is_tracked_again():
    """A hidden face has no ghost detections, and is found within 300 ms of reappearing."""
    playback = play("hidden", duration_s=8)
    hidden = [index for index, boxes in enumerate(playback.truth) if not boxes]
    assert hidden
    assert all(not playback.tracks[index] for index in hidden[2:])
    back = hidden[-1] + 1
    assert any(playback.tracks[index] for index in range(back, back + int(0.3 * FPS)))


def test_faces_that_cross_are_both_tracked_afterwards():
    """Two faces that pass each other have one track each at the end."""
    playback = play("crossing")
    assert len(playback.truth[-1]) == len(playback.tracks[-1]) == 2
    assert playback.recall() > 0.93


@pytest.mark.parametrize(("name", "recall"), [("three", 0.98), ("five", 0.98), ("fast", 0.72)])
def test_recall_is_that_of_a_full_scan_of_every_frame(name, recall):
    """The tracks cover as many faces as a full Haar scan (1.1, 3) of every frame: 1.00, 1.00 and 0.87.

    A face of 100 px that crosses the image in a second is whole in few frames, and two looks must confirm it.
    """
    assert play(name, duration_s=5).recall() >= recall


def test_only_one_scan_runs_at_a_time():
    """However long a scan takes, no other is requested meanwhile (`play` asserts it too)."""
    frames = list(play("fast", duration_s=3, scan_frames=10).scans)
    assert all(after - before >= 10 for before, after in itertools.pairwise(frames))


def test_endless_motion_without_faces_is_scanned_less_and_less():
    """A moving object that is not a face, such as a fan, is scanned often at first and then once per interval."""
    schedule = new_schedule()
    color, _ = make_scene("empty").frame(0)
    wall = luma(color)
    scans, scan_result = [], None
    for frame in range(20 * FPS):
        gray = wall.copy()
        x = 100 + (frame * 37) % 300
        gray[100:200, x : x + 60] = 255
        result = schedule.update(gray, media_time_s=frame / FPS, scan_result=scan_result)
        scan_result = None
        if result.scan_region is not None:
            scans.append(frame)
            scan_result = ScanResult((), frame / FPS)
    first_second = [frame for frame in scans if frame < FPS]
    last_ten_seconds = [frame for frame in scans if frame >= 10 * FPS]
    assert len(first_second) >= 6
    assert len(last_ten_seconds) <= 13


@pytest.mark.parametrize(("settings", "share"), [({"carry_frames": 0}, 1.0), ({"carry_frames": 2}, 1 / 3), ({}, 1 / 8)])
def test_between_re_detections_a_face_is_matched_by_its_template(settings, share):
    """A moving face is re-detected in every frame, every third or every sixth (the default), and tracked in all."""
    playback = play("slow", duration_s=4 if settings else 6, **settings)
    assert sum(playback.looks) == pytest.approx(share * len(playback.tracks), rel=0.15)
    assert playback.recall() > 0.98


def test_faces_that_touch_are_re_detected():
    """A partly covered face would still match its template and become a ghost, so both faces are re-detected."""
    playback = play("crossing")
    touching = [
        index + 1
        for index, tracks in enumerate(playback.tracks[:-1])
        if len(found := list(tracks.values())) == 2 and found[0].iou(found[1]) > 0
    ]
    assert touching
    assert all(playback.looks[index] >= 2 for index in touching)


def test_many_faces_take_turns_in_being_re_detected():
    """Five faces need hardly more looks than one, since one of them is refreshed every sixth frame."""
    playback = play("five", duration_s=5)
    frames = len(playback.tracks)
    assert 0.15 * frames < sum(playback.looks) < 0.3 * frames
    assert playback.recall() > 0.98


def test_a_tracked_box_keeps_the_size_of_its_face():
    """Over five seconds a box neither grows nor shrinks: the framing of the crop depends on it."""
    playback = play("three", duration_s=5)
    ratios = [
        box.w / true.w
        for tracks, boxes in zip(playback.tracks, playback.truth, strict=True)
        for box in tracks.values()
        for true in boxes
        if box.iou(true) > 0.3
    ]
    assert 0.95 < sum(ratios) / len(ratios) < 1.05
