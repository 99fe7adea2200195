"""The schedule's rules, on scenes whose faces are known: which frames are scanned, and what becomes of each face."""

import itertools
from dataclasses import dataclass, field

import pytest

from edge.records import Box
from edge.scenes.catalogue import make_scene
from edge.settings import DetectSettings, ScanSettings, ScheduleSettings, TrackSettings
from edge.sources.opencv import luma
from edge.vision.detect import HaarDetector, new_scanner
from edge.vision.follow import FaceFollower, Scanned
from edge.vision.motion import MotionGate
from edge.vision.redetect import Redetector
from edge.vision.track import Tracker

FPS = 30
SCHEDULE = ScheduleSettings()
DETECT = DetectSettings()


@dataclass
class Story:
    """What happened in a scene. scans: frame -> region; tracks: frame -> id -> box (found in that frame)."""

    scans: dict[int, Box] = field(default_factory=dict)
    tracks: list[dict[int, Box]] = field(default_factory=list)
    present: list[set[int]] = field(default_factory=list)
    truth: list[tuple[Box, ...]] = field(default_factory=list)

    def recall(self):
        """Share of the known boxes that a track covers."""
        pairs = [
            (box, set(tracks.values())) for boxes, tracks in zip(self.truth, self.tracks, strict=True) for box in boxes
        ]
        return sum(any(box.iou(other) >= 0.5 for other in found) for box, found in pairs) / len(pairs)

    def ids(self):
        return set().union(*(set(tracks) for tracks in self.tracks))


def follow(scene, *, scan_takes=1, schedule=SCHEDULE, redetector=None, each_frame=lambda: None):
    """Play a scene; what a scan finds is known `scan_takes` frames later."""
    follower = FaceFollower(
        MotionGate(threshold=schedule.motion_threshold, min_share=schedule.motion_share),
        redetector or Redetector(DETECT.cascade),
        Tracker(TrackSettings()),
        schedule,
    )
    scanner = new_scanner(DETECT, ScanSettings())
    story, ready = Story(), {}
    for index in range(scene.frame_count):
        color, boxes = scene.frame(index)
        gray = luma(color)
        followed = follower.update(gray, position_s=index / FPS, scanned=ready.pop(index, None))
        if followed.scan is not None:
            assert not ready, "a scan was asked for while one was under way"
            story.scans[index] = followed.scan
            found = scanner.detect(gray, region=followed.scan)
            ready[index + scan_takes] = Scanned(tuple(found), index / FPS)
        story.tracks.append(
            {
                track.track_id: track.box.clipped(scene.width, scene.height)
                for track in followed.tracks
                if not track.missed
            }
        )
        story.present.append({track.track_id for track in followed.tracks})
        story.truth.append(boxes)
        each_frame()
    return story


def test_nothing_moves_nothing_is_scanned():
    """An empty room is looked at once, in its first frame, and never again."""
    story = follow(make_scene("empty", duration_s=5))
    assert list(story.scans) == [0]
    assert story.ids() == set()


def test_a_still_face_needs_one_scan():
    """The face is found in the first frame, then followed by its window alone."""
    story = follow(make_scene("one", duration_s=5))
    assert list(story.scans) == [0]
    assert story.recall() > 0.98
    assert story.ids() == {1}


def test_a_moving_face_is_scanned_for_others_once_an_interval():
    """A known face's motion does not call for scans at once; what it has uncovered is scanned every second."""
    story = follow(make_scene("slow", duration_s=6))
    frames = list(story.scans)
    gaps = [after - before for before, after in itertools.pairwise(frames)]
    assert frames[0] == 0
    assert all(FPS - 1 <= gap <= 2 * FPS for gap in gaps)
    assert story.recall() > 0.98
    assert story.ids() == {1}


def test_a_scan_looks_only_where_something_has_changed():
    """After the first, a scan covers the trail of the one face that moves, not the wall."""
    story = follow(make_scene("slow", duration_s=4))
    first, *others = story.scans.values()
    assert first.clipped(640, 480).area == 640 * 480
    assert others
    assert all(region.clipped(640, 480).area < 0.4 * 640 * 480 for region in others)


def test_a_face_that_enters_has_a_track_within_300_ms():
    """Its motion calls for a scan at once; it need not wait for the interval."""
    story = follow(make_scene("entering"), scan_takes=2)
    entered = next(index for index, boxes in enumerate(story.truth) if boxes)
    tracked = next(index for index, tracks in enumerate(story.tracks) if tracks)
    assert tracked - entered <= 0.3 * FPS


def test_a_found_face_is_carried_to_the_newest_frame_before_it_is_trusted():
    """A scan that takes five frames finds a fast face where it was; the track begins where it is."""
    scene = make_scene("slow", duration_s=2)
    story = follow(scene, scan_takes=5)
    begun = next(index for index, tracks in enumerate(story.tracks) if tracks)
    (box,) = story.tracks[begun].values()
    assert begun >= 5
    assert box.iou(story.truth[begun][0]) > 0.7


def test_what_a_scan_found_and_is_gone_is_not_trusted():
    """A face in an older frame only, not in the newest, makes no track."""
    follower = FaceFollower(
        MotionGate(threshold=12, min_share=0.001), Redetector(DETECT.cascade), Tracker(TrackSettings()), SCHEDULE
    )
    with_face, (box,) = make_scene("one").frame(0)
    without, _ = make_scene("empty").frame(0)
    found = HaarDetector(DETECT).detect(luma(with_face))
    assert found
    assert found[0].box.iou(box) > 0.5
    follower.update(luma(with_face), position_s=0.0, scanned=None)
    for frame in range(1, 5):
        scanned = Scanned(tuple(found), 0.0) if frame == 1 else None
        assert follower.update(luma(without), position_s=frame / FPS, scanned=scanned).tracks == ()


def test_a_face_that_leaves_ends_its_track():
    """After its hysteresis nobody is present."""
    story = follow(make_scene("leaving"))
    gone = next(
        index for index in range(len(story.truth)) if index > 0 and story.truth[index - 1] and not story.truth[index]
    )
    assert story.present[gone - 5]
    assert not story.present[min(gone + FPS, len(story.present) - 1)]


def test_a_face_hidden_for_a_moment_comes_back():
    """It is found again within 300 ms of being seen again, and every frame in between has no ghost."""
    story = follow(make_scene("hidden"))
    hidden = [index for index, boxes in enumerate(story.truth) if not boxes]
    assert hidden
    assert all(not story.tracks[index] for index in hidden[2:])
    back = hidden[-1] + 1
    assert any(story.tracks[index] for index in range(back, back + int(0.3 * FPS)))


def test_faces_that_cross_are_both_followed_after_it():
    """Of two faces that pass each other, both are followed at the end, one track each."""
    story = follow(make_scene("crossing"))
    last = story.tracks[-1]
    assert len(story.truth[-1]) == len(last) == 2
    assert story.recall() > 0.93


@pytest.mark.parametrize(("name", "least"), [("three", 0.98), ("five", 0.98), ("fast", 0.84)])
def test_recall_is_that_of_a_full_scan_of_every_frame(name, least):
    """Known boxes that are covered; a full-frame Haar (1.1, 3) on every frame reaches 1.00, 1.00 and 0.87."""
    assert follow(make_scene(name, duration_s=5)).recall() >= least


def test_one_scan_at_a_time():
    """However long a scan takes, the next is not asked for before it is done (asserted while playing)."""
    story = follow(make_scene("fast", duration_s=3), scan_takes=10)
    frames = list(story.scans)
    assert all(after - before >= 10 for before, after in itertools.pairwise(frames))


def test_a_fan_does_not_keep_the_scanner_busy():
    """Endless motion without a face: the scans get rarer, down to one an interval."""
    follower = FaceFollower(
        MotionGate(threshold=12, min_share=0.001), Redetector(DETECT.cascade), Tracker(TrackSettings()), SCHEDULE
    )
    color, _ = make_scene("empty").frame(0)
    still = luma(color)
    scans, scanned = [], None
    for frame in range(20 * FPS):
        gray = still.copy()
        x = 100 + (frame * 37) % 300
        gray[100:200, x : x + 60] = 255
        followed = follower.update(gray, position_s=frame / FPS, scanned=scanned)
        scanned = None
        if followed.scan is not None:
            scans.append(frame)
            scanned = Scanned((), frame / FPS)
    first_second = [frame for frame in scans if frame < FPS]
    last_ten_seconds = [frame for frame in scans if frame >= 10 * FPS]
    assert len(first_second) >= 8
    assert len(last_ten_seconds) <= 13


class CountingRedetector(Redetector):
    """Counts how often the cascade looks."""

    looks = 0

    def look(self, *args, **kwargs):
        """Count, then look."""
        self.looks += 1
        return super().look(*args, **kwargs)


@pytest.mark.parametrize(("carry_frames", "share"), [(0, 1.0), (2, 1 / 3), (4, 1 / 5)])
def test_between_two_looks_of_the_cascade_a_face_is_carried(carry_frames, share):
    """A moving face is in every frame's tracks, and the cascade looks in every frame, every third, every fifth."""
    redetector = CountingRedetector(DETECT.cascade)
    scene = make_scene("slow", duration_s=4)
    story = follow(scene, schedule=ScheduleSettings(carry_frames=carry_frames), redetector=redetector)
    assert redetector.looks == pytest.approx(share * scene.frame_count, rel=0.15)
    assert story.recall() > 0.98


def test_faces_that_touch_are_left_to_the_cascade():
    """A face that another one covers still looks like itself: its likeness would carry it on as a ghost."""
    redetector = CountingRedetector(DETECT.cascade)
    scene, looks = make_scene("crossing"), []

    story = follow(scene, redetector=redetector, each_frame=lambda: looks.append(redetector.looks))
    touching = [
        index
        for index in range(1, scene.frame_count)
        if len(found := list(story.tracks[index - 1].values())) == 2 and found[0].iou(found[1]) > 0
    ]
    assert touching
    assert all(looks[index] - looks[index - 1] >= 2 for index in touching)


def test_of_many_faces_the_cascade_looks_at_one_every_third_frame():
    """Five faces cost hardly more looks than one, and each is looked at in its turn: all are still followed."""
    redetector = CountingRedetector(DETECT.cascade)
    scene = make_scene("five", duration_s=4)
    story = follow(scene, redetector=redetector)
    assert 0.3 * scene.frame_count < redetector.looks < 0.45 * scene.frame_count
    assert story.recall() > 0.98


def test_a_followed_box_stays_as_large_as_its_face():
    """Neither growing nor shrinking over five seconds: the crop's framing depends on it."""
    story = follow(make_scene("three", duration_s=5))
    ratios = [
        box.w / true.w
        for tracks, boxes in zip(story.tracks, story.truth, strict=True)
        for box in tracks.values()
        for true in boxes
        if box.iou(true) > 0.3
    ]
    assert 0.95 < sum(ratios) / len(ratios) < 1.05
