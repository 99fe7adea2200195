"""Asks a model for its answers, whatever its format."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edge.manifest import read_model
from edge.vision.classify import EmotionClassifier
from edge.vision.crop import to_unit
from train.checkpoint import open_checkpoint

if TYPE_CHECKING:
    import keras

BATCH = 256
"""Faces that a Keras model is given at once; more gains nothing on a CPU."""


def open_model(
    path: Path, *, labels: Sequence[str] | None = None
) -> tuple["keras.Model | EmotionClassifier", tuple[str, ...]]:
    """Open what `predict` takes: a `.tflite` with its manifest, a `.keras` checkpoint or a run's folder.

    Returns the model and the meaning of its answers, in order.

    Raises:
        ConfigError: see `open_checkpoint`.
        ModelError: the model is missing, damaged, or not what its manifest describes.
    """
    if path.suffix == ".tflite":
        classifier = EmotionClassifier(*read_model(path))
        return classifier, classifier.labels
    checkpoint = open_checkpoint(path, labels=labels)
    return checkpoint.model, checkpoint.labels


def predict(model: "keras.Model | EmotionClassifier", pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return (N, K) float32 probabilities for (N, 48, 48) uint8 faces, N at least 1.

    A `.tflite` is asked through the runtime's own classifier, one face at a time: what is measured is what runs.

    Args:
        model: a Keras model, or a classifier of the runtime.
        pixels: luma as it is read or cropped; the model's own scaling is applied here.
    """
    if isinstance(model, EmotionClassifier):
        faces = tqdm(pixels, desc="asking LiteRT", delay=2, leave=False, disable=None)
        return np.stack([model.score(face).probabilities for face in faces])
    batches = tqdm(range(0, len(pixels), BATCH), desc="asking Keras", delay=2, leave=False, disable=None)
    answers = [model.predict_on_batch(to_unit(pixels[first : first + BATCH])[..., np.newaxis]) for first in batches]
    return np.concatenate(answers).astype(np.float32)
