"""Measures a model on everyday faces with a prior of rising strength, to choose the default strength."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge.model.manifest import Measurement
from train.data.dataset import read_fold
from train.evaluation.measurements import measure_faces
from train.evaluation.predict import open_model, predict, training_prior

STRENGTHS = tuple(float(strength) for strength in np.round(np.arange(0, 1.001, 0.05), 2))

RARE = ("angry", "sad")
"""Labels whose precision and recall the prior trades: rare in everyday life, often predicted without a prior."""


def sweep_prior(model: Path, faces: Path, *, fold: int) -> list[Measurement]:
    """Measure `model` on a fold of the face set `faces`, once for each of `STRENGTHS`.

    Raises:
        MediaError: the face set cannot be read.
        ModelError: the model cannot be read.
    """
    opened = open_model(model)
    chosen = read_fold(faces, labels=opened.labels, fold=fold)
    return measure_faces(
        predict(opened, chosen.pixels, both_ways=True),
        chosen,
        opened.labels,
        kind="everyday",
        dataset=f"{faces.stem} fold {fold}",
        training_prior=training_prior(opened),
        strengths=STRENGTHS,
    )


def best_strength(sweep: Sequence[Measurement]) -> float:
    """Return the strength with the highest accuracy among those with no lower balanced accuracy than strength 0."""
    first = next(row for row in sweep if not row.prior_strength)
    allowed = [row for row in sweep if row.balanced_accuracy >= first.balanced_accuracy]
    return max(allowed, key=lambda row: row.accuracy).prior_strength


def sweep_lines(name: str, sweep: Sequence[Measurement]) -> list[str]:
    """Return the sweep as a table in Markdown, and the best strength."""
    labels = [label for label in RARE if label in sweep[0].recall]
    columns = "".join(f" | {label}: precision · recall" for label in labels)
    lines = [
        f"{name}, {sweep[0].faces} faces of {sweep[0].dataset}",
        "",
        f"| strength | accuracy | balanced | ECE{columns} |",
        "|--:|--:|--:|--:|" + "--:|" * len(labels),
    ]
    for row in sweep:
        cells = "".join(f" | {row.precision[label]:.2f} · {row.recall[label]:.2f}" for label in labels)
        lines.append(
            f"| {row.prior_strength:g} | {row.accuracy:.3f} | {row.balanced_accuracy:.3f}"
            f" | {row.calibration_error or 0:.3f}{cells} |"
        )
    return [*lines, "", f"highest accuracy without loss of balance: strength {best_strength(sweep):g}", ""]
