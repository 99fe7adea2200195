"""The figures, against counts done by hand."""

import numpy as np
import pytest

from train.metrics import calibration_error, count_confusion, measure

LABELS = ("happy", "sad", "neutral")


def certain(answers, confidence=1.0):
    """Probabilities that give these answers with this confidence."""
    probabilities = np.full((len(answers), 3), (1 - confidence) / 2, dtype=np.float32)
    probabilities[np.arange(len(answers)), answers] = confidence
    return probabilities


def test_figures_of_a_case_counted_by_hand():
    """Six faces: 3 of 4 happy right, 0 of 2 sad, no neutral: accuracy 1/2, balanced 3/8, neutral without a recall."""
    codes = np.array([0, 0, 0, 0, 1, 1])
    figures = measure(certain([0, 0, 0, 1, 0, 2]), codes, LABELS)
    assert figures.faces == 6
    assert figures.accuracy == 0.5
    assert figures.recall == {"happy": 0.75, "sad": 0.0}
    assert figures.balanced_accuracy == 0.375
    assert figures.confusion == [[3, 1, 0], [1, 0, 1], [0, 0, 0]]


def test_a_confusion_row_is_a_true_class():
    """Rows are the truth and columns the answers, not the other way round."""
    assert count_confusion(np.array([2]), np.array([0]), classes=3).tolist() == [[0, 0, 1], [0, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize(
    ("confidence", "right", "expected"),
    [(0.75, 75, 0.0), (0.9, 50, 0.4), (1.0, 100, 0.0), (1.0, 0, 1.0)],
)
def test_calibration_error_is_the_gap_of_confidence_and_accuracy(confidence, right, expected):
    """A hundred answers of one confidence: the error is |share right - confidence|."""
    codes = np.array([0] * right + [1] * (100 - right))
    assert calibration_error(certain([0] * 100, confidence), codes) == pytest.approx(expected, abs=1e-6)


def test_calibration_gaps_do_not_cancel_between_bins():
    """Over- and underconfident answers in different bins add up."""
    probabilities = np.concatenate([certain([0] * 10, 0.99), certain([0] * 10, 0.5)])
    codes = np.array([1] * 5 + [0] * 5 + [0] * 10)
    assert calibration_error(probabilities, codes) == pytest.approx((0.49 + 0.5) / 2, abs=1e-6)


@pytest.mark.parametrize("shape", [(0, 3), (2, 3), (1, 2)])
def test_what_does_not_fit_is_refused(shape):
    """No faces, or answers for other faces or classes, are a programmer's mistake and not a figure."""
    with pytest.raises(ValueError, match="expected"):
        measure(np.zeros(shape, dtype=np.float32), np.zeros(min(shape[0], 1), dtype=np.int64), LABELS)
