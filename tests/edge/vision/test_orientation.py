"""The orientation search turns the frames when faces are upright in another orientation, and never otherwise."""

import cv2
import numpy as np
import pytest

from edge.records import Box, Detection, Track
from edge.vision.detector import Detector
from edge.vision.orientation import (
    CHECK_GAP_S,
    CHECKS,
    EAGER_TRIALS,
    FOLLOW_UPS,
    LONGEST_GAP_S,
    MUCH_SURER,
    PAUSE_S,
    WAIT_S,
    OrientationSearch,
    Sighting,
    Trial,
    TrialResult,
    find_turn,
    try_orientations,
)
from edge.vision.turn import turn_box

FACE_PX = 40

UPRIGHT = Track(1, Box(10, 10, 60, 60), 5, 0)
MISSED = Track(1, Box(10, 10, 60, 60), 5, 2)


def sighting(turn, score=0.9):
    return TrialResult(sighting=Sighting(turn, score, Box(5, 6, 60, 60), np.zeros((24, 24), np.uint8)))


SEEN_UPRIGHT, NOTHING = TrialResult(upright_score=0.9), TrialResult()


@pytest.fixture
def search():
    return OrientationSearch(cpu_share=0.1)


class Stream:
    """Feeds a search with frames, 10 a second, and with the results of its trials."""

    def __init__(self, search):
        self.search = search
        self.now_s = 100.0
        self.trials = []

    def run(self, seconds, result=None, *, tracks=(), scans=True, cpu_s=0.0):
        """Return the first turn, or 0 after `seconds`; every trial has the same result."""
        for _ in range(round(10 * seconds)):
            self.now_s += 0.1
            trial = self.search.next_trial(tracks, media_time_s=self.now_s, scans=scans)
            if trial is None:
                continue
            self.trials.append((self.now_s, trial))
            turn = self.search.add(result or NOTHING, media_time_s=self.now_s, cpu_s=cpu_s)
            if turn:
                return turn
        return 0


@pytest.fixture
def stream(search):
    return Stream(search)


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_the_third_sighting_in_the_same_orientation_turns_the_frames(stream, turn):
    """Where nobody is found, three sightings of a face in one other orientation are enough, and two are not."""
    assert stream.run(60, sighting(turn)) == turn
    times, trials = zip(*stream.trials, strict=True)
    assert len(trials) == 3
    assert times[0] - 100.0 >= 1.0
    assert times[-1] - 100.0 <= 5.0
    assert trials[0].near is None
    assert [trial.near for trial in trials[1:]] == [Box(5, 6, 60, 60)] * 2
    assert trials[1].last.turn == turn


def test_sightings_in_different_orientations_do_not_add_up(search):
    """Only sightings in the same orientation count together, since false ones fall into any."""
    turns = [180, 90, 180, 90, 180, 90, 180, 180]
    assert [search.add(sighting(turn), media_time_s=0.0) for turn in turns] == [0] * 8
    assert search.add(sighting(180), media_time_s=0.0) == 180


def test_nothing_is_tried_while_an_upright_face_is_tracked_and_nothing_changes(stream):
    """One look at a new face is enough to know that it is upright; after that it costs nothing."""
    assert stream.run(60, SEEN_UPRIGHT, tracks=[UPRIGHT], scans=False) == 0
    assert [trial.near for _, trial in stream.trials] == [UPRIGHT.box]


def test_an_upright_face_is_doubted_ever_more_rarely(stream):
    """While an upright face is tracked and something moves, scans in other orientations follow 1, 3, 9 ... s later."""
    assert stream.run(1200, SEEN_UPRIGHT, tracks=[UPRIGHT]) == 0
    times = [time for time, trial in stream.trials if trial.near is None]
    assert np.diff(times) == pytest.approx([3.1, 9.1, 27.1, 81.1, 243.1, 600.1], abs=0.11)
    assert times[0] - 100.0 < 2.0


@pytest.mark.parametrize(("score", "turn"), [(0.9, 0), (0.9 * MUCH_SURER - 0.01, 0), (0.9 * MUCH_SURER + 0.01, 180)])
def test_an_upright_face_yields_only_to_one_that_is_far_more_certain(stream, score, turn):
    """A body that is tracked as a face does not keep the frames upside down, and no upright person is turned over."""
    stream.run(0.1, SEEN_UPRIGHT, tracks=[UPRIGHT])
    assert stream.run(100, sighting(180, score), tracks=[UPRIGHT]) == turn


def test_nothing_is_tried_while_nothing_changes(stream):
    """Without a scan there is nothing to try: an empty room costs nothing."""
    stream.run(60, sighting(180), scans=False)
    assert stream.trials == []


def test_an_upright_face_annuls_earlier_sightings(stream):
    """A face that is found upright proves that the frames are; what was seen before no longer counts."""
    search = stream.search
    for _ in range(2):
        search.add(sighting(180), media_time_s=stream.now_s)
    stream.run(1, SEEN_UPRIGHT, tracks=[UPRIGHT])
    stream.run(0.1)
    assert search.add(sighting(180), media_time_s=stream.now_s) == 0
    assert search.add(sighting(180), media_time_s=stream.now_s) == 0


def test_a_tracked_face_that_is_upside_down_turns_the_frames(stream):
    """Detectors find some faces upside down: such a face does not keep the frames from being turned."""
    assert stream.run(60, sighting(180), tracks=[UPRIGHT]) == 180
    assert [trial.near for _, trial in stream.trials] == [UPRIGHT.box] * 3
    assert stream.now_s - 100.0 <= 2.0


def test_the_largest_face_found_in_the_frame_is_looked_at(stream):
    """A face that is missed in this frame cannot be looked at."""
    small = Track(2, Box(0, 0, 50, 50), 5, 0)
    stream.run(0.1, tracks=[MISSED, small])
    stream.run(1, tracks=[small, Track(3, Box(0, 0, 90, 90), 5, 0)])
    assert [trial.near.w for _, trial in stream.trials][:2] == [50, 90]
    assert Stream(OrientationSearch(cpu_share=0.1)).run(5, sighting(180), tracks=[MISSED]) == 0


def test_a_face_of_uncertain_orientation_counts_as_upright_in_the_end(stream):
    """A face that no look finds in any orientation is not looked at for ever."""
    assert stream.run(60, NOTHING, tracks=[UPRIGHT], scans=False) == 0
    assert len(stream.trials) == CHECKS
    assert stream.run(60, sighting(180, 1000.0), tracks=[UPRIGHT]) == 0


def test_a_sighting_elsewhere_says_nothing_of_a_tracked_face(search):
    """Whether a tracked face has moved is judged by its own last sighting, not by that of another face."""
    search.add(sighting(180), media_time_s=0.0)
    assert search.next_trial([Track(1, Box(5, 6, 50, 50), 5, 0)], media_time_s=1.0, scans=False).last.turn == 180
    assert search.next_trial([Track(1, Box(200, 6, 50, 50), 5, 0)], media_time_s=2.0, scans=False).last is None


def test_each_new_face_is_looked_at_once(stream):
    """When a person leaves, the next one is looked at; as long as one upright face is there, nobody else is."""
    other = Track(2, Box(100, 10, 80, 80), 5, 0)
    stream.run(2, SEEN_UPRIGHT, tracks=[UPRIGHT], scans=False)
    stream.run(2, SEEN_UPRIGHT, tracks=[UPRIGHT, other], scans=False)
    stream.run(2, SEEN_UPRIGHT, tracks=[other], scans=False)
    assert [trial.near for _, trial in stream.trials] == [UPRIGHT.box, other.box]


def test_an_untracked_face_that_is_not_seen_again_is_given_up(stream):
    """A false detection is rarely seen again at its place: then the scans go on, and it no longer counts."""
    stream.run(WAIT_S + 0.2, sighting(180))
    stream.run(10 * CHECK_GAP_S, NOTHING)
    near = [trial.near for _, trial in stream.trials]
    assert near[0] is None
    assert None not in near[1 : 1 + FOLLOW_UPS]
    assert near[1 + FOLLOW_UPS] is None
    assert stream.search.add(sighting(180), media_time_s=stream.now_s) == 0
    assert stream.search.add(sighting(180), media_time_s=stream.now_s) == 0


def test_trials_become_rare_where_something_moves_without_a_face(stream):
    """A fan costs a dozen trials at first, and then one in ten seconds."""
    stream.run(600)
    times = np.array([time for time, _ in stream.trials])
    assert np.all(np.diff(times)[: EAGER_TRIALS - 1] < 0.2)
    assert np.all(np.diff(times)[-40:] >= LONGEST_GAP_S - 0.01)
    assert len(times) < EAGER_TRIALS + 600 / LONGEST_GAP_S + 5


def test_a_pause_makes_the_next_motion_a_new_event(stream):
    """After a pause the trials are frequent again, and wait until an upright person would have been found."""
    stream.run(300)
    stream.run(PAUSE_S + 1, scans=False)
    began_s, tried = stream.now_s, len(stream.trials)
    stream.run(WAIT_S + 2)
    times = [time for time, _ in stream.trials[tried:]]
    assert times[0] - began_s >= WAIT_S
    assert len(times) >= EAGER_TRIALS


@pytest.mark.parametrize("tracks", [(), (UPRIGHT,)], ids=["scans", "looks"])
def test_trials_keep_to_their_share_of_the_processor(stream, tracks):
    """A trial that takes 0.2 s of processor time is followed by two seconds without one, at a share of 0.1."""
    stream.run(20, cpu_s=0.2, tracks=tracks)
    times = [time for time, _ in stream.trials]
    assert len(times) >= 5
    assert min(np.diff(times)) >= 2.0 - 0.01


class Blocks(Detector):
    """Takes a square whose upper half is bright and whose lower half is gray for a face, as `draw` draws it.

    The score falls with the contrast of the halves. Like a real detector it may find it the wrong way up as well.
    """

    sure_score = 0.8

    def __init__(self, *, score=0.9, upside_down_score=None, rolls=None):
        self.scans = 0
        self._score = score
        self._upside_down_score = upside_down_score
        self._rolls = rolls or {}

    def scan(self, gray, *, region=None):
        assert region is None
        self.scans += 1
        return self._find(gray)

    def look(self, gray, near, *, margin, sizes, roll_deg, is_new):  # noqa: ARG002  # the contract's
        assert (roll_deg, is_new) == (0.0, True)
        return [face for face in self._find(gray) if face.box.iou(near) > 0.5]

    def _find(self, gray):
        faces = []
        _, _, stats, _ = cv2.connectedComponentsWithStats((gray >= 100).astype(np.uint8))
        for x, y, w, h, _ in stats[1:].tolist():
            face = gray[y : y + h, x : x + w].astype(float)
            slope = (face[: h // 2].mean() - face[h // 2 :].mean()) / 130
            score, way = (self._score, "upright") if slope > 0 else (self._upside_down_score, "upside down")
            if score is not None and abs(slope) > 0.25:
                faces.append(Detection(Box(x, y, w, h), score * min(1.0, abs(slope)), roll_deg=self._rolls.get(way)))
        return faces


def draw(turn, *, x=70, y=30, bright=250):
    """Return a frame of 200x120 with a face that is upright after `turn`."""
    face = np.full((FACE_PX, FACE_PX), 120, np.uint8)
    face[: FACE_PX // 2] = bright
    frame = np.zeros((120, 200), np.uint8)
    frame[y : y + FACE_PX, x : x + FACE_PX] = np.rot90(face, turn // 90)
    return frame


FACE = Box(70, 30, FACE_PX, FACE_PX)


@pytest.mark.parametrize("region", [None, Box(40, -20, 120, 120), Box(-20, -20, 500, 500)])
@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_face_is_found_in_each_other_orientation(turn, region):
    """A scan of the turned region finds the face, and gives its box in the frame as it is."""
    result = try_orientations(Blocks(), draw(turn), Trial(), region=region)
    assert result.upright_score is None
    assert (result.sighting.turn, result.sighting.box) == (turn, FACE)


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_look_at_a_known_face_needs_no_scan(turn):
    """Where the face is known, its window is looked at in the four orientations."""
    detector = Blocks()
    result = try_orientations(detector, draw(turn), Trial(FACE.moved(3, -3)))
    assert (result.sighting.turn, result.sighting.box) == (turn, FACE)
    assert detector.scans == 0


def test_only_the_region_is_scanned():
    """A face outside the region that has changed is not found."""
    assert try_orientations(Blocks(), draw(180), Trial(), region=Box(120, 0, 80, 120)).sighting is None
    assert try_orientations(Blocks(), draw(180), Trial(), region=Box(300, 300, 80, 120)).sighting is None


def test_an_empty_frame_has_nothing_to_turn_for():
    """Without a face in any orientation there is neither an upright face nor a sighting."""
    result = try_orientations(Blocks(), np.zeros((120, 200), np.uint8), Trial())
    assert (result.upright_score, result.sighting) == (None, None)


@pytest.mark.parametrize("trial", [Trial(), Trial(FACE)], ids=["scan", "look"])
@pytest.mark.parametrize(("actual", "turn"), [(0, 0), (180, 180)])
def test_the_orientation_in_which_the_look_is_surer_wins(actual, turn, trial):
    """A face that is found both ways is upright where its score is clearly higher."""
    result = try_orientations(Blocks(upside_down_score=0.7), draw(actual), trial)
    assert result.upright_score == (None if turn else 0.9)
    assert (result.sighting.turn if result.sighting else 0) == turn


@pytest.mark.parametrize("actual", [0, 180])
def test_frames_stay_as_they_are_if_both_ways_are_about_as_sure(actual):
    """In doubt the present orientation is right."""
    assert try_orientations(Blocks(upside_down_score=0.89), draw(actual), Trial(FACE)).upright_score is not None


def test_a_head_that_tilts_is_upright_if_it_is_about_as_sure_upside_down():
    """The present orientation comes first, even where the other one fits the head's roll better."""
    rolls = {"upright": 0.0, "upside down": 20.0}
    detector = Blocks(upside_down_score=0.89, rolls=rolls)
    assert try_orientations(detector, draw(180), Trial(FACE)).upright_score == 0.89


def test_of_several_faces_the_surest_counts():
    """A scan that finds faces in several orientations is decided by the one with the highest score."""
    frame = np.maximum(draw(180, x=10, bright=240), draw(90, x=140))
    assert try_orientations(Blocks(score=1.0), frame, Trial()).sighting.turn == 90
    frame = np.maximum(draw(180, x=10), draw(90, x=140, bright=240))
    assert try_orientations(Blocks(score=1.0), frame, Trial()).sighting.turn == 180


def test_a_score_may_be_negative():
    """A cascade's level weights can be below 0; in doubt the present orientation is right then, too."""

    class Doubtful(Blocks):
        def _find(self, gray):
            return [Detection(face.box, -2.0) for face in super()._find(gray)]

    assert try_orientations(Doubtful(upside_down_score=0.1), draw(180), Trial(FACE)).upright_score is not None


@pytest.mark.parametrize(("turn", "roll_deg", "counts"), [(90, 45.0, False), (270, -25.0, True), (180, 40.0, True)])
def test_a_tilted_head_does_not_count_for_a_camera_on_its_side(turn, roll_deg, counts):
    """A head that tilts by 45 degrees fits two orientations; upside down is out of question for it."""
    result = try_orientations(Blocks(rolls={"upright": roll_deg}), draw(turn), Trial(FACE))
    assert (result.sighting is not None) == counts
    assert result.upright_score is None


@pytest.mark.parametrize(("score", "counts"), [(0.79, False), (0.8, True)])
def test_only_a_sure_look_counts_for_another_orientation(score, counts):
    """A pattern that scores like a face upside down is no reason to turn; upright it still counts as a face."""
    detector = Blocks(score=score)
    assert (try_orientations(detector, draw(180), Trial()).sighting is not None) == counts
    assert try_orientations(detector, draw(0), Trial(FACE)).upright_score == score


@pytest.mark.parametrize("actual", [0, 90, 180, 270])
def test_an_image_is_turned_so_that_its_face_is_upright(actual):
    """A single image has no present orientation that were right in doubt: a face that is not sure is enough."""
    assert find_turn(Blocks(score=0.7), draw(actual)) == actual


def test_an_image_without_a_face_has_no_turn():
    """That is not the same as a face that is upright."""
    assert find_turn(Blocks(), np.zeros((120, 200), np.uint8)) is None


def test_of_two_faces_in_an_image_the_surer_one_decides():
    """The face that is found first does not win if another one is surer."""
    image = np.maximum(draw(0, x=10, bright=230), draw(180, x=140))
    assert find_turn(Blocks(score=0.79), image) == 180


def test_an_image_with_a_sure_upright_face_is_scanned_once():
    """Most images are upright: they cost no scans in other orientations."""
    detector = Blocks()
    assert find_turn(detector, draw(0)) == 0
    assert detector.scans == 1


def test_what_does_not_move_is_no_face():
    """A pattern that looks like a face, but has not changed since it was seen last, is not seen again."""
    detector = Blocks()
    first = try_orientations(detector, draw(180), Trial()).sighting
    assert try_orientations(detector, draw(180), Trial(first.box, first)).sighting is None
    assert try_orientations(detector, draw(180, bright=255), Trial(first.box, first)).sighting is None
    assert try_orientations(detector, draw(180, x=71), Trial(first.box, first)).sighting is not None
    assert try_orientations(detector, draw(180, bright=237), Trial(first.box, first)).sighting is not None


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_box_turns_with_its_pixels(turn):
    """The turned box encloses the same pixels, and turns back to where it was."""
    frame = np.zeros((120, 200), np.uint8)
    box = Box(30, 20, 50, 10)
    frame[box.y : box.y + box.h, box.x : box.x + box.w] = 1
    turned = np.rot90(frame, -turn // 90)
    height, width = turned.shape
    there = turn_box(box, turn, 200, 120)
    assert turned[there.y : there.y + there.h, there.x : there.x + there.w].all()
    assert there.area == box.area == turned.sum()
    assert turn_box(there, 360 - turn, width, height) == box
