"""Makes a TFLite model of the requested precision from a float32 graph and the ranges of its activations."""

from importlib.metadata import version
from itertools import chain

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from convert.ranges import CalibrationRanges, check_belongs
from convert.tensorflow_converter import FloatModel, convert_keras, quantize_int8
from edge.errors import ConfigError
from edge.model.manifest import Precision

CALIBRATED = ("int8", "int8-float-io")
"""Precisions that need ranges."""


def quantize(model: FloatModel, ranges: CalibrationRanges | None, *, precision: Precision = "int8") -> bytes:
    """Return `model` as a `.tflite` for a batch of one face; the same arguments give the same bytes on one machine.

    In int8, weights have one scale per channel, and an operation without an int8 form stays float32.

    Args:
        model: an exported checkpoint.
        ranges: measured on this checkpoint; may be None for a precision that needs no calibration.
        precision: of weights, activations, input and output.

    Raises:
        ConfigError: an int8 model needs ranges, and there are none; or TensorFlow is not installed.
        ModelError: the ranges belong to another checkpoint, or the converter refuses the net.
    """
    if precision == "float32":
        return model.content
    if precision in ("dynamic", "float16"):
        return convert_keras(model.keras, precision=precision)
    if ranges is None:
        raise ConfigError(f"{precision}: expected ranges of activations, found none: calibrate with --data")
    check_belongs(ranges, model)
    limits = [(measured.low, measured.high) for measured in ranges.ranges]
    return elu_in_int8(quantize_int8(model.content, limits, float_io=precision == "int8-float-io"))


def versions() -> dict[str, str]:
    """Return the versions of the packages that a converted model depends on, by package name."""
    import keras  # noqa: PLC0415  # Keras takes seconds to import
    import tensorflow as tf  # noqa: PLC0415  # TensorFlow takes seconds to import

    return {
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
        "ai-edge-litert": version("ai-edge-litert"),
    }


def elu_in_int8(content: bytes) -> bytes:
    """Replace each row of DEQUANTIZE, ELU, QUANTIZE by one ELU from int8 to int8.

    TensorFlow's quantizer leaves ELU in float32 between two conversions, although the interpreters have an int8 kernel:
    a table of 256 values, computed from the scales of input and output.

    Returns:
        The changed `.tflite`, or `content` itself if it has no such row.
    """
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    graph = model.subgraphs[0]
    before = len(graph.operators)
    _fuse_elu(graph, [flatbuffer_utils.opcode_to_name(model, operator.opcodeIndex) for operator in graph.operators])
    if len(graph.operators) == before:
        return content
    signatures = [(*signature.inputs, *signature.outputs) for signature in model.signatureDefs]
    _drop_unused_tensors(graph, list(chain(*signatures)))
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _fuse_elu(graph: schema.SubGraphT, names: list[str]) -> None:
    """Connect each such ELU to the int8 tensors around its conversions, and remove conversions that nothing reads."""
    removed = set()
    for operator, name in zip(graph.operators, names, strict=True):
        if name != "ELU":
            continue
        source, result = operator.inputs[0], operator.outputs[0]
        before = [place for place, other in enumerate(graph.operators) if source in other.outputs]
        after = [place for place, other in enumerate(graph.operators) if result in other.inputs]
        if [names[place] for place in before] != ["DEQUANTIZE"] or [names[place] for place in after] != ["QUANTIZE"]:
            continue
        operator.inputs, operator.outputs = graph.operators[before[0]].inputs, graph.operators[after[0]].outputs
        removed.add(after[0])
        if not any(source in other.inputs for other in graph.operators):
            removed.add(before[0])
    graph.operators = [operator for place, operator in enumerate(graph.operators) if place not in removed]


def _drop_unused_tensors(graph: schema.SubGraphT, signature_tensors: list[schema.TensorMapT]) -> None:
    """Remove the tensors that no operation uses, and renumber the others in operations and signatures."""
    used = {*graph.inputs, *graph.outputs}
    for operator in graph.operators:
        used.update(operator.inputs, operator.outputs)
    kept = [place for place in range(len(graph.tensors)) if place in used]
    moved = {place: new for new, place in enumerate(kept)}
    graph.tensors = [graph.tensors[place] for place in kept]
    for holder in (graph, *graph.operators):
        holder.inputs = [moved.get(place, place) for place in holder.inputs]  # an optional tensor left out is -1
        holder.outputs = [moved[place] for place in holder.outputs]
    for tensor in signature_tensors:
        tensor.tensorIndex = moved[tensor.tensorIndex]
