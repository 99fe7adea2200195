"""Computes classification metrics: accuracy, precision, recall, F1, AUC, confusion and calibration."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

CALIBRATION_BINS = 15
"""Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", arXiv 1706.04599."""

MIN_FACES = 20
"""Faces that a class needs to count in the balanced accuracy; with fewer, its recall is mostly chance."""

NONE_MISSED: NDArray[np.int64] = np.empty(0, dtype=np.int64)

Curve = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Points of a ROC curve: false and true positive rates, each 0.0 to 1.0 and rising."""


class CalibrationBin(msgspec.Struct, frozen=True):
    """The predictions with a confidence above `low` and at most `high`; all shares are 0.0 to 1.0.

    Attributes:
        faces: number of predictions.
        confidence: their mean confidence.
        accuracy: share of correct ones.
    """

    low: float
    high: float
    faces: int
    confidence: float
    accuracy: float


class Metrics(msgspec.Struct, frozen=True):
    """Metrics of a set of predictions; all shares are 0.0 to 1.0.

    A class without faces is missing from `counts`, `precision`, `recall`, `f1` and `auc`.

    Attributes:
        faces: number of faces, including those without a prediction.
        missed: number of faces without a prediction. They count as wrong, but are in neither `precision`, `auc`,
            `confusion` nor `calibration`.
        accuracy: share of faces with a correct prediction.
        balanced_accuracy: see `balanced_accuracy`.
        macro_f1: mean F1 of the classes that have faces.
        calibration_error: expected calibration error (ECE), see `calibration_error`; None without predictions.
        counts: by label, the number of faces.
        precision: by label, the share of correct predictions of this label; 0 if it was never predicted.
        recall: by label, the share of its faces that were predicted correctly.
        f1: by label, the harmonic mean of precision and recall.
        auc: by label, the area under the one-against-rest ROC curve; missing if all faces are of this class.
        confusion: counts; a row for each true class, a column for each predicted one, in the order of the labels.
        calibration: bins of equal width by confidence, without the empty ones.
    """

    faces: int
    missed: int
    accuracy: float
    balanced_accuracy: float
    macro_f1: float
    calibration_error: float | None
    counts: dict[str, int]
    precision: dict[str, float]
    recall: dict[str, float]
    f1: dict[str, float]
    auc: dict[str, float]
    confusion: list[list[int]]
    calibration: list[CalibrationBin]


def compute_metrics(
    probabilities: NDArray[np.float32],
    codes: NDArray[np.int64],
    labels: Sequence[str],
    *,
    missed: NDArray[np.int64] = NONE_MISSED,
) -> Metrics:
    """Compute the metrics of predictions.

    Args:
        probabilities: (N, K).
        codes: (N,) true classes.
        labels: the K class names.
        missed: (M,) true classes of the faces without a prediction; N + M is at least 1.

    Raises:
        ValueError: there are no faces, or the shapes do not match.
    """
    if len(codes) + len(missed) == 0 or probabilities.shape != (len(codes), len(labels)):
        raise ValueError(f"expected ({len(codes)}, {len(labels)}) probabilities of at least one face")
    confusion = np.zeros((len(labels), len(labels)), dtype=np.int64)
    np.add.at(confusion, (codes, probabilities.argmax(axis=1)), 1)
    right, predicted = confusion.diagonal(), confusion.sum(axis=0)
    counts = confusion.sum(axis=1) + np.bincount(missed, minlength=len(labels))
    precision, recall = right / np.maximum(predicted, 1), right / np.maximum(counts, 1)
    f1 = 2 * right / np.maximum(predicted + counts, 1)
    present = counts > 0
    calibration = calibration_bins(probabilities, codes)
    return Metrics(
        faces=int(counts.sum()),
        missed=len(missed),
        accuracy=float(right.sum() / counts.sum()),
        balanced_accuracy=balanced_accuracy(recall, counts),
        macro_f1=float(f1[present].mean()),
        calibration_error=calibration_error(calibration) if calibration else None,
        counts={labels[code]: int(counts[code]) for code in np.flatnonzero(present).tolist()},
        precision=_by_label(precision, labels, present),
        recall=_by_label(recall, labels, present),
        f1=_by_label(f1, labels, present),
        auc=_auc(probabilities, codes, labels),
        confusion=confusion.tolist(),
        calibration=calibration,
    )


def balanced_accuracy(recall: NDArray[np.float64], counts: NDArray[np.int64]) -> float:
    """Return the mean recall of the classes with at least `MIN_FACES` faces, or of all that have any if none has.

    Args:
        recall: (K,).
        counts: (K,) number of faces of each class, of which at least one is not zero.
    """
    enough = counts >= MIN_FACES
    return float(recall[enough if enough.any() else counts > 0].mean())


def _by_label(values: NDArray[np.float64], labels: Sequence[str], present: NDArray[np.bool_]) -> dict[str, float]:
    return {labels[code]: float(values[code]) for code in np.flatnonzero(present).tolist()}


def _auc(probabilities: NDArray[np.float32], codes: NDArray[np.int64], labels: Sequence[str]) -> dict[str, float]:
    from sklearn.metrics import roc_auc_score  # noqa: PLC0415  # takes a second to import; usage errors come first

    present = np.unique(codes)
    return {
        labels[code]: float(roc_auc_score(codes == code, probabilities[:, code]))
        for code in present.tolist()
        if len(present) > 1
    }


def roc_curves(probabilities: NDArray[np.float32], codes: NDArray[np.int64], labels: Sequence[str]) -> dict[str, Curve]:
    """Return the one-against-rest ROC curve of each class in `Metrics.auc`."""
    from sklearn import metrics  # noqa: PLC0415  # takes a second to import, which a usage error should not wait for

    present = np.unique(codes)
    return {
        labels[code]: metrics.roc_curve(codes == code, probabilities[:, code])[:2]
        for code in present
        if len(present) > 1
    }


def calibration_bins(probabilities: NDArray[np.float32], codes: NDArray[np.int64]) -> list[CalibrationBin]:
    """Sort (N, K) predictions for the (N,) true classes into bins by their confidence."""
    confidence = probabilities.max(axis=1).astype(np.float64)
    correct = probabilities.argmax(axis=1) == codes
    edges = np.linspace(0, 1, CALIBRATION_BINS + 1)
    places = np.clip(np.digitize(confidence, edges, right=True) - 1, 0, CALIBRATION_BINS - 1)
    return [
        CalibrationBin(
            low=float(edges[place]),
            high=float(edges[place + 1]),
            faces=int((places == place).sum()),
            confidence=float(confidence[places == place].mean()),
            accuracy=float(correct[places == place].mean()),
        )
        for place in np.unique(places)
    ]


def calibration_error(bins: Sequence[CalibrationBin]) -> float:
    """Return the expected calibration error (ECE): the mean of |accuracy - confidence|, weighted by faces."""
    gaps = [abs(one.accuracy - one.confidence) for one in bins]
    return float(np.average(gaps, weights=[one.faces for one in bins]))
