"""Measures answers against the truth."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

CALIBRATION_BINS = 15
"""Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", arXiv 1706.04599."""


class Figures(msgspec.Struct, frozen=True):
    """What is measured on some faces. Shares are 0.0 to 1.0.

    faces: how many. accuracy: share of right answers.
    balanced_accuracy: mean recall over the classes that have faces.
    calibration_error: mean distance of confidence from accuracy (ECE, 15 bins).
    recall: label to share of its faces named right; a class without faces is absent.
    confusion: a row for each true class, a column for each answer, both in the order of the labels; counts.
    """

    faces: int
    accuracy: float
    balanced_accuracy: float
    calibration_error: float
    recall: dict[str, float]
    confusion: list[list[int]]


def measure(probabilities: NDArray[np.float32], codes: NDArray[np.int64], labels: Sequence[str]) -> Figures:
    """Compare (N, K) probabilities with the (N,) true classes, N at least 1.

    Raises:
        ValueError: there are no faces, or the shapes do not fit.
    """
    if len(codes) == 0 or probabilities.shape != (len(codes), len(labels)):
        raise ValueError(f"expected ({len(codes)}, {len(labels)}) probabilities of one face or more")
    confusion = count_confusion(probabilities.argmax(axis=1), codes, classes=len(labels))
    totals, right = confusion.sum(axis=1), confusion.diagonal()
    recall = {name: float(right[code] / totals[code]) for code, name in enumerate(labels) if totals[code]}
    return Figures(
        faces=len(codes),
        accuracy=float(right.sum() / len(codes)),
        balanced_accuracy=float(np.mean(list(recall.values()))),
        calibration_error=calibration_error(probabilities, codes),
        recall=recall,
        confusion=confusion.tolist(),
    )


def count_confusion(answers: NDArray[np.int64], codes: NDArray[np.int64], *, classes: int) -> NDArray[np.int64]:
    """Return (K, K) counts: rows are true classes, columns answers."""
    return np.bincount(codes * classes + answers, minlength=classes * classes).reshape(classes, classes)


def calibration_error(
    probabilities: NDArray[np.float32], codes: NDArray[np.int64], *, bins: int = CALIBRATION_BINS
) -> float:
    """Return the expected calibration error: |accuracy - confidence| in equal bins of confidence, weighted by faces."""
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == codes
    places = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    gaps = np.bincount(places, weights=right - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(codes))
