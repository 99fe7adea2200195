"""Turns a Keras model into a full-int8 TFLite model; the only file that knows TensorFlow's converter."""

import logging
import re
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from convert.quiet import quiet
from edge.errors import ConfigError, ModelError

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)

REASON_LENGTH = 160
"""Characters of a converter's error that are shown; the whole of it goes to the log at level DEBUG."""


def quantize(model: "keras.Model", faces: NDArray[np.float32]) -> bytes:
    """Return `model` as a `.tflite` with int8 input, output, weights and activations, for one face at a time.

    Batch normalization is folded into the convolutions; weights have a scale for each channel.

    Args:
        model: (B, 48, 48, 1) float32 0 ... 1 in, (B, K) probabilities out.
        faces: (N, 48, 48, 1) float32 0 ... 1, representative of what the model will see.

    Raises:
        ConfigError: TensorFlow is missing, or Keras runs on another backend.
        ModelError: the model uses what cannot be converted to int8.
    """
    try:
        import keras  # noqa: PLC0415  # takes seconds, as TensorFlow does
        import tensorflow as tf  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ConfigError(f"TensorFlow cannot be imported ({error}): pip install 'edge-emotion[convert]'") from error
    if keras.backend.backend() != "tensorflow":
        found = keras.backend.backend()
        raise ConfigError(f"expected Keras on TensorFlow, found it on {found}: set KERAS_BACKEND=tensorflow")
    with tempfile.TemporaryDirectory() as folder, quiet():
        try:
            _export(model, folder, one_face=(1, *faces.shape[1:]))
            converter = tf.lite.TFLiteConverter.from_saved_model(folder)
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: _one_by_one(faces)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = tf.int8
            converter.inference_output_type = tf.int8
            return bytes(converter.convert())
        except Exception as error:  # the converter's own errors have no public base
            log.debug("the converter says: %s", error)
            raise ModelError(
                f"expected a net of operations that int8 has, found {_reason(error)}: change the net in train/models"
            ) from error


def _reason(error: Exception) -> str:
    """Return the operations that the converter's message names, or else the beginning of what it says."""
    operations = sorted(set(re.findall(r"'(tf\.\w+)' op", str(error))))
    return ", ".join(operations) or str(error).strip().partition("\n")[0][:REASON_LENGTH]


def versions() -> dict[str, str]:
    """Return the versions that a converted model depends on."""
    import keras  # noqa: PLC0415
    import tensorflow as tf  # noqa: PLC0415

    return {"tensorflow": tf.__version__, "keras": keras.__version__, "numpy": np.__version__}


def _export(model: "keras.Model", folder: str, *, one_face: tuple[int, ...]) -> None:
    """Write the inference graph with a batch of exactly one: a free batch size keeps XNNPACK from taking the graph."""
    import keras  # noqa: PLC0415

    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(
        "serve",
        lambda face: model(face, training=False),
        input_signature=[keras.InputSpec(shape=one_face, dtype="float32", name="face")],
    )
    archive.write_out(folder, verbose=False)


def _one_by_one(faces: NDArray[np.float32]) -> Iterator[list[NDArray[np.float32]]]:
    for face in tqdm(faces, desc="calibrating", delay=2, leave=False, disable=None):
        yield [face[np.newaxis]]
