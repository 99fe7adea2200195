"""Runs a model of any format (`.tflite`, `.keras`, `.h5`) on faces."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edge.errors import ConfigError, ModelError
from edge.model.bundled import model_path
from edge.model.manifest import InputSpec, manifest_path, read_manifest, read_model
from edge.vision.classify import EmotionClassifier, check_probabilities
from edge.vision.crop import resize_face, to_unit
from train.checkpoint import Checkpoint, open_checkpoint

BATCH = 256
"""Batch size for Keras models; a larger one is no faster on a CPU."""


def open_model(
    path: Path, *, labels: Sequence[str] | None = None, value_range: tuple[float, float] | None = None
) -> Checkpoint | EmotionClassifier:
    """Open a `.tflite` with its manifest, or any checkpoint that `open_checkpoint` accepts.

    Args:
        path: the model; of a run's folder, the best checkpoint is opened.
        labels: classes of a checkpoint without a run (see `open_checkpoint`).
        value_range: what a checkpoint takes for black and white (see `open_checkpoint`).

    Raises:
        ConfigError: see `open_checkpoint`; or `labels` or `value_range` are given for a `.tflite`.
        ModelError: the model is missing, damaged, or not what its manifest describes.
    """
    if path.suffix == ".tflite":
        if labels is not None or value_range is not None:
            raise ConfigError(
                f"{path}: expected labels and value range from its manifest alone, found options: drop them"
            )
        return EmotionClassifier(*read_model(path))
    return open_checkpoint(path, labels=labels, value_range=value_range)


def find_model(path: Path) -> Path:
    """Return the model at `path`, or the bundled model that has this name, as `edge-emotion run --model` does.

    What exists at `path`, such as the folder of a run, comes first.

    Raises:
        ModelError: neither exists, and a bundled model has nearly that name.
    """
    return path if path.exists() else model_path(str(path))


def training_prior(model: Checkpoint | EmotionClassifier) -> Mapping[str, float] | None:
    """Return the share of each label in the model's training targets; None if it is unknown.

    A checkpoint without a run takes it from the manifest of the model that was converted from it, next to it.
    """
    if isinstance(model, EmotionClassifier):
        return model.manifest.training_prior
    if model.state is not None:
        return model.state.provenance.data.class_shares if model.state.provenance else None
    try:
        return read_manifest(manifest_path(model.path)).training_prior
    except ModelError:
        return None


def predict(
    model: Checkpoint | EmotionClassifier, pixels: NDArray[np.uint8], *, both_ways: bool = False
) -> NDArray[np.float32]:
    """Predict (N, K) float32 probabilities for (N, H, H) uint8 faces, N at least 1.

    Faces are scaled to the model's input size and value range. A `.tflite` runs through the runtime's own classifier,
    one face at a time, so that evaluations measure exactly what runs on the device.

    Args:
        model: from `open_model`.
        pixels: the faces.
        both_ways: average each prediction with that for the mirrored face, as the runtime does over time.

    Raises:
        ModelError: a checkpoint's outputs are no probabilities.
    """
    if both_ways:
        return (predict(model, pixels) + predict(model, pixels[:, :, ::-1])) / np.float32(2)
    if isinstance(model, EmotionClassifier):
        faces = tqdm(pixels, desc="LiteRT", delay=2, leave=False, disable=None)
        return np.stack([model.score(resize_face(face, size=model.size)).probabilities for face in faces])
    batches = tqdm(range(0, len(pixels), BATCH), desc="Keras", delay=2, leave=False, disable=None)
    probabilities = np.concatenate(
        [model.model.predict_on_batch(to_input(pixels[first : first + BATCH], model.input)) for first in batches]
    ).astype(np.float32)
    check_probabilities(probabilities, str(model.path), remedy="end the net with a softmax")
    return probabilities


def to_input(pixels: NDArray[np.uint8], spec: InputSpec) -> NDArray[np.float32]:
    """Convert (N, H, H) uint8 faces to a checkpoint's input: (N, S, S, 1) float32 in the value range of `spec`."""
    faces = np.stack([resize_face(face, size=spec.size) for face in pixels])
    low, high = spec.value_range
    unit = to_unit(faces)[..., np.newaxis]
    return unit if (low, high) == (0, 1) else unit * np.float32(high - low) + np.float32(low)
