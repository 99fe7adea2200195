"""Measures answers against the truth."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

CALIBRATION_BINS = 15
"""Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", arXiv 1706.04599."""

Curve = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Points of a ROC curve: shares of false and of true positives, each 0.0 to 1.0 and rising."""


class Bin(msgspec.Struct, frozen=True):
    """The answers whose confidence is above `low` and at most `high`; confidence: their mean. Shares, 0.0 to 1.0."""

    low: float
    high: float
    faces: int
    confidence: float
    accuracy: float


class Figures(msgspec.Struct, frozen=True):
    """What is measured on some faces. Shares are 0.0 to 1.0.

    faces: how many. accuracy: share of right answers.
    balanced_accuracy, macro_f1: means of recall and of F1 over the classes that have faces.
    calibration_error: mean distance of confidence from accuracy over `calibration` (ECE).
    recall: label to share of its faces named right. precision: to share of right ones among the answers with this
    label, 0 where there are none. f1: their harmonic mean. auc: area under the one-against-rest ROC curve, absent
    where all faces are of this class. A class without faces is absent from all four.
    confusion: a row for each true class, a column for each answer, both in the order of the labels; counts.
    calibration: bins of equal width that have answers, by confidence.
    """

    faces: int
    accuracy: float
    balanced_accuracy: float
    macro_f1: float
    calibration_error: float
    precision: dict[str, float]
    recall: dict[str, float]
    f1: dict[str, float]
    auc: dict[str, float]
    confusion: list[list[int]]
    calibration: list[Bin]


def measure(probabilities: NDArray[np.float32], codes: NDArray[np.int64], labels: Sequence[str]) -> Figures:
    """Compare (N, K) probabilities with the (N,) true classes, N at least 1.

    Raises:
        ValueError: there are no faces, or the shapes do not fit.
    """
    from sklearn import metrics  # noqa: PLC0415  # takes a second: a wrong path or option is answered before

    if len(codes) == 0 or probabilities.shape != (len(codes), len(labels)):
        raise ValueError(f"expected ({len(codes)}, {len(labels)}) probabilities of one face or more")
    answers = probabilities.argmax(axis=1)
    present = np.unique(codes)
    names = [labels[code] for code in present]
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(codes, answers, labels=present, zero_division=0)
    calibration = calibration_bins(probabilities, codes)
    return Figures(
        faces=len(codes),
        accuracy=float(metrics.accuracy_score(codes, answers)),
        balanced_accuracy=float(recall.mean()),
        macro_f1=float(f1.mean()),
        calibration_error=calibration_error(calibration),
        precision=dict(zip(names, precision.tolist(), strict=True)),
        recall=dict(zip(names, recall.tolist(), strict=True)),
        f1=dict(zip(names, f1.tolist(), strict=True)),
        auc={
            name: float(metrics.roc_auc_score(codes == code, probabilities[:, code]))
            for name, code in zip(names, present, strict=True)
            if len(present) > 1
        },
        confusion=metrics.confusion_matrix(codes, answers, labels=range(len(labels))).tolist(),
        calibration=calibration,
    )


def roc_curves(probabilities: NDArray[np.float32], codes: NDArray[np.int64], labels: Sequence[str]) -> dict[str, Curve]:
    """Return the one-against-rest curve of each class that has an area under it in `Figures.auc`."""
    from sklearn import metrics  # noqa: PLC0415  # as above

    present = np.unique(codes)
    return {
        labels[code]: metrics.roc_curve(codes == code, probabilities[:, code])[:2]
        for code in present
        if len(present) > 1
    }


def calibration_bins(probabilities: NDArray[np.float32], codes: NDArray[np.int64]) -> list[Bin]:
    """Sort (N, K) answers for the (N,) true classes into bins of their confidence."""
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == codes
    edges = np.linspace(0, 1, CALIBRATION_BINS + 1)
    places = np.clip(np.digitize(confidence, edges, right=True) - 1, 0, CALIBRATION_BINS - 1)
    return [
        Bin(
            low=float(edges[place]),
            high=float(edges[place + 1]),
            faces=int((places == place).sum()),
            confidence=float(confidence[places == place].mean()),
            accuracy=float(right[places == place].mean()),
        )
        for place in np.unique(places)
    ]


def calibration_error(bins: Sequence[Bin]) -> float:
    """Return the expected calibration error: |accuracy - confidence|, weighted by faces."""
    gaps = [abs(one.accuracy - one.confidence) for one in bins]
    return float(np.average(gaps, weights=[one.faces for one in bins]))
