"""Checks the tensors of a converted model: types, shapes, scales, and how many operations XNNPACK runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from edge.errors import ModelError
from edge.model.interpreter import open_interpreter
from edge.model.manifest import InputSpec, Precision, TensorSpec

OUTPUT_SCALE = 1 / 256
OUTPUT_ZERO_POINT = -128
"""Quantization of a softmax in int8.

Source: TensorFlow Lite 8-bit quantization specification.
"""


@dataclass(frozen=True, slots=True)
class PrecisionTypes:
    """The tensor types of a precision.

    Attributes:
        io: type of input and output.
        inside: types that the other tensors may have.
        weights: type of the largest constant.
        activations: type that at least one tensor between the layers must have.
    """

    io: Literal["int8", "float32"]
    inside: tuple[str, ...]
    weights: str
    activations: str


TYPES: dict[Precision, PrecisionTypes] = {
    "int8": PrecisionTypes("int8", ("int8", "int32"), "int8", "int8"),
    "int8-float-io": PrecisionTypes("float32", ("int8", "int32"), "int8", "int8"),
    "dynamic": PrecisionTypes("float32", ("int8", "int32", "float32"), "int8", "float32"),
    "float16": PrecisionTypes("float32", ("float16", "int32", "float32"), "float16", "float32"),
    "float32": PrecisionTypes("float32", ("float32", "int32"), "float32", "float32"),
}
"""int32 is the type of biases of int8 layers, of shapes and of axes."""


@dataclass(frozen=True, slots=True)
class ModelIO:
    """Input and output tensor of a model."""

    input: TensorSpec
    output: TensorSpec


def check_tensors(content: bytes, labels: Sequence[str], *, precision: Precision, input_spec: InputSpec) -> ModelIO:
    """Check type, shape and quantization of every tensor of a `.tflite`, and return its input and output.

    Args:
        content: the flatbuffer.
        labels: the names of its K outputs.
        precision: the one that the model must have.
        input_spec: side and value range that the model must take.

    Raises:
        ModelError: the bytes are no model, a tensor has a wrong type, or input or output a wrong shape or scale.
    """
    interpreter, _ = open_interpreter(content)
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    if len(inputs) != 1 or len(outputs) != 1:
        raise ModelError(f"expected one input and one output, found {len(inputs)} and {len(outputs)}: change the net")
    types = TYPES[precision]
    model_io = ModelIO(
        _check_io("input", inputs[0], shape=(1, input_spec.size, input_spec.size, 1), dtype=types.io),
        _check_io("output", outputs[0], shape=(1, len(labels)), dtype=types.io),
    )
    inside = [
        tensor
        for tensor in interpreter.get_tensor_details()
        if tensor["index"] not in (inputs[0]["index"], outputs[0]["index"])
    ]
    for tensor in inside:
        _check_inside(tensor, types, precision)
    _check_bulk(interpreter, inside, types, precision)
    if precision == "int8":
        _check_scales(model_io, input_spec)
    return model_io


def count_delegated(content: bytes) -> tuple[int, int]:
    """Return the number of operations of a `.tflite`, and how many of them XNNPACK runs."""
    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    nodes: list[dict[str, Any]] = interpreter._get_ops_details()  # the package has no public way
    delegates = [node for node in nodes if node["op_name"] == "DELEGATE"]
    operations = [node for node in nodes if node["op_name"] != "DELEGATE"]
    makers = {tensor: node for node in operations for tensor in node["outputs"]}
    delegated: set[int] = set()
    for delegate in delegates:
        sources = set(delegate["inputs"])
        wanted = set(delegate["outputs"])
        while wanted:
            tensor = wanted.pop()
            if tensor in makers and tensor not in sources and makers[tensor]["index"] not in delegated:
                delegated.add(makers[tensor]["index"])
                wanted |= set(makers[tensor]["inputs"])
    return len(operations), len(delegated)


def _check_inside(tensor: dict[str, Any], types: PrecisionTypes, precision: Precision) -> None:
    name, dtype = tensor["name"], np.dtype(tensor["dtype"]).name
    if dtype not in types.inside:
        wanted = " or ".join(types.inside)
        raise ModelError(
            f"tensor {name}: expected {wanted} in a model of precision {precision}, found {dtype}: change the net"
        )


def _check_bulk(
    interpreter: Any,  # noqa: ANN401  # either package's Interpreter: the two share no base class
    inside: list[dict[str, Any]],
    types: PrecisionTypes,
    precision: Precision,
) -> None:
    """Check that weights and activations have the precision's own types, where it allows several inside."""
    computed = {tensor for node in interpreter._get_ops_details() for tensor in node["outputs"]}  # no public way
    constants = [tensor for tensor in inside if tensor["index"] not in computed]
    largest = max(constants, key=lambda tensor: int(np.prod(tensor["shape"])), default=None)
    weights = "none" if largest is None else np.dtype(largest["dtype"]).name
    if weights != types.weights:
        raise ModelError(
            f"expected weights of {types.weights} at precision {precision}, found {weights}: change the net"
        )
    activations = {np.dtype(tensor["dtype"]).name for tensor in inside if tensor["index"] in computed}
    if types.activations not in activations:
        raise ModelError(
            f"expected activations of {types.activations} at precision {precision}, found"
            f" {', '.join(sorted(activations)) or 'none'}: change the net"
        )


def _check_io(which: str, tensor: dict[str, Any], *, shape: tuple[int, ...], dtype: str) -> TensorSpec:
    found = tuple(int(side) for side in tensor["shape_signature"])
    if found != shape:
        raise ModelError(f"{which}: expected the shape {shape}, found {found}: check the labels")
    name = np.dtype(tensor["dtype"]).name
    if name != dtype:
        raise ModelError(f"{which}: expected {dtype}, found {name}: quantize the whole net")
    scale, zero_point = tensor["quantization"]
    return TensorSpec(cast(Literal["int8", "float32"], name), float(scale), int(zero_point))


def _check_scales(model_io: ModelIO, input_spec: InputSpec) -> None:
    """Check that black is stored as -128 and white as 127, and that the outputs are probabilities."""
    black, white = input_spec.value_range
    scale = (white - black) / 255
    zero_point = -128 - black / scale  # may lie halfway between two integers: both are as good
    source, result = model_io.input, model_io.output
    if not np.isclose(source.scale, scale, rtol=1e-5) or abs(source.zero_point - zero_point) > 0.51:  # noqa: PLR2004  # half a step, and a margin for rounding
        raise ModelError(
            f"input: expected scale {scale:.8f} with zero point {zero_point:g}, found {source.scale:.8f} with"
            f" {source.zero_point}: calibrate with faces that reach from black to white"
        )
    if not np.isclose(result.scale, OUTPUT_SCALE, rtol=1e-5) or result.zero_point != OUTPUT_ZERO_POINT:
        raise ModelError(
            f"output: expected probabilities (scale 1/256, zero point {OUTPUT_ZERO_POINT}), found scale"
            f" {result.scale:.8f} with {result.zero_point}: end the net with a softmax"
        )
