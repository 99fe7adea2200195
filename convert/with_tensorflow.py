"""Drives TensorFlow's converter; the only file that knows it."""

import logging
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from convert.activations import list_activations
from edge.errors import ConfigError, ModelError
from train.quiet import quiet

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)

REASON_LENGTH = 160
"""Characters of a converter's error that are shown; the whole of it goes to the log at level DEBUG."""


def convert_keras(model: "keras.Model", *, precision: Literal["float32", "float16", "dynamic"]) -> bytes:
    """Return `model` as a `.tflite` with float32 input and output, for one face at a time.

    Batch normalization is folded. float16: weights are stored in half the size. dynamic: the larger weights are int8,
    and activations are quantized while the model runs, by what they are.

    Raises:
        ConfigError: TensorFlow is missing, or Keras runs on another backend.
        ModelError: the model uses what TFLite has no operation for.
    """
    _check_backend()
    import tensorflow as tf  # noqa: PLC0415  # takes seconds

    with tempfile.TemporaryDirectory() as folder, quiet(), _explained():
        _save(model, folder)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        # No SELECT_TF_OPS: such a model would need all of TensorFlow beside it on the device.
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        if precision != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if precision == "float16":
            converter.target_spec.supported_types = [tf.float16]
        return bytes(converter.convert())


def quantize_int8(content: bytes, ranges: Sequence[tuple[float, float]], *, float_ends: bool) -> bytes:
    """Return a float32 `.tflite` with int8 weights and activations; weights have a scale for each channel.

    Args:
        content: what `convert_keras` made.
        ranges: smallest and largest value of each activation, in the order of `list_activations`.
        float_ends: keep input and output float32.

    Raises:
        ModelError: the converter refuses.
    """
    import tensorflow as tf  # noqa: PLC0415  # takes seconds
    from tensorflow.lite.python.convert import mlir_quantize  # noqa: PLC0415

    ends = tf.float32 if float_ends else tf.int8
    with quiet(), _explained():
        return bytes(mlir_quantize(_with_ranges(content, ranges), input_data_type=ends, output_data_type=ends))


def _with_ranges(content: bytes, ranges: Sequence[tuple[float, float]]) -> bytes:
    """Write the ranges into the graph, where the converter's second half looks for what its first half measures."""
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    tensors = model.subgraphs[0].tensors
    for activation, (low, high) in zip(list_activations(content), ranges, strict=True):
        parameters = schema.QuantizationParametersT()
        parameters.min, parameters.max = [low], [high]
        tensors[activation.index].quantization = parameters
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _check_backend() -> None:
    try:
        import keras  # noqa: PLC0415  # takes seconds, as TensorFlow does
        import tensorflow  # noqa: F401, PLC0415
    except ModuleNotFoundError as error:
        raise ConfigError(f"TensorFlow cannot be imported ({error}): pip install 'edge-emotion[convert]'") from error
    if keras.backend.backend() != "tensorflow":
        found = keras.backend.backend()
        raise ConfigError(f"expected Keras on TensorFlow, found it on {found}: set KERAS_BACKEND=tensorflow")


def _save(model: "keras.Model", folder: str) -> None:
    """Write the inference graph with a batch of exactly one: a free batch size keeps XNNPACK from taking the graph."""
    import keras  # noqa: PLC0415

    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(
        "serve",
        lambda face: model(face, training=False),
        input_signature=[keras.InputSpec(shape=(1, *model.input_shape[1:]), dtype="float32", name="face")],
    )
    archive.write_out(folder, verbose=False)


@contextmanager
def _explained() -> Iterator[None]:
    """Turn the converter's errors, which have no public base, into one line."""
    try:
        yield
    except Exception as error:
        log.debug("the converter says: %s", error)
        raise ModelError(
            f"expected a net of operations that TFLite has, found {_reason(error)}: change the net in train/models"
        ) from error


def _reason(error: Exception) -> str:
    """Return the operations that the converter's message names, or else the beginning of what it says."""
    operations = sorted(set(re.findall(r"'(tf\.\w+)' op", str(error))))
    return ", ".join(operations) or str(error).strip().partition("\n")[0][:REASON_LENGTH]
