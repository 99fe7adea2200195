"""Faces keep their ids while they are in sight, and lose them when they have left."""

from edge.records import Box, Detection
from edge.settings import TrackSettings
from edge.vision.track import Tracker

SETTINGS = TrackSettings(min_iou=0.3, min_hits=2, max_missed_s=0.5)


def found(*boxes):
    return [Detection(box, 1.0) for box in boxes]


def ids(tracks):
    return [track.track_id for track in tracks]


def moved(box, pixels):
    return Box(box.x + pixels, box.y, box.w, box.h)


FACE = Box(100, 100, 80, 80)
OTHER = Box(400, 100, 60, 60)


def test_a_face_is_confirmed_after_min_hits_frames():
    """One frame may be an error of the detector; two in a row are a face."""
    tracker = Tracker(SETTINGS)
    assert tracker.update(found(FACE), position_s=0.0) == ()
    (track,) = tracker.update(found(FACE), position_s=0.1)
    assert (track.track_id, track.hits, track.missed) == (1, 2, 0)


def test_an_unconfirmed_face_ends_with_its_first_miss():
    """A false face does not wait around for a second error at the same place."""
    tracker = Tracker(SETTINGS)
    tracker.update(found(FACE), position_s=0.0)
    tracker.update(found(), position_s=0.1)
    assert tracker.update(found(FACE), position_s=0.2) == ()


def test_ids_hold_while_faces_move():
    """Two faces that wander a fifth of their size a frame keep their ids, in whatever order they are given."""
    tracker = Tracker(SETTINGS)
    for step in range(10):
        boxes = [moved(FACE, 10 * step), moved(OTHER, -10 * step)]
        tracks = tracker.update(found(*(boxes if step % 2 else reversed(boxes))), position_s=step / 10)
    by_id = {track.track_id: track.box for track in tracks}
    assert set(by_id) == {1, 2}
    assert {by_id[1], by_id[2]} == {moved(FACE, 90), moved(OTHER, -90)}
    assert by_id[1].y == by_id[2].y


def test_the_larger_overlap_wins():
    """Of two detections that overlap one face, the nearer one continues it; the other is a new face."""
    tracker = Tracker(SETTINGS)
    tracker.update(found(FACE), position_s=0.0)
    near, far = moved(FACE, 5), moved(FACE, 40)
    tracks = tracker.update(found(far, near), position_s=0.1)
    assert [(track.track_id, track.box) for track in tracks] == [(1, near)]


def test_a_lost_face_stays_for_max_missed_s_and_then_leaves():
    """Time, not frames, decides: at any frame rate a face has half a second to come back."""
    tracker = Tracker(SETTINGS)
    tracker.update(found(FACE), position_s=0.0)
    tracker.update(found(FACE), position_s=0.1)
    (track,) = tracker.update(found(), position_s=0.4)
    assert (track.track_id, track.missed) == (1, 1)
    assert ids(tracker.update(found(), position_s=0.6)) == [1]
    assert ids(tracker.update(found(), position_s=0.61)) == []


def test_a_face_that_comes_back_in_time_keeps_its_id():
    """A blink of the detector does not make a new person."""
    tracker = Tracker(SETTINGS)
    for position_s, boxes in ((0.0, [FACE]), (0.1, [FACE]), (0.2, []), (0.3, [FACE])):
        tracks = tracker.update(found(*boxes), position_s=position_s)
    assert [(track.track_id, track.missed) for track in tracks] == [(1, 0)]


def test_a_face_that_comes_back_too_late_is_a_new_one():
    """Ids are not used again."""
    tracker = Tracker(SETTINGS)
    for position_s, boxes in ((0.0, [FACE]), (0.1, [FACE]), (1.0, []), (1.1, [FACE]), (1.2, [FACE])):
        tracks = tracker.update(found(*boxes), position_s=position_s)
    assert ids(tracks) == [2]


def test_a_fast_face_is_expected_where_it_is_going():
    """A face that moves by its whole width each frame overlaps nothing it was; its velocity finds it all the same."""
    tracker = Tracker(SETTINGS)
    velocity = (800.0, 0.0)
    (track,) = tracker.update([Detection(FACE, 1.0, looks=2, velocity=velocity)], position_s=0.0)
    for frame in range(1, 5):
        (track,) = tracker.update(found(moved(FACE, 80 * frame)), position_s=frame / 10)
    assert (track.track_id, track.box) == (1, moved(FACE, 320))


def test_a_face_that_two_looks_have_seen_is_confirmed_at_once():
    """A scan found it in an older frame, a window in this one: that makes two frames."""
    tracker = Tracker(SETTINGS)
    assert ids(tracker.update([Detection(FACE, 1.0, looks=2)], position_s=0.0)) == [1]


def test_a_face_is_one_face():
    """What was matched does not begin a second one beside it."""
    tracker = Tracker(SETTINGS)
    for step in range(3):
        assert ids(tracker.update([Detection(FACE, 1.0, looks=2)], position_s=step / 10)) == [1]
    assert len(tracker.faces) == 1


def test_too_small_an_overlap_is_another_face():
    """Half of the face's width beside it: an overlap of a third is too small for 0.35, and large enough for 0.3."""
    for min_iou, expected in ((0.35, [1, 2]), (0.3, [1])):
        tracker = Tracker(TrackSettings(min_iou=min_iou))
        tracker.update([Detection(FACE, 1.0, looks=2)], position_s=0.0)
        assert ids(tracker.update([Detection(moved(FACE, 40), 1.0, looks=2)], position_s=0.1)) == expected


def test_faces_that_do_not_touch_are_never_one():
    """Not even where any overlap is said to be enough."""
    tracker = Tracker(TrackSettings(min_iou=0.0))
    tracker.update([Detection(FACE, 1.0, looks=2)], position_s=0.0)
    tracks = tracker.update([Detection(OTHER, 1.0, looks=2)], position_s=0.1)
    assert [(track.track_id, track.missed) for track in tracks] == [(1, 1), (2, 0)]


def test_one_detection_continues_one_face():
    """Two faces overlap it; the nearer one has it, the other was missed."""
    tracker = Tracker(SETTINGS)
    near = moved(FACE, 30)
    tracker.update([Detection(FACE, 1.0, looks=2), Detection(near, 1.0, looks=2)], position_s=0.0)
    tracks = tracker.update(found(moved(FACE, 25)), position_s=0.1)
    assert [(track.track_id, track.missed) for track in tracks] == [(1, 1), (2, 0)]


def test_a_missed_face_coasts_for_a_moment_and_then_stands():
    """It moves on for 0.3 s: later it may as well have stopped."""
    tracker = Tracker(SETTINGS)
    tracker.update([Detection(FACE, 1.0, looks=2, velocity=(100.0, -50.0))], position_s=1.0)
    (face,) = tracker.faces
    assert face.predicted(1.2) == Box(120, 90, 80, 80)
    assert face.predicted(1.3) == face.predicted(5.0) == Box(130, 85, 80, 80)


def test_velocity_is_taken_whole_at_first_and_then_by_halves():
    """The first step is all that is known; afterwards it turns with the face without following each box's jitter."""
    tracker = Tracker(SETTINGS)
    for position_s, pixels in ((0.0, 0), (0.5, 10), (1.0, 40)):
        tracker.update(found(moved(FACE, pixels)), position_s=position_s)
        if position_s == 0.5:
            assert tracker.faces[0].velocity == (20.0, 0.0)
    assert tracker.faces[0].velocity == (40.0, 0.0)


def test_two_frames_of_one_moment_tell_no_velocity():
    """A file may give the same time twice: where the face is, is known, how fast it is, is not."""
    tracker = Tracker(SETTINGS)
    tracker.update(found(FACE), position_s=1.0)
    (track,) = tracker.update(found(moved(FACE, 10)), position_s=1.0)
    assert track.box == moved(FACE, 10)
    assert tracker.faces[0].velocity == (0.0, 0.0)
