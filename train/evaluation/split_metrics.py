"""Measures predictions on one split: on all of its faces, and on those without a copy in training."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.errors import ConfigError
from train.data.faces import FaceData, Split, unseen
from train.evaluation.metrics import Metrics, compute_metrics


class SplitMetrics(msgspec.Struct, frozen=True):
    """A model's metrics on one split.

    Attributes:
        dataset: name of the data.
        split: the split, as the data set's authors call it.
        labels: classes, in the order of the predictions.
        official: metrics on the whole split.
        unseen: metrics on the faces without a pixel-for-pixel copy in the training split; None if there are none.
    """

    dataset: str
    split: str
    labels: tuple[str, ...]
    official: Metrics
    unseen: Metrics | None


def measure_split(probabilities: NDArray[np.float32], data: FaceData, *, split: Split) -> SplitMetrics:
    """Measure (N, K) predictions for the faces of `split`."""
    faces = data.held_out(split)
    clean = unseen(faces, data.training)
    return SplitMetrics(
        dataset=data.name,
        split=split_name(data, split),
        labels=data.labels,
        official=compute_metrics(probabilities, faces.codes, data.labels),
        unseen=compute_metrics(probabilities[clean], faces.codes[clean], data.labels) if clean.any() else None,
    )


def split_name(data: FaceData, split: Split) -> str:
    """Return what the data set's authors call `split`."""
    return data.split_names[2 if split == "test" else 1]


def select_classes(
    probabilities: NDArray[np.float32], labels: Sequence[str], wanted: Sequence[str]
) -> NDArray[np.float32]:
    """Restrict (N, K) predictions over `labels` to the classes `wanted`, renormalized to sum to 1; (N, J).

    A prediction without any probability for the wanted classes becomes uniform.

    Raises:
        ConfigError: the model lacks a wanted class.
    """
    missing = [name for name in wanted if name not in labels]
    if missing:
        raise ConfigError(
            f"expected a model with classes {', '.join(wanted)}, found one without {missing[0]}: choose its --classes"
        )
    chosen = probabilities[:, [labels.index(name) for name in wanted]]
    total = chosen.sum(axis=1, keepdims=True)
    return np.where(total > 0, chosen / np.where(total > 0, total, 1), np.float32(1 / len(wanted)))
