"""Measures a model's answers on one split, with the faces known from training and without them."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.errors import ConfigError
from train.faces import FaceData, Split, unseen
from train.metrics import Figures, measure


class Evaluation(msgspec.Struct, frozen=True):
    """A model's figures on one split.

    split: as the data set's makers call it.
    official: on the whole split. unseen: on its faces that do not stand, pixel for pixel, in the training split;
    None where there are none.
    """

    dataset: str
    split: str
    labels: tuple[str, ...]
    official: Figures
    unseen: Figures | None


def evaluate(probabilities: NDArray[np.float32], data: FaceData, *, split: Split) -> Evaluation:
    """Measure the (N, K) answers for the faces of `split`."""
    faces = data.held_out(split)
    clean = unseen(faces, data.training)
    return Evaluation(
        dataset=data.name,
        split=split_name(data, split),
        labels=data.labels,
        official=measure(probabilities, faces.codes, data.labels),
        unseen=measure(probabilities[clean], faces.codes[clean], data.labels) if clean.any() else None,
    )


def split_name(data: FaceData, split: Split) -> str:
    """Return what the data set's makers call `split`."""
    return data.split_names[2 if split == "test" else 1]


def choose_classes(
    probabilities: NDArray[np.float32], labels: Sequence[str], wanted: Sequence[str]
) -> NDArray[np.float32]:
    """Return (N, K) answers in `labels` as (N, J) answers in `wanted`: those classes alone, scaled to sum to 1.

    Raises:
        ConfigError: the model does not know a wanted class.
    """
    missing = [name for name in wanted if name not in labels]
    if missing:
        raise ConfigError(
            f"expected a model that knows {', '.join(wanted)}, found one without {missing[0]}: choose its --classes"
        )
    chosen = probabilities[:, [labels.index(name) for name in wanted]]
    total = chosen.sum(axis=1, keepdims=True)
    # A model that is sure of a class left out says nothing of the others.
    return np.where(total > 0, chosen / np.where(total > 0, total, 1), np.float32(1 / len(wanted)))
