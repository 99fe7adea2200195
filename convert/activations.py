"""Lists the activations of a TFLite graph, and runs the graph while recording their values."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from ai_edge_litert.tools import flatbuffer_utils
from numpy.typing import NDArray
from tqdm import tqdm

ACTIVATION_TYPES = ("FLOAT32", "INT8")
"""Types of activations; shapes and indices are INT32."""

INPUT_OP = "INPUT"
"""Stands for the operation of the graph's input, which no operation computes."""


@dataclass(frozen=True, slots=True)
class Activation:
    """A tensor that the graph computes, or its input.

    Attributes:
        index: position among the graph's tensors.
        name: of the tensor.
        op: TFLite's name of the operation that computes it, or `INPUT_OP`.
        dtype: one of `ACTIVATION_TYPES`.
    """

    index: int
    name: str
    op: str
    dtype: str


def list_activations(content: bytes) -> list[Activation]:
    """Return the input of a `.tflite` and the outputs of its operations, in the order of computation."""
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    graph = model.subgraphs[0]
    computed = [(int(index), INPUT_OP) for index in graph.inputs]
    for operator in graph.operators:
        op = flatbuffer_utils.opcode_to_name(model, operator.opcodeIndex)
        computed += [(int(index), op) for index in operator.outputs]
    activations = [
        Activation(
            index, graph.tensors[index].name.decode(), op, flatbuffer_utils.type_to_name(graph.tensors[index].type)
        )
        for index, op in computed
    ]
    return [activation for activation in activations if activation.dtype in ACTIVATION_TYPES]


def observe_activations(
    content: bytes, faces: NDArray[np.float32], *, progress_text: str
) -> Iterator[list[NDArray[np.float32]]]:
    """Run each face through the graph and yield the real values of all activations, ordered as `list_activations`.

    The graph runs on LiteRT's own kernels: a delegate such as XNNPACK does not expose the tensors inside its part of
    the graph.

    Args:
        content: a `.tflite` for a batch of one face.
        faces: (N, S, S, 1) float32, in the model's value range.
        progress_text: label of the progress bar.
    """
    interpreter = Interpreter(
        model_content=content,
        num_threads=1,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    input_tensor = interpreter.get_input_details()[0]
    quantization = {tensor["index"]: tensor["quantization"] for tensor in interpreter.get_tensor_details()}
    indices = [activation.index for activation in list_activations(content)]
    for face in tqdm(faces, desc=progress_text, delay=2, leave=False, disable=None):
        interpreter.set_tensor(input_tensor["index"], _quantize(face[np.newaxis], input_tensor))
        interpreter.invoke()
        yield [dequantize(interpreter.get_tensor(index), *quantization[index]) for index in indices]


def dequantize(stored: NDArray[Any], scale: float, zero_point: int) -> NDArray[np.float32]:
    """Return stored values as real numbers; a scale of 0 marks a tensor that is not quantized."""
    values = stored.astype(np.float32)
    return (values - np.float32(zero_point)) * np.float32(scale) if scale else values


def _quantize(values: NDArray[np.float32], tensor: dict[str, Any]) -> NDArray[Any]:
    scale, zero_point = tensor["quantization"]
    if not scale:
        return values
    limits = np.iinfo(tensor["dtype"])
    return np.asarray(np.clip(np.rint(values / scale + zero_point), limits.min, limits.max), dtype=tensor["dtype"])
