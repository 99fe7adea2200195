"""The figures, against counts done by hand."""

import numpy as np
import pytest

from train.metrics import calibration_bins, calibration_error, measure, roc_curves

LABELS = ("happy", "sad", "neutral")


def certain(answers, confidence=1.0):
    """Probabilities that give these answers with this confidence."""
    probabilities = np.full((len(answers), 3), (1 - confidence) / 2, dtype=np.float32)
    probabilities[np.arange(len(answers)), answers] = confidence
    return probabilities


def error_of(probabilities, codes):
    """The expected calibration error of these answers."""
    return calibration_error(calibration_bins(probabilities, codes))


def test_figures_of_a_case_counted_by_hand():
    """Six faces: 3 of 4 happy right, 0 of 2 sad, no neutral: accuracy 1/2, balanced 3/8, neutral without a recall."""
    codes = np.array([0, 0, 0, 0, 1, 1])
    figures = measure(certain([0, 0, 0, 1, 0, 2]), codes, LABELS)
    assert figures.faces == 6
    assert figures.accuracy == 0.5
    assert figures.recall == {"happy": 0.75, "sad": 0.0}
    assert figures.balanced_accuracy == 0.375
    assert figures.confusion == [[3, 1, 0], [1, 0, 1], [0, 0, 0]]


def test_precision_and_f1_of_a_case_counted_by_hand():
    """Happy: 3 of 3 answers right, 3 of 4 found, F1 6/7. Sad: none of 2 answers right. Neutral has no faces."""
    figures = measure(certain([0, 0, 0, 1, 1, 2]), np.array([0, 0, 0, 0, 2, 2]), ("happy", "sad", "fear"))
    assert figures.precision == {"happy": 1.0, "fear": 1.0}
    assert figures.f1 == pytest.approx({"happy": 6 / 7, "fear": 2 / 3})
    assert figures.macro_f1 == pytest.approx((6 / 7 + 2 / 3) / 2)
    never = measure(certain([1, 1]), np.array([0, 1]), LABELS)
    assert never.precision == {"happy": 0.0, "sad": 0.5}
    assert never.f1["happy"] == 0.0


def test_a_confusion_row_is_a_true_class():
    """Rows are the truth and columns the answers, not the other way round."""
    assert measure(certain([2]), np.array([0]), LABELS).confusion == [[0, 0, 1], [0, 0, 0], [0, 0, 0]]


def test_auc_is_the_share_of_pairs_in_order():
    """Of happy 0.9, 0.4 against other 0.6, 0.2: 3 of 4 pairs are in order. The curve has the same area."""
    happy = np.array([0.9, 0.4, 0.6, 0.2], dtype=np.float32)
    probabilities = np.stack([happy, 1 - happy, 0 * happy], axis=1)
    codes = np.array([0, 0, 1, 1])
    figures = measure(probabilities, codes, LABELS)
    assert figures.auc == pytest.approx({"happy": 0.75, "sad": 0.75})
    false, true = roc_curves(probabilities, codes, LABELS)["happy"]
    assert np.trapezoid(true, false) == pytest.approx(0.75)


def test_one_class_alone_has_no_rest_to_be_told_from():
    """No curve and no area, rather than a made-up one."""
    answers, codes = certain([0, 1]), np.array([0, 0])
    assert measure(answers, codes, LABELS).auc == {}
    assert roc_curves(answers, codes, LABELS) == {}


@pytest.mark.parametrize(
    ("confidence", "right", "expected"),
    [(0.75, 75, 0.0), (0.9, 50, 0.4), (1.0, 100, 0.0), (1.0, 0, 1.0)],
)
def test_calibration_error_is_the_gap_of_confidence_and_accuracy(confidence, right, expected):
    """A hundred answers of one confidence: the error is |share right - confidence|."""
    codes = np.array([0] * right + [1] * (100 - right))
    assert error_of(certain([0] * 100, confidence), codes) == pytest.approx(expected, abs=1e-6)


def test_calibration_gaps_do_not_cancel_between_bins():
    """Over- and underconfident answers in different bins add up."""
    probabilities = np.concatenate([certain([0] * 10, 0.99), certain([0] * 10, 0.5)])
    codes = np.array([1] * 5 + [0] * 5 + [0] * 10)
    assert error_of(probabilities, codes) == pytest.approx((0.49 + 0.5) / 2, abs=1e-6)


def test_a_bin_holds_its_upper_edge():
    """Fifteen bins above 0; confidence 3/15 belongs to the third, a little more to the fourth."""
    bins = calibration_bins(np.array([[0.2, 0.1], [0.21, 0.1]]), np.array([0, 1]))
    assert [(round(15 * one.low), round(15 * one.high), one.faces, one.accuracy) for one in bins] == [
        (2, 3, 1, 1.0),
        (3, 4, 1, 0.0),
    ]
    assert bins[0].confidence == pytest.approx(0.2)


@pytest.mark.parametrize("shape", [(0, 3), (2, 3), (1, 2)])
def test_what_does_not_fit_is_refused(shape):
    """No faces, or answers for other faces or classes, are a programmer's mistake and not a figure."""
    with pytest.raises(ValueError, match="expected"):
        measure(np.zeros(shape, dtype=np.float32), np.zeros(min(shape[0], 1), dtype=np.int64), LABELS)
