"""Exports Keras nets to TFLite and quantizes them with TensorFlow's converter; no other module knows the converter."""

import hashlib
import logging
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from convert.activations import Activation, list_activations
from edge.errors import ConfigError, ModelError
from edge.stages import how_to_install
from train.native_logs import capture_native_logs

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)

REASON_LENGTH = 160
"""Characters of a converter error that the user sees; the whole message goes to the log at level DEBUG."""

CONVERSIONS = ("QUANTIZE", "DEQUANTIZE")
"""Operations that the converter puts between float32 and int8 operations."""


@dataclass(frozen=True, slots=True, eq=False)
class FloatModel:
    """A checkpoint's graph in float32, for a batch of one face.

    Attributes:
        keras: the Keras model that was exported.
        content: the `.tflite`, with batch normalization folded into convolutions and dense layers.
        weights_sha256: see the function `weights_sha256`.
    """

    keras: "keras.Model"
    content: bytes
    weights_sha256: str


def export(model: "keras.Model") -> FloatModel:
    """Export a Keras model to the float32 TFLite graph from which every precision is made.

    Args:
        model: takes (B, S, S, 1) float32 and returns (B, K) probabilities; it is not changed.

    Raises:
        ConfigError: TensorFlow is missing, or Keras runs on another backend.
        ModelError: the model uses an operation that TFLite does not have.
    """
    return FloatModel(model, convert_keras(model, precision="float32"), weights_sha256(model))


def weights_sha256(model: "keras.Model") -> str:
    """Return a hash of all weights and their shapes, in the order in which the model holds them.

    It shows whether a file of ranges was measured on this checkpoint, independently of the checkpoint's file format.
    """
    digest = hashlib.sha256()
    for weights in model.get_weights():
        digest.update(f"{weights.dtype.name}{weights.shape}".encode())
        digest.update(weights.tobytes())
    return digest.hexdigest()


def convert_keras(model: "keras.Model", *, precision: Literal["float32", "float16", "dynamic"]) -> bytes:
    """Convert a Keras model to a `.tflite` with float32 input and output, for a batch of one face.

    Batch normalization is folded. With float16, weights are stored as float16. With dynamic, the larger weights are
    int8, and each activation is quantized at run time, from its own values.

    Raises:
        ConfigError: TensorFlow is missing, or Keras runs on another backend.
        ModelError: the model uses an operation that TFLite does not have.
    """
    _check_backend()
    import tensorflow as tf  # noqa: PLC0415  # TensorFlow takes seconds to import

    with tempfile.TemporaryDirectory() as folder, capture_native_logs(), _one_line_errors():
        _save(model, folder)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        # Without SELECT_TF_OPS: a model with TensorFlow's own operations would need TensorFlow on the device.
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        if precision != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if precision == "float16":
            converter.target_spec.supported_types = [tf.float16]
        return bytes(converter.convert())


def quantize_int8(
    content: bytes, ranges: Sequence[tuple[float, float]], *, float_io: bool, only: Activation | None = None
) -> bytes:
    """Quantize weights and activations of a float32 `.tflite` to int8, with one weight scale per channel.

    Args:
        content: the graph that `convert_keras` made.
        ranges: smallest and largest value of each activation, in the order of `list_activations`.
        float_io: keep input and output float32.
        only: quantize only the operation that computes this activation.

    Raises:
        ModelError: the converter refuses the graph.
    """
    import tensorflow as tf  # noqa: PLC0415  # TensorFlow takes seconds to import
    from tensorflow.lite.python.convert import mlir_quantize  # noqa: PLC0415  # it is part of TensorFlow

    io_type = tf.float32 if float_io else tf.int8
    others = None if only is None else {other.name for other in list_activations(content)} - {only.name}
    with capture_native_logs(), _one_line_errors():
        return bytes(
            mlir_quantize(
                _with_ranges(content, ranges, only),
                input_data_type=io_type,
                output_data_type=io_type,
                denylisted_nodes=others,
            )
        )


def quantize_one_operation(
    content: bytes, ranges: Sequence[tuple[float, float]], activation: Activation
) -> bytes | None:
    """Quantize a single operation of a float32 `.tflite` and leave all others float32.

    Args:
        content: the graph that `convert_keras` made.
        ranges: smallest and largest value of each activation, in the order of `list_activations`.
        activation: the output of the operation.

    Returns:
        A `.tflite` with float32 input and output, or None if the converter has no int8 form of the operation.

    Raises:
        ModelError: the converter refuses the graph.
    """
    quantized = quantize_int8(content, ranges, float_io=True, only=activation)
    place = list_activations(content).index(activation)
    # Conversions are added, and the order stays. An operation before this one may run in int8 as well, since the
    # converter moves a conversion across operations that keep the scale, such as pooling.
    kept = [computed for computed in list_activations(quantized) if computed.op not in CONVERSIONS]
    return quantized if kept[place].dtype == "INT8" else None


def _with_ranges(content: bytes, ranges: Sequence[tuple[float, float]], only: Activation | None) -> bytes:
    """Write ranges into the graph, where the converter's quantizer expects the result of its own calibration.

    Args:
        content: the float32 graph.
        ranges: one for each activation.
        only: write only the ranges of what this operation reads and computes. The quantizer would otherwise put
            conversions around operations that it may not quantize.
    """
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    graph = model.subgraphs[0]
    for activation, (low, high) in zip(list_activations(content), ranges, strict=True):
        if only is None or any(
            only.index in operator.outputs and activation.index in (*operator.inputs, *operator.outputs)
            for operator in graph.operators
        ):
            parameters = schema.QuantizationParametersT()
            parameters.min, parameters.max = [low], [high]
            graph.tensors[activation.index].quantization = parameters
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _check_backend() -> None:
    try:
        import keras  # noqa: PLC0415  # Keras takes seconds to import
        import tensorflow  # noqa: F401, PLC0415  # only checks that it is installed
    except ModuleNotFoundError as error:
        raise ConfigError(f"TensorFlow cannot be imported ({error}): {how_to_install()}") from error
    if keras.backend.backend() != "tensorflow":
        found = keras.backend.backend()
        raise ConfigError(f"expected Keras on TensorFlow, found it on {found}: set KERAS_BACKEND=tensorflow")


def _save(model: "keras.Model", folder: str) -> None:
    """Save the inference graph with a batch of exactly one: XNNPACK does not take a graph with a free batch size."""
    import keras  # noqa: PLC0415  # Keras takes seconds to import

    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(
        "serve",
        lambda face: model(face, training=False),
        input_signature=[keras.InputSpec(shape=(1, *model.input_shape[1:]), dtype="float32", name="face")],
    )
    archive.write_out(folder, verbose=False)


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """Turn the converter's errors, which have no public base class, into a ModelError of one line."""
    try:
        yield
    except Exception as error:
        log.debug("error from the converter: %s", error)
        raise ModelError(
            f"expected a net of operations that TFLite has, found {_reason(error)}: change the net in train/models"
        ) from error


def _reason(error: Exception) -> str:
    """Return the operations that the converter's message names, or else the start of the message."""
    operations = sorted(set(re.findall(r"'(tf\.\w+)' op", str(error))))
    return ", ".join(operations) or str(error).strip().partition("\n")[0][:REASON_LENGTH]
