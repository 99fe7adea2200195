"""Each track is classified at its own rate, alternately mirrored, longest waiting first, and only if it is clear."""

from collections import Counter

import cv2
import numpy as np
import pytest

from edge.model.prior import PriorCorrection
from edge.records import Box, EmotionScores, Track
from edge.settings.schema import ClassifySettings, SmoothSettings
from edge.vision.classify_tracks import TrackClassifier
from edge.vision.smooth import Smoother

LABELS = ("happy", "sad")
NOISE = np.random.default_rng(0).integers(0, 256, (480, 640), dtype=np.uint8)
DARK = NOISE // 16


class FakeClassifier:
    """Predicts `happy`, and records which boxes it crops and how each face is presented."""

    labels = LABELS

    def __init__(self):
        self.cropped = []
        self.views = []

    def crop(self, gray, box, *, roll_deg=0.0):  # noqa: ARG002  # the signature of EmotionClassifier.crop
        self.cropped.append(box.x)
        self._face = cv2.resize(gray[box.y : box.y + box.h, box.x : box.x + box.w], (48, 48))
        return self._face

    def score(self, face):
        views = {"original": self._face, "mirrored": cv2.flip(self._face, 1)}
        self.views += [name for name, image in views.items() if np.array_equal(face, image)]
        return EmotionScores(np.array([0.9, 0.1], np.float32))

    def score_with_mirror(self, face):
        assert np.array_equal(face, self._face)
        self.views.append("both")
        return EmotionScores(np.array([0.9, 0.1], np.float32))


def track(track_id, *, size=80, missed=0):
    return Track(track_id, Box(100 * track_id, 100, size, size), 5, missed)


def new_track_classifier(classifier, *, prior="everyday", strength=0.0):
    correct = PriorCorrection(LABELS, {"happy": 0.5, "sad": 0.5}, prior=prior, strength=strength)
    settings = ClassifySettings(rate_hz=10, min_face_px=36)
    return TrackClassifier(classifier, correct, Smoother(SmoothSettings(), LABELS), settings)


@pytest.fixture
def classifier():
    return FakeClassifier()


@pytest.fixture
def track_classifier(classifier):
    return new_track_classifier(classifier)


@pytest.mark.parametrize("fps", [30, 25, 60])
def test_a_face_is_classified_at_the_rate_at_any_frame_rate(track_classifier, classifier, fps):
    """A face is classified ten times a second, and has a prediction in every frame."""
    for frame in range(5 * fps):
        results = track_classifier.update(NOISE, [track(1)], media_time_s=frame / fps)
        assert results[1].prediction.emotion == "happy"
    assert len(classifier.cropped) == pytest.approx(50, abs=2)


def test_below_the_rate_every_frame_is_classified(track_classifier, classifier):
    """At five frames per second, a face is classified in each."""
    for frame in range(20):
        track_classifier.update(NOISE, [track(1)], media_time_s=frame / 5)
    assert len(classifier.cropped) == 20


def test_the_longest_waiting_face_is_classified_first(track_classifier, classifier):
    """Face 2, which appeared after face 1, is due after it; a new face is due at once, before both."""
    track_classifier.update(NOISE, [track(1)], media_time_s=0.0)
    track_classifier.update(NOISE, [track(1), track(2)], media_time_s=0.05)
    classifier.cropped.clear()
    track_classifier.update(NOISE, [track(2), track(1), track(3)], media_time_s=0.3)
    assert classifier.cropped == [300, 100, 200]


def test_many_faces_are_classified_equally_often(track_classifier, classifier):
    """In two seconds each of five faces is classified twenty times."""
    for frame in range(60):
        track_classifier.update(NOISE, [track(number) for number in range(1, 6)], media_time_s=frame / 30)
    assert all(count == pytest.approx(20, abs=1) for count in Counter(classifier.cropped).values())


def test_a_missed_face_is_not_classified(track_classifier, classifier):
    """A track that was not found in this frame is neither cropped nor among the results."""
    assert track_classifier.update(NOISE, [track(1, missed=2)], media_time_s=0.0) == {}
    assert classifier.cropped == []


@pytest.mark.parametrize(
    ("image", "size", "reason"),
    [
        (NOISE, 30, "too small"),
        (DARK, 80, "too dark"),
        (np.full_like(NOISE, 120), 80, "too dark"),
        (cv2.GaussianBlur(cv2.resize(NOISE[:24, :32], (640, 480)), (0, 0), 12), 80, "too blurred"),
    ],
)
def test_an_unclear_face_is_uncertain_with_a_reason(track_classifier, image, size, reason):
    """A new face that is too small, dark, flat or blurred is not classified: its label is `uncertain`."""
    results = track_classifier.update(image, [track(1, size=size)], media_time_s=0.0)
    assert results[1].unclear == reason
    assert results[1].prediction.emotion == "uncertain"


def test_an_unclear_face_keeps_its_last_prediction(track_classifier):
    """While a shadow passes over a known face, its label stays and the reason is reported with it."""
    track_classifier.update(NOISE, [track(1)], media_time_s=0.0)
    results = track_classifier.update(DARK, [track(1)], media_time_s=0.2)
    assert (results[1].prediction.emotion, results[1].unclear) == ("happy", "too dark")


def test_a_face_that_left_is_forgotten(track_classifier, classifier):
    """A track id that returns after a gap counts as a new face and is classified at once."""
    track_classifier.update(NOISE, [track(1)], media_time_s=0.0)
    track_classifier.update(NOISE, [], media_time_s=0.01)
    track_classifier.update(NOISE, [track(1)], media_time_s=0.02)
    assert len(classifier.cropped) == 2


@pytest.mark.parametrize(
    "forget", [lambda track_classifier: track_classifier.update(NOISE, [], media_time_s=0.0), TrackClassifier.reset]
)
def test_a_forgotten_face_has_no_prediction_left(track_classifier, classifier, forget):
    """After the face left, or after a reset, an unclear crop is `uncertain` instead of the earlier label."""
    track_classifier.update(NOISE, [track(1)], media_time_s=0.0)
    forget(track_classifier)
    results = track_classifier.update(DARK, [track(1)], media_time_s=0.0)
    assert len(classifier.cropped) == 2
    assert (results[1].prediction.emotion, results[1].unclear) == ("uncertain", "too dark")


def test_missed_classifications_are_not_made_up_for(track_classifier, classifier):
    """A face that is found again after two seconds is classified at the usual rate, not in every frame for a while."""
    track_classifier.update(NOISE, [track(1)], media_time_s=0.0)
    for frame in range(1, 60):
        track_classifier.update(NOISE, [track(1, missed=frame)], media_time_s=frame / 30)
    classifier.cropped.clear()
    for frame in range(60, 90):
        track_classifier.update(NOISE, [track(1)], media_time_s=frame / 30)
    assert len(classifier.cropped) == pytest.approx(11, abs=1)


def test_the_shorter_side_decides_what_is_too_small(track_classifier):
    """A narrow box is too small if its width is, whatever its height."""
    narrow = Track(1, Box(100, 100, 30, 90), 5, 0)
    assert track_classifier.update(NOISE, [narrow], media_time_s=0.0)[1].unclear == "too small"


def test_a_face_of_the_smallest_size_is_classified(track_classifier):
    """A face of exactly `min_face_px` is not too small."""
    assert track_classifier.update(NOISE, [track(1, size=36)], media_time_s=0.0)[1].unclear is None


def test_a_new_face_is_scored_both_ways_and_then_alternately(track_classifier, classifier):
    """The first classification averages over both views; every later one costs a single inference."""
    for turn in range(5):
        track_classifier.update(NOISE, [track(1)], media_time_s=turn / 9)
    assert classifier.views == ["both", "mirrored", "original", "mirrored", "original"]


def test_every_face_alternates_by_itself(track_classifier, classifier):
    """A face that appears later starts with both views and does not disturb the order of another."""
    track_classifier.update(NOISE, [track(1)], media_time_s=0.0)
    track_classifier.update(NOISE, [track(1), track(2)], media_time_s=0.1)
    track_classifier.update(NOISE, [track(1), track(2)], media_time_s=0.2)
    assert Counter(classifier.views) == {"both": 2, "mirrored": 2, "original": 1}


def test_a_face_that_was_unclear_at_first_is_then_scored_both_ways(track_classifier, classifier):
    """Unclear crops do not count as turns: the first prediction, which weighs most, averages over both views."""
    track_classifier.update(DARK, [track(1)], media_time_s=0.0)
    track_classifier.update(NOISE, [track(1)], media_time_s=0.2)
    track_classifier.update(DARK, [track(1)], media_time_s=0.4)
    track_classifier.update(NOISE, [track(1)], media_time_s=0.6)
    assert classifier.views == ["both", "mirrored"]


def test_every_prediction_is_corrected_for_the_prior(classifier):
    """Both the first prediction and the later ones are; of 0.9 happy remains 0.5 if sad is nine times as common."""
    track_classifier = new_track_classifier(classifier, prior={"happy": 0.1, "sad": 0.9}, strength=1.0)
    for turn in range(3):
        results = track_classifier.update(NOISE, [track(1)], media_time_s=turn / 9)
        np.testing.assert_allclose(results[1].prediction.probabilities, 0.5, atol=1e-6)
    assert len(classifier.views) == 3
