"""Checks that a converted model stores what its precision says, tensor by tensor, and has the ends it should have."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np

from edge.errors import ModelError
from edge.manifest import InputSpec, Precision, TensorSpec
from edge.vision.interpreter import open_interpreter

OUTPUT_SCALE = 1 / 256
OUTPUT_ZERO_POINT = -128
"""What TFLite prescribes for a softmax in int8.

Source: TensorFlow Lite 8-bit quantization specification.
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """Types of a precision.

    ends: input and output. inside: what all other tensors may be. weights: the largest constant. activations: what is
    computed between the layers.
    """

    ends: Literal["int8", "float32"]
    inside: tuple[str, ...]
    weights: str
    activations: str


STORED: dict[Precision, Stored] = {
    "int8": Stored("int8", ("int8", "int32"), "int8", "int8"),
    "int8-float-io": Stored("float32", ("int8", "int32"), "int8", "int8"),
    "dynamic": Stored("float32", ("int8", "int32", "float32"), "int8", "float32"),
    "float16": Stored("float32", ("float16", "int32", "float32"), "float16", "float32"),
    "float32": Stored("float32", ("float32", "int32"), "float32", "float32"),
}
"""int32 holds biases of int8 layers, shapes and axes."""


@dataclass(frozen=True, slots=True)
class Ends:
    """Both ends of a checked model."""

    input: TensorSpec
    output: TensorSpec


def check_tensors(content: bytes, labels: Sequence[str], *, precision: Precision, entry: InputSpec) -> Ends:
    """Check type, shape and quantization of a `.tflite`, tensor by tensor.

    Args:
        content: the flatbuffer.
        labels: what its K answers mean.
        precision: what it should be.
        entry: side and value range of its faces.

    Raises:
        ModelError: it is no model, a tensor has another type, or an end another shape or scale.
    """
    interpreter, _ = open_interpreter(content)
    entries, answers = interpreter.get_input_details(), interpreter.get_output_details()
    if len(entries) != 1 or len(answers) != 1:
        raise ModelError(f"expected one input and one output, found {len(entries)} and {len(answers)}: change the net")
    stored = STORED[precision]
    ends = Ends(
        _check_end("input", entries[0], shape=(1, entry.size, entry.size, 1), dtype=stored.ends),
        _check_end("output", answers[0], shape=(1, len(labels)), dtype=stored.ends),
    )
    inside = [
        tensor
        for tensor in interpreter.get_tensor_details()
        if tensor["index"] not in (entries[0]["index"], answers[0]["index"])
    ]
    for tensor in inside:
        _check_inside(tensor, stored, precision)
    _check_bulk(interpreter, inside, stored, precision)
    if precision == "int8":
        _check_scales(ends, entry)
    return ends


def _check_inside(tensor: dict[str, Any], stored: Stored, precision: Precision) -> None:
    name, dtype = tensor["name"], np.dtype(tensor["dtype"]).name
    if dtype not in stored.inside:
        wanted = " or ".join(stored.inside)
        raise ModelError(
            f"tensor {name}: expected {wanted} in a model of precision {precision}, found {dtype}: change the net"
        )


def _check_bulk(interpreter: Any, inside: list[dict[str, Any]], stored: Stored, precision: Precision) -> None:  # noqa: ANN401  # of two packages
    """Where several types are allowed inside, see that weights and activations are what was wanted."""
    made = {tensor for node in interpreter._get_ops_details() for tensor in node["outputs"]}  # no public way
    constants = [tensor for tensor in inside if tensor["index"] not in made]
    largest = max(constants, key=lambda tensor: int(np.prod(tensor["shape"])), default=None)
    weights = "none" if largest is None else np.dtype(largest["dtype"]).name
    if weights != stored.weights:
        raise ModelError(
            f"expected weights of {stored.weights} at precision {precision}, found {weights}: change the net"
        )
    activations = {np.dtype(tensor["dtype"]).name for tensor in inside if tensor["index"] in made}
    if stored.activations not in activations:
        raise ModelError(
            f"expected activations of {stored.activations} at precision {precision}, found"
            f" {', '.join(sorted(activations)) or 'none'}: change the net"
        )


def _check_end(which: str, tensor: dict[str, Any], *, shape: tuple[int, ...], dtype: str) -> TensorSpec:
    found = tuple(int(side) for side in tensor["shape_signature"])
    if found != shape:
        raise ModelError(f"{which}: expected the shape {shape}, found {found}: check the labels")
    name = np.dtype(tensor["dtype"]).name
    if name != dtype:
        raise ModelError(f"{which}: expected {dtype}, found {name}: quantize the whole net")
    scale, zero_point = tensor["quantization"]
    return TensorSpec(cast(Literal["int8", "float32"], name), float(scale), int(zero_point))


def _check_scales(ends: Ends, entry: InputSpec) -> None:
    """See that black is stored as -128 and white as 127, and that the answers are probabilities."""
    black, white = entry.value_range
    scale = (white - black) / 255
    zero_point = -128 - black / scale  # may lie between two: either is as good
    if not np.isclose(ends.input.scale, scale, rtol=1e-5) or abs(ends.input.zero_point - zero_point) > 0.51:  # noqa: PLR2004
        raise ModelError(
            f"input: expected scale {scale:.8f} with zero point {zero_point:g}, found {ends.input.scale:.8f} with"
            f" {ends.input.zero_point}: calibrate with faces that reach from black to white"
        )
    if not np.isclose(ends.output.scale, OUTPUT_SCALE, rtol=1e-5) or ends.output.zero_point != OUTPUT_ZERO_POINT:
        raise ModelError(
            f"output: expected probabilities (scale 1/256, zero point {OUTPUT_ZERO_POINT}), found scale"
            f" {ends.output.scale:.8f} with {ends.output.zero_point}: end the net with a softmax"
        )
