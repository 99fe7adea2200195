"""McNemar's test and the comparison of two models."""

import numpy as np
import pytest

from edge.labels import EMOTIONS
from train.data.faces import FaceData
from train.evaluation.compare import compare_predictions, paired_test, verdict


def correct_faces(both, only_first, only_second, neither):
    """Return which faces each model predicts correctly, for these counts."""
    counts = (both, only_first, only_second, neither)
    return np.repeat([True, True, False, False], counts), np.repeat([True, False, True, False], counts)


def test_exact_test_of_a_case_done_by_hand():
    """For 1 against 9 differing faces, p is two-sided (1 + 10) / 1024; faces on which both agree do not matter."""
    test = paired_test(*correct_faces(5, 1, 9, 4))
    assert (test.both, test.only_first, test.only_second, test.neither) == (5, 1, 9, 4)
    assert test.p_value == pytest.approx(22 / 1024)
    assert paired_test(*correct_faces(5000, 1, 9, 0)).p_value == test.p_value


def test_models_that_never_differ_are_equal():
    """Without a differing face the p-value is 1."""
    assert paired_test(*correct_faces(3, 0, 0, 2)).p_value == 1.0


@pytest.mark.parametrize(
    ("only_first", "only_second", "words"),
    [
        (1, 9, ["The other model is correct on 8 more faces than this one", "2.1 %", "is significant"]),
        (4, 3, ["This model is correct on 1 more face than the other", "100.0 %", "is not significant"]),
        (30, 0, ["less than 0.1 %", "is significant"]),
        (2, 2, ["Neither model is ahead."]),
    ],
)
def test_verdict_says_which_model_is_ahead_and_whether_significantly(only_first, only_second, words):
    """The verdict explains the result to readers who do not know p-values."""
    sentence = verdict(paired_test(*correct_faces(10, only_first, only_second, 10)))
    assert all(word in sentence for word in words)


def test_predictions_are_compared_on_all_and_on_unseen_faces(face_data):
    """Two models that differ only on faces with a copy in training are equal on the unseen faces."""
    faces = face_data.validation
    known = faces.where(np.arange(len(faces)) < 7)
    data = FaceData("leaky", EMOTIONS, known, faces, face_data.test)
    perfect = np.eye(7, dtype=np.float32)[faces.codes]
    worse = perfect.copy()
    worse[:7] = np.roll(perfect[:7], 1, axis=1)
    official, clean = compare_predictions(perfect, worse, data, split="validation")
    assert (official.both, official.only_first, official.only_second) == (14, 7, 0)
    assert clean is not None
    assert (clean.both, clean.only_first, clean.neither) == (14, 0, 0)
    assert (
        compare_predictions(perfect, worse, FaceData("known", EMOTIONS, faces, faces, faces), split="test")[1] is None
    )
