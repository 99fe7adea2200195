"""Asks a model for its answers, whatever its format."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edge.errors import ConfigError, ModelError
from edge.manifest import InputSpec, read_model
from edge.vision.classify import EmotionClassifier
from edge.vision.crop import resize_face, to_unit
from train.checkpoint import Checkpoint, open_checkpoint

BATCH = 256
"""Faces that a Keras model is given at once; more gains nothing on a CPU."""

SUM_TOLERANCE = 0.02
"""How far the probabilities of a face may be from 1 in sum; half precision stays well within."""


def open_model(
    path: Path, *, labels: Sequence[str] | None = None, value_range: tuple[float, float] | None = None
) -> Checkpoint | EmotionClassifier:
    """Open what `predict` takes: a `.tflite` with its manifest, or what `open_checkpoint` takes; both have `labels`.

    labels, value_range: of a checkpoint that does not say them itself.

    Raises:
        ConfigError: see `open_checkpoint`; or these are given for a `.tflite`.
        ModelError: the model is missing, damaged, or not what its manifest describes.
    """
    if path.suffix == ".tflite":
        if labels is not None or value_range is not None:
            raise ConfigError(f"{path}: its manifest says labels and value range, found options too: leave them out")
        return EmotionClassifier(*read_model(path))
    return open_checkpoint(path, labels=labels, value_range=value_range)


def predict(
    model: Checkpoint | EmotionClassifier, pixels: NDArray[np.uint8], *, both_ways: bool = False
) -> NDArray[np.float32]:
    """Return (N, K) float32 probabilities for (N, H, H) uint8 faces, N at least 1.

    both_ways: average each answer with that to the mirrored face, as the runtime does over time.

    A `.tflite` is asked through the runtime's own classifier, one face at a time: what is measured is what runs.
    The model's own side and value range are applied here.

    Raises:
        ModelError: a checkpoint's answers are no probabilities.
    """
    if both_ways:
        return (predict(model, pixels) + predict(model, pixels[:, :, ::-1])) / np.float32(2)
    if isinstance(model, EmotionClassifier):
        faces = tqdm(pixels, desc="asking LiteRT", delay=2, leave=False, disable=None)
        return np.stack([model.score(resize_face(face, size=model.size)).probabilities for face in faces])
    batches = tqdm(range(0, len(pixels), BATCH), desc="asking Keras", delay=2, leave=False, disable=None)
    answers = np.concatenate(
        [model.model.predict_on_batch(to_input(pixels[first : first + BATCH], model.input)) for first in batches]
    ).astype(np.float32)
    if answers.min() < 0 or not np.allclose(answers.sum(axis=1), 1, atol=SUM_TOLERANCE):
        raise ModelError(
            f"{model.path}: expected probabilities that sum to 1, found answers from {answers.min():.3g} to"
            f" {answers.max():.3g}: end the net with a softmax"
        )
    return answers


def to_input(pixels: NDArray[np.uint8], spec: InputSpec) -> NDArray[np.float32]:
    """Return (N, H, H) uint8 faces as a checkpoint takes them: (N, S, S, 1) float32 in the range of `spec`."""
    faces = np.stack([resize_face(face, size=spec.size) for face in pixels])
    low, high = spec.value_range
    unit = to_unit(faces)[..., np.newaxis]
    return unit if (low, high) == (0, 1) else unit * np.float32(high - low) + np.float32(low)
