"""McNemar's test, against a case done by hand."""

import numpy as np
import pytest

from edge.labels import EMOTIONS
from train.compare import compare_answers, paired_test, verdict
from train.faces import FaceData


def rights(both, only_first, only_second, neither):
    """Which faces each model names right, for these counts."""
    counts = (both, only_first, only_second, neither)
    return np.repeat([True, True, False, False], counts), np.repeat([True, False, True, False], counts)


def test_the_exact_test_of_a_case_done_by_hand():
    """1 against 9 of 10 that part the models: two sides of (1 + 10) / 1024. Where both agree does not count."""
    test = paired_test(*rights(5, 1, 9, 4))
    assert (test.both, test.only_first, test.only_second, test.neither) == (5, 1, 9, 4)
    assert test.p_value == pytest.approx(22 / 1024)
    assert paired_test(*rights(5000, 1, 9, 0)).p_value == test.p_value


def test_models_that_never_differ_are_equal():
    """Nothing parts them: chance explains that always."""
    assert paired_test(*rights(3, 0, 0, 2)).p_value == 1.0


@pytest.mark.parametrize(
    ("only_first", "only_second", "words"),
    [
        (1, 9, ["The other model names 8 more faces right than this one", "2.1 %", "is real by the usual measure"]),
        (4, 3, ["This model names 1 more face right than the other", "100.0 %", "do not show"]),
        (30, 0, ["less than 0.1 %", "is real"]),
        (2, 2, ["Neither model is ahead."]),
    ],
)
def test_the_verdict_says_who_is_ahead_and_whether_that_is_real(only_first, only_second, words):
    """Plain words for who knows no p."""
    said = verdict(paired_test(*rights(10, only_first, only_second, 10)))
    assert all(word in said for word in words)


def test_answers_are_compared_with_the_truth_and_without_known_faces(face_data):
    """The first model names all right, the second the last fourteen; the first seven stand in training too."""
    faces = face_data.validation
    known = faces.where(np.arange(len(faces)) < 7)
    data = FaceData("leaky", EMOTIONS, known, faces, face_data.test)
    perfect = np.eye(7, dtype=np.float32)[faces.codes]
    worse = perfect.copy()
    worse[:7] = np.roll(perfect[:7], 1, axis=1)
    official, clean = compare_answers(perfect, worse, data, split="validation")
    assert (official.both, official.only_first, official.only_second) == (14, 7, 0)
    assert clean is not None
    assert (clean.both, clean.only_first, clean.neither) == (14, 0, 0)
    assert compare_answers(perfect, worse, FaceData("known", EMOTIONS, faces, faces, faces), split="test")[1] is None
