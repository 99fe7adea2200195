"""Classification metrics, against cases counted by hand."""

import numpy as np
import pytest

from train.evaluation.metrics import MIN_FACES, calibration_bins, calibration_error, compute_metrics, roc_curves

LABELS = ("happy", "sad", "neutral")


def certain(predictions, confidence=1.0):
    """Return probabilities that predict these classes with this confidence."""
    probabilities = np.full((len(predictions), 3), (1 - confidence) / 2, dtype=np.float32)
    probabilities[np.arange(len(predictions)), predictions] = confidence
    return probabilities


def error_of(probabilities, codes):
    """Return the expected calibration error of these predictions."""
    return calibration_error(calibration_bins(probabilities, codes))


def test_metrics_of_a_case_counted_by_hand():
    """With 3 of 4 happy and 0 of 2 sad faces correct, accuracy is 1/2, balanced 3/8, and neutral has no recall."""
    codes = np.array([0, 0, 0, 0, 1, 1])
    metrics = compute_metrics(certain([0, 0, 0, 1, 0, 2]), codes, LABELS)
    assert metrics.faces == 6
    assert metrics.accuracy == 0.5
    assert metrics.recall == {"happy": 0.75, "sad": 0.0}
    assert metrics.balanced_accuracy == 0.375
    assert metrics.confusion == [[3, 1, 0], [1, 0, 1], [0, 0, 0]]


def test_precision_and_f1_of_a_case_counted_by_hand():
    """Happy with 3 of 3 predictions correct and 3 of 4 faces found has F1 6/7; a class without faces is left out."""
    metrics = compute_metrics(certain([0, 0, 0, 1, 1, 2]), np.array([0, 0, 0, 0, 2, 2]), ("happy", "sad", "fear"))
    assert metrics.precision == {"happy": 1.0, "fear": 1.0}
    assert metrics.f1 == pytest.approx({"happy": 6 / 7, "fear": 2 / 3})
    assert metrics.macro_f1 == pytest.approx((6 / 7 + 2 / 3) / 2)
    never = compute_metrics(certain([1, 1]), np.array([0, 1]), LABELS)
    assert never.precision == {"happy": 0.0, "sad": 0.5}
    assert never.f1["happy"] == 0.0


def test_balanced_accuracy_leaves_rare_classes_out():
    """Classes with too few faces do not count in the balanced accuracy, unless no class has enough."""
    codes = np.array([0] * MIN_FACES + [1] * (MIN_FACES - 1))
    predictions = certain([0] * (MIN_FACES // 2) + [1] * (MIN_FACES // 2) + [2] * (MIN_FACES - 1))
    assert compute_metrics(predictions, codes, LABELS).balanced_accuracy == 0.5
    assert compute_metrics(predictions[1:], codes[1:], LABELS).balanced_accuracy == pytest.approx(9 / 19 / 2)


def test_missed_face_counts_as_wrong():
    """A face that the detector missed lowers accuracy and recall, but not precision, and has no confusion."""
    metrics = compute_metrics(certain([0, 1]), np.array([0, 1]), LABELS, missed=np.array([0, 2]))
    assert (metrics.faces, metrics.missed, metrics.accuracy) == (4, 2, 0.5)
    assert metrics.recall == {"happy": 0.5, "sad": 1.0, "neutral": 0.0}
    assert metrics.precision == {"happy": 1.0, "sad": 1.0, "neutral": 0.0}
    assert metrics.balanced_accuracy == 0.5
    assert sum(map(sum, metrics.confusion)) == sum(one.faces for one in metrics.calibration) == 2


def test_confusion_row_is_a_true_class():
    """Rows of the confusion matrix are true classes, columns are predicted ones."""
    assert compute_metrics(certain([2]), np.array([0]), LABELS).confusion == [[0, 0, 1], [0, 0, 0], [0, 0, 0]]


def test_auc_is_the_share_of_pairs_in_order():
    """For happy 0.9, 0.4 against others 0.6, 0.2, 3 of 4 pairs are in order; the ROC curve has the same area."""
    happy = np.array([0.9, 0.4, 0.6, 0.2], dtype=np.float32)
    probabilities = np.stack([happy, 1 - happy, 0 * happy], axis=1)
    codes = np.array([0, 0, 1, 1])
    metrics = compute_metrics(probabilities, codes, LABELS)
    assert metrics.auc == pytest.approx({"happy": 0.75, "sad": 0.75})
    false, true = roc_curves(probabilities, codes, LABELS)["happy"]
    assert np.trapezoid(true, false) == pytest.approx(0.75)


def test_single_class_has_no_roc_curve():
    """If all faces are of one class, there is no ROC curve and no AUC."""
    predictions, codes = certain([0, 1]), np.array([0, 0])
    assert compute_metrics(predictions, codes, LABELS).auc == {}
    assert roc_curves(predictions, codes, LABELS) == {}


@pytest.mark.parametrize(
    ("confidence", "right", "expected"),
    [(0.75, 75, 0.0), (0.9, 50, 0.4), (1.0, 100, 0.0), (1.0, 0, 1.0)],
)
def test_calibration_error_is_the_gap_of_confidence_and_accuracy(confidence, right, expected):
    """For a hundred predictions of one confidence, the error is |accuracy - confidence|."""
    codes = np.array([0] * right + [1] * (100 - right))
    assert error_of(certain([0] * 100, confidence), codes) == pytest.approx(expected, abs=1e-6)


def test_calibration_gaps_do_not_cancel_between_bins():
    """Over- and underconfident predictions in different bins add up instead of cancelling."""
    probabilities = np.concatenate([certain([0] * 10, 0.99), certain([0] * 10, 0.5)])
    codes = np.array([1] * 5 + [0] * 5 + [0] * 10)
    assert error_of(probabilities, codes) == pytest.approx((0.49 + 0.5) / 2, abs=1e-6)


def test_bin_includes_its_upper_edge():
    """Of fifteen bins, a confidence of 3/15 belongs to the third and a slightly larger one to the fourth."""
    bins = calibration_bins(np.array([[0.2, 0.1], [0.21, 0.1]]), np.array([0, 1]))
    assert [(round(15 * one.low), round(15 * one.high), one.faces, one.accuracy) for one in bins] == [
        (2, 3, 1, 1.0),
        (3, 4, 1, 0.0),
    ]
    assert bins[0].confidence == pytest.approx(0.2)


@pytest.mark.parametrize("shape", [(0, 3), (2, 3), (1, 2)])
def test_wrong_shapes_are_refused(shape):
    """No faces, or predictions for another number of faces or classes, raise ValueError."""
    with pytest.raises(ValueError, match="expected"):
        compute_metrics(np.zeros(shape, dtype=np.float32), np.zeros(min(shape[0], 1), dtype=np.int64), LABELS)
