"""Measures a finished model as the runtime uses it: faces and mirror images averaged, without and with the prior."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edge.model.manifest import MeasuredSet, Measurement
from edge.model.prior import PriorCorrection
from edge.settings.schema import ClassifySettings
from train.data.faces import FaceSet, Split
from train.data.fer2013 import USAGES
from train.data.raw import TEST, TRAINING, VALIDATION
from train.evaluation.metrics import Metrics, compute_metrics
from train.evaluation.photos import list_photos, predict_photos, select_photos

ROLLS_DEG = (15.0, 30.0, 45.0)
"""Angles by which photographs are turned, besides upright ones."""

FOLDS = (TRAINING, VALIDATION, TEST)
"""Folds of a face set."""

SET_NAMES: dict[MeasuredSet, str] = {
    "everyday": "everyday mixture",
    "photographs": "photographs, whole path",
    "majorities": "majorities of FER+ votes",
    "labels": "labels",
}
"""Kinds of sets, as reports and cards call them."""

DEFAULT_AND_OFF = tuple(dict.fromkeys((ClassifySettings().prior_strength, 0.0)))
"""Strengths of the prior: as in the default settings, and none, as for figures that others publish."""

DIGITS = 6
"""Decimal places of the shares."""


def measure_faces(
    predictions: NDArray[np.float32],
    faces: FaceSet,
    labels: Sequence[str],
    *,
    kind: MeasuredSet,
    dataset: str,
    training_prior: Mapping[str, float] | None,
    strengths: Sequence[float] = DEFAULT_AND_OFF,
    float_predictions: NDArray[np.float32] | None = None,
) -> list[Measurement]:
    """Measure predictions for faces, corrected for the default prior with each strength.

    Args:
        predictions: (N, K) probabilities, each the mean of a face and its mirror image, without a prior.
        faces: the N faces with their true classes.
        labels: the K class names.
        kind: kind of the set.
        dataset: name of the set and of the measured part.
        training_prior: share of each label in the model's training targets; None counts as equal shares.
        strengths: strengths of the prior.
        float_predictions: (N, K), the same of the float checkpoint.
    """
    measurements = []
    for strength in strengths:
        correct = _correction(labels, training_prior, strength)
        metrics = compute_metrics(correct(predictions), faces.codes, labels)
        float_accuracy = None
        if float_predictions is not None:
            float_accuracy = float((correct(float_predictions).argmax(axis=1) == faces.codes).mean())
        measurements.append(
            _measurement(metrics, labels, kind=kind, dataset=dataset, strength=strength, float_accuracy=float_accuracy)
        )
    return measurements


def majorities_name(split: Split) -> str:
    """Return the name under which the majorities of a split of FER2013 are reported."""
    return f"FER2013 {USAGES[2 if split == 'test' else 1]}"


def measure_photos(
    model: Path,
    folder: Path,
    labels: Sequence[str],
    *,
    rolls_deg: Sequence[float],
    training_prior: Mapping[str, float] | None,
) -> list[Measurement]:
    """Measure the whole runtime on photographs, with and without the default prior: detection, crop, classification.

    Args:
        model: a `.tflite` with its manifest.
        folder: photographs in folders by emotion.
        labels: the emotions to predict; other photographs do not count.
        rolls_deg: angles by which the photographs are turned, degrees.
        training_prior: share of each label in the model's training targets; None counts as equal shares.

    Raises:
        MediaError: the photographs cannot be read, or there is none of these emotions.
        ModelError: the model cannot be read.
    """
    photos = list_photos(folder, labels)
    measurements = []
    for roll_deg in tqdm(rolls_deg, desc="turns of the photographs", leave=False, disable=None):
        found = predict_photos(model, folder, roll_deg=roll_deg)
        predictions, codes, missed = select_photos(found, photos, labels)
        for strength in DEFAULT_AND_OFF:
            corrected = _correction(labels, training_prior, strength)(predictions)
            metrics = compute_metrics(corrected, codes, labels, missed=missed)
            measurements.append(
                _measurement(
                    metrics,
                    labels,
                    kind="photographs",
                    dataset=folder.resolve().name,
                    roll_deg=roll_deg,
                    strength=strength,
                )
            )
    return measurements


def _correction(labels: Sequence[str], training_prior: Mapping[str, float] | None, strength: float) -> PriorCorrection:
    return PriorCorrection(labels, training_prior, prior=ClassifySettings().prior, strength=strength)


def _measurement(
    metrics: Metrics,
    labels: Sequence[str],
    *,
    kind: MeasuredSet,
    dataset: str,
    strength: float,
    roll_deg: float = 0.0,
    float_accuracy: float | None = None,
) -> Measurement:
    columns = np.asarray(metrics.confusion).sum(axis=0)
    predicted = dict(zip(labels, columns.tolist(), strict=True))
    present = [label for label in labels if predicted[label] or label in metrics.counts]
    return Measurement(
        kind=kind,
        dataset=dataset,
        roll_deg=roll_deg,
        prior_strength=strength,
        faces=metrics.faces,
        missed=metrics.missed,
        accuracy=round(metrics.accuracy, DIGITS),
        balanced_accuracy=round(metrics.balanced_accuracy, DIGITS),
        calibration_error=None if metrics.calibration_error is None else round(metrics.calibration_error, DIGITS),
        float_accuracy=None if float_accuracy is None else round(float_accuracy, DIGITS),
        counts={label: metrics.counts.get(label, 0) for label in present},
        predicted={label: predicted[label] for label in present},
        precision=_rounded({label: metrics.precision.get(label, 0.0) for label in present}),
        recall=_rounded(metrics.recall),
        date=datetime.now(UTC).date().isoformat(),
    )


def _rounded(shares: Mapping[str, float]) -> dict[str, float]:
    return {label: round(share, DIGITS) for label, share in shares.items()}
