"""Turns a Keras model into the float32 TFLite graph from which every precision is made."""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convert.with_tensorflow import convert_keras

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True, slots=True, eq=False)
class FloatModel:
    """A checkpoint's graph in float32, for one face at a time.

    content: the `.tflite`, with batch normalization folded into convolutions and dense layers.
    weights_sha256: see `weights_sha256`.
    """

    keras: "keras.Model"
    content: bytes
    weights_sha256: str


def export(model: "keras.Model") -> FloatModel:
    """Export `model`, (B, S, S, 1) float32 in and (B, K) probabilities out; the model itself is left as it is.

    Raises:
        ConfigError: TensorFlow is missing, or Keras runs on another backend.
        ModelError: the model uses what TFLite has no operation for.
    """
    return FloatModel(model, convert_keras(model, precision="float32"), weights_sha256(model))


def weights_sha256(model: "keras.Model") -> str:
    """Return a hash of all weights and their shapes, in the order in which the model holds them.

    It tells whether a file of ranges was measured on this checkpoint, whatever wrote the checkpoint's file.
    """
    digest = hashlib.sha256()
    for weights in model.get_weights():
        digest.update(f"{weights.dtype.name}{weights.shape}".encode())
        digest.update(weights.tobytes())
    return digest.hexdigest()
