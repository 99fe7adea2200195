"""Each face is classified at its own rate, from both sides, longest waiting first, and only when it is worth it."""

from collections import Counter

import cv2
import numpy as np
import pytest

from edge.records import Box, EmotionScores, Track
from edge.settings import NameSettings, SmoothSettings
from edge.vision.name import FaceNamer
from edge.vision.smooth import Smoother

LABELS = ("happy", "sad")
FACE = np.random.default_rng(0).integers(0, 256, (480, 640), dtype=np.uint8)


class Answers:
    """A classifier that notes whom it is asked about, and how each face was shown to it."""

    labels = LABELS

    def __init__(self):
        self.asked = []
        self.shown = []

    def crop(self, gray, box):
        self.asked.append(box.x)
        self._face = cv2.resize(gray[box.y : box.y + box.h, box.x : box.x + box.w], (48, 48))
        return self._face

    def score(self, face):
        ways = {"as it is": self._face, "mirrored": cv2.flip(self._face, 1)}
        self.shown += [way for way, wanted in ways.items() if np.array_equal(face, wanted)]
        return EmotionScores(np.array([0.9, 0.1], np.float32))

    def score_both_ways(self, face):
        assert np.array_equal(face, self._face)
        self.shown.append("both ways")
        return EmotionScores(np.array([0.9, 0.1], np.float32))


def track(track_id, *, size=80, missed=0):
    return Track(track_id, Box(100 * track_id, 100, size, size), 5, missed)


@pytest.fixture
def answers():
    return Answers()


@pytest.fixture
def namer(answers):
    return FaceNamer(answers, Smoother(SmoothSettings(), LABELS), NameSettings(rate_hz=10, min_face_px=36))


@pytest.mark.parametrize("fps", [30, 25, 60])
def test_a_face_is_classified_ten_times_a_second_at_any_frame_rate(namer, answers, fps):
    """And in every frame something is said of it."""
    for frame in range(5 * fps):
        named = namer.update(FACE, [track(1)], position_s=frame / fps)
        assert named[1].said.emotion == "happy"
    assert len(answers.asked) == pytest.approx(50, abs=2)


def test_a_slow_camera_is_classified_in_every_frame(namer, answers):
    """At five frames a second each is used."""
    for frame in range(20):
        namer.update(FACE, [track(1)], position_s=frame / 5)
    assert len(answers.asked) == 20


def test_the_face_that_waited_longest_comes_first(namer, answers):
    """Face 2 came a little after face 1, so it is due later; a new face is due at once, before both."""
    namer.update(FACE, [track(1)], position_s=0.0)
    namer.update(FACE, [track(1), track(2)], position_s=0.05)
    answers.asked.clear()
    namer.update(FACE, [track(2), track(1), track(3)], position_s=0.3)
    assert answers.asked == [300, 100, 200]


def test_every_face_gets_its_share(namer, answers):
    """Five faces for two seconds: twenty times each."""
    for frame in range(60):
        namer.update(FACE, [track(number) for number in range(1, 6)], position_s=frame / 30)
    assert all(count == pytest.approx(20, abs=1) for count in Counter(answers.asked).values())


def test_of_a_missed_face_nothing_is_said(namer, answers):
    """It is not in the picture, so there is nothing to classify."""
    assert namer.update(FACE, [track(1, missed=2)], position_s=0.0) == {}
    assert answers.asked == []


@pytest.mark.parametrize(
    ("picture", "size", "reason"),
    [
        (FACE, 30, "too small"),
        (FACE // 16, 80, "too dark"),
        (np.full_like(FACE, 120), 80, "too dark"),
        (cv2.GaussianBlur(cv2.resize(FACE[:24, :32], (640, 480)), (0, 0), 12), 80, "too blurred"),
    ],
)
def test_a_face_that_is_not_worth_it_is_not_classified_and_the_reason_is_said(namer, picture, size, reason):
    """Too small, too dark, flat, or blurred: nothing was known before, so the name is `uncertain`."""
    named = namer.update(picture, [track(1, size=size)], position_s=0.0)
    assert named[1].unclear == reason
    assert named[1].said.emotion == "uncertain"


def test_the_last_answer_holds_while_a_face_is_unclear(namer):
    """A shadow passes: what was said before stays, and the reason is given with it."""
    namer.update(FACE, [track(1)], position_s=0.0)
    named = namer.update(FACE // 16, [track(1)], position_s=0.2)
    assert (named[1].said.emotion, named[1].unclear) == ("happy", "too dark")


def test_a_face_that_left_is_forgotten(namer, answers):
    """Its id, come back after a gap, is a new face: classified at once."""
    namer.update(FACE, [track(1)], position_s=0.0)
    namer.update(FACE, [], position_s=0.01)
    namer.update(FACE, [track(1)], position_s=0.02)
    assert len(answers.asked) == 2


@pytest.mark.parametrize("forget", [lambda namer: namer.update(FACE, [], position_s=0.0), FaceNamer.reset])
def test_nothing_is_held_of_a_face_that_is_forgotten(namer, answers, forget):
    """It left, or the next picture has come: it is asked about anew, and unclear it is `uncertain`."""
    namer.update(FACE, [track(1)], position_s=0.0)
    forget(namer)
    named = namer.update(FACE // 16, [track(1)], position_s=0.0)
    assert len(answers.asked) == 2
    assert (named[1].said.emotion, named[1].unclear) == ("uncertain", "too dark")


def test_a_face_that_was_missed_for_long_is_not_made_up_for(namer, answers):
    """Back after two seconds it is classified ten times a second as before, not in every frame for a while."""
    namer.update(FACE, [track(1)], position_s=0.0)
    for frame in range(1, 60):
        namer.update(FACE, [track(1, missed=frame)], position_s=frame / 30)
    answers.asked.clear()
    for frame in range(60, 90):
        namer.update(FACE, [track(1)], position_s=frame / 30)
    assert len(answers.asked) == pytest.approx(11, abs=1)


def test_the_shorter_side_decides_what_is_too_small(namer):
    """A narrow box has no more of a face than its width."""
    narrow = Track(1, Box(100, 100, 30, 90), 5, 0)
    assert namer.update(FACE, [narrow], position_s=0.0)[1].unclear == "too small"


def test_a_face_of_the_least_size_is_classified(namer):
    """`min_face_px` itself is enough."""
    assert namer.update(FACE, [track(1, size=36)], position_s=0.0)[1].unclear is None


def test_a_new_face_is_shown_both_ways_and_then_by_turns(namer, answers):
    """What is said of it steadies to the mean of both, and each look but the first costs one answer."""
    for look in range(5):
        namer.update(FACE, [track(1)], position_s=look / 9)
    assert answers.shown == ["both ways", "mirrored", "as it is", "mirrored", "as it is"]


def test_every_face_has_its_own_turns(namer, answers):
    """One that comes later begins anew, and does not disturb the other's."""
    namer.update(FACE, [track(1)], position_s=0.0)
    namer.update(FACE, [track(1), track(2)], position_s=0.1)
    namer.update(FACE, [track(1), track(2)], position_s=0.2)
    assert Counter(answers.shown) == {"both ways": 2, "mirrored": 2, "as it is": 1}


def test_a_face_that_was_unclear_at_first_is_then_shown_both_ways(namer, answers):
    """The first answer counts most: it is the best that can be had."""
    namer.update(FACE // 16, [track(1)], position_s=0.0)
    namer.update(FACE, [track(1)], position_s=0.2)
    namer.update(FACE // 16, [track(1)], position_s=0.4)
    namer.update(FACE, [track(1)], position_s=0.6)
    assert answers.shown == ["both ways", "mirrored"]
