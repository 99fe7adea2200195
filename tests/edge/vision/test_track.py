"""Faces keep their track id while they are in sight, and lose it when they have left."""

import pytest

from edge.records import Box, Detection
from edge.settings.schema import TrackSettings
from edge.vision.track import Tracker

SETTINGS = TrackSettings(min_iou=0.3, min_hits=2, max_missed_s=0.5)


def detections(*boxes):
    return [Detection(box, 1.0) for box in boxes]


def ids(tracks):
    return [track.track_id for track in tracks]


FACE = Box(100, 100, 80, 80)
OTHER = Box(400, 100, 60, 60)


def test_a_face_is_confirmed_after_min_hits_frames():
    """With `min_hits=2` a face has no track in its first frame and gets one in the second."""
    tracker = Tracker(SETTINGS)
    assert tracker.update(detections(FACE), media_time_s=0.0) == ()
    (track,) = tracker.update(detections(FACE), media_time_s=0.1)
    assert (track.track_id, track.hits, track.missed) == (1, 2, 0)


def test_an_unconfirmed_face_ends_with_its_first_miss():
    """An unconfirmed face that is missed starts over: false detections in every other frame never make a track."""
    tracker = Tracker(SETTINGS)
    tracker.update(detections(FACE), media_time_s=0.0)
    tracker.update(detections(), media_time_s=0.1)
    assert tracker.update(detections(FACE), media_time_s=0.2) == ()


def test_ids_stay_the_same_while_faces_move():
    """Two faces that move by about an eighth of their size per frame keep their ids, whatever the detections' order."""
    tracker = Tracker(SETTINGS)
    for step in range(10):
        boxes = [FACE.moved(10 * step, 0), OTHER.moved(-10 * step, 0)]
        tracks = tracker.update(detections(*(boxes if step % 2 else reversed(boxes))), media_time_s=step / 10)
    by_id = {track.track_id: track.box for track in tracks}
    assert set(by_id) == {1, 2}
    assert {by_id[1], by_id[2]} == {FACE.moved(90, 0), OTHER.moved(-90, 0)}
    assert by_id[1].y == by_id[2].y


def test_the_larger_overlap_continues_the_track():
    """Of two detections that overlap one face, the nearer one continues its track; the other is a new face."""
    tracker = Tracker(SETTINGS)
    tracker.update(detections(FACE), media_time_s=0.0)
    near, far = FACE.moved(5, 0), FACE.moved(40, 0)
    tracks = tracker.update(detections(far, near), media_time_s=0.1)
    assert [(track.track_id, track.box) for track in tracks] == [(1, near)]


def test_a_missed_face_ends_after_max_missed_s():
    """A track ends half a second after its last detection, however many frames that is."""
    tracker = Tracker(SETTINGS)
    tracker.update(detections(FACE), media_time_s=0.0)
    tracker.update(detections(FACE), media_time_s=0.1)
    (track,) = tracker.update(detections(), media_time_s=0.4)
    assert (track.track_id, track.missed) == (1, 1)
    assert ids(tracker.update(detections(), media_time_s=0.6)) == [1]
    assert ids(tracker.update(detections(), media_time_s=0.61)) == []


def test_a_face_that_is_found_again_in_time_keeps_its_id():
    """A missed detection in between does not start a new track."""
    tracker = Tracker(SETTINGS)
    for media_time_s, boxes in ((0.0, [FACE]), (0.1, [FACE]), (0.2, []), (0.3, [FACE])):
        tracks = tracker.update(detections(*boxes), media_time_s=media_time_s)
    assert [(track.track_id, track.missed) for track in tracks] == [(1, 0)]


def test_a_face_that_is_found_again_too_late_gets_a_new_id():
    """After a track has ended, a face in the same place gets the next id: ids are not reused."""
    tracker = Tracker(SETTINGS)
    for media_time_s, boxes in ((0.0, [FACE]), (0.1, [FACE]), (1.0, []), (1.1, [FACE]), (1.2, [FACE])):
        tracks = tracker.update(detections(*boxes), media_time_s=media_time_s)
    assert ids(tracks) == [2]


def test_a_fast_face_is_matched_by_its_velocity():
    """A face that moves by its whole width per frame does not overlap its last box, but its predicted one."""
    tracker = Tracker(SETTINGS)
    velocity = (800.0, 0.0)
    (track,) = tracker.update([Detection(FACE, 1.0, hits=2, velocity=velocity)], media_time_s=0.0)
    for frame in range(1, 5):
        (track,) = tracker.update(detections(FACE.moved(80 * frame, 0)), media_time_s=frame / 10)
    assert (track.track_id, track.box) == (1, FACE.moved(320, 0))


def test_a_detection_with_two_hits_is_confirmed_at_once():
    """A face that was scanned in an earlier frame and re-detected in this one counts as found in two frames."""
    tracker = Tracker(SETTINGS)
    assert ids(tracker.update([Detection(FACE, 1.0, hits=2)], media_time_s=0.0)) == [1]


def test_a_matched_detection_starts_no_second_track():
    """A face that is found in every frame remains a single tracked face."""
    tracker = Tracker(SETTINGS)
    for step in range(3):
        assert ids(tracker.update([Detection(FACE, 1.0, hits=2)], media_time_s=step / 10)) == [1]
    assert len(tracker.faces) == 1


def test_min_iou_decides_whether_a_detection_continues_a_track():
    """A shift by half a face's width, an IoU of a third, is a new face with 0.35 and the same face with 0.3."""
    for min_iou, expected in ((0.35, [1, 2]), (0.3, [1])):
        tracker = Tracker(TrackSettings(min_iou=min_iou))
        tracker.update([Detection(FACE, 1.0, hits=2)], media_time_s=0.0)
        assert ids(tracker.update([Detection(FACE.moved(40, 0), 1.0, hits=2)], media_time_s=0.1)) == expected


def test_without_any_overlap_a_detection_never_continues_a_track():
    """Even with `min_iou=0` a detection that does not touch the predicted box is a new face."""
    tracker = Tracker(TrackSettings(min_iou=0.0))
    tracker.update([Detection(FACE, 1.0, hits=2)], media_time_s=0.0)
    tracks = tracker.update([Detection(OTHER, 1.0, hits=2)], media_time_s=0.1)
    assert [(track.track_id, track.missed) for track in tracks] == [(1, 1), (2, 0)]


def test_a_detection_continues_only_one_track():
    """Of two faces that overlap a detection, the nearer one is found and the other is missed."""
    tracker = Tracker(SETTINGS)
    near = FACE.moved(30, 0)
    tracker.update([Detection(FACE, 1.0, hits=2), Detection(near, 1.0, hits=2)], media_time_s=0.0)
    tracks = tracker.update(detections(FACE.moved(25, 0)), media_time_s=0.1)
    assert [(track.track_id, track.missed) for track in tracks] == [(1, 1), (2, 0)]


def test_a_missed_face_is_predicted_to_move_on_briefly():
    """The predicted box moves with the face's velocity for `COAST_S`, and then stays in place."""
    tracker = Tracker(SETTINGS)
    tracker.update([Detection(FACE, 1.0, hits=2, velocity=(100.0, -50.0))], media_time_s=1.0)
    (face,) = tracker.faces
    assert face.predict(1.2) == Box(120, 90, 80, 80)
    assert face.predict(1.3) == face.predict(5.0) == Box(130, 85, 80, 80)


def test_the_velocity_is_smoothed_after_the_first_step():
    """The first step sets the velocity; each later step contributes half, so that a box's jitter matters less."""
    tracker = Tracker(SETTINGS)
    for media_time_s, pixels in ((0.0, 0), (0.5, 10), (1.0, 40)):
        tracker.update(detections(FACE.moved(pixels, 0)), media_time_s=media_time_s)
        if media_time_s == 0.5:
            assert tracker.faces[0].velocity == (20.0, 0.0)
    assert tracker.faces[0].velocity == (40.0, 0.0)


def test_two_frames_with_the_same_time_do_not_change_the_velocity():
    """A file may give the same time twice: the box is updated, and no division by zero occurs."""
    tracker = Tracker(SETTINGS)
    tracker.update(detections(FACE), media_time_s=1.0)
    (track,) = tracker.update(detections(FACE.moved(10, 0)), media_time_s=1.0)
    assert track.box == FACE.moved(10, 0)
    assert tracker.faces[0].velocity == (0.0, 0.0)


def test_the_roll_is_smoothed_the_short_way_round():
    """From 170 to -170 degrees a head turns by 20 degrees, not by 340; an unknown roll changes nothing."""
    tracker = Tracker(TrackSettings(min_hits=1))
    box = Box(100, 100, 80, 80)
    tracker.update([Detection(box, 1.0, roll_deg=170.0)], media_time_s=0.0)
    (track,) = tracker.update([Detection(box, 1.0, roll_deg=-170.0)], media_time_s=0.1)
    assert abs(track.roll_deg) == pytest.approx(180)
    (track,) = tracker.update([Detection(box, 1.0)], media_time_s=0.2)
    assert abs(track.roll_deg) == pytest.approx(180)


def test_a_reset_ends_all_tracks_and_ids_count_on():
    """After a turn of the frames a face in the same place is another track."""
    tracker = Tracker(SETTINGS)
    tracker.update(detections(FACE), media_time_s=0.0)
    assert ids(tracker.update(detections(FACE), media_time_s=0.1)) == [1]
    tracker.reset()
    assert tracker.update(detections(FACE), media_time_s=0.2) == ()
    assert ids(tracker.update(detections(FACE), media_time_s=0.3)) == [2]
