"""Runs a TFLite graph face by face with a view of every activation."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from ai_edge_litert.tools import flatbuffer_utils
from numpy.typing import NDArray
from tqdm import tqdm

COMPUTED_TYPES = ("FLOAT32", "INT8")
"""Activations are these; shapes and indices are integers of 32 bits."""

ENTRY = "INPUT"
"""Stands in the place of the operation for the graph's input."""


@dataclass(frozen=True, slots=True)
class Activation:
    """A tensor that the graph computes. index: its place among the tensors; op: the operation that computes it."""

    index: int
    name: str
    op: str


def list_activations(content: bytes) -> list[Activation]:
    """Return the input of a `.tflite` and what its operations compute, in the order of computation."""
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    graph = model.subgraphs[0]
    computed = [(int(index), ENTRY) for index in graph.inputs]
    for operator in graph.operators:
        op = flatbuffer_utils.opcode_to_name(model, operator.opcodeIndex)
        computed += [(int(index), op) for index in operator.outputs]
    return [
        Activation(index, graph.tensors[index].name.decode(), op)
        for index, op in computed
        if flatbuffer_utils.type_to_name(graph.tensors[index].type) in COMPUTED_TYPES
    ]


def observe(content: bytes, faces: NDArray[np.float32], *, doing: str) -> Iterator[list[NDArray[np.float32]]]:
    """Yield for each face the real values of all activations, in the order of `list_activations`.

    LiteRT's plain kernels are used: a delegate would keep what lies between its own operations to itself.

    Args:
        content: a `.tflite` for one face at a time.
        faces: (N, S, S, 1) float32, in the range that the model takes.
        doing: what the progress bar says.
    """
    interpreter = Interpreter(
        model_content=content,
        num_threads=1,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    entry = interpreter.get_input_details()[0]
    steps = {tensor["index"]: tensor["quantization"] for tensor in interpreter.get_tensor_details()}
    indices = [activation.index for activation in list_activations(content)]
    for face in tqdm(faces, desc=doing, delay=2, leave=False, disable=None):
        interpreter.set_tensor(entry["index"], _stored(face[np.newaxis], entry))
        interpreter.invoke()
        yield [_real(interpreter.get_tensor(index), *steps[index]) for index in indices]


def _stored(values: NDArray[np.float32], tensor: dict[str, Any]) -> NDArray[Any]:
    scale, zero_point = tensor["quantization"]
    if not scale:
        return values
    limits = np.iinfo(tensor["dtype"])
    return np.asarray(np.clip(np.rint(values / scale + zero_point), limits.min, limits.max), dtype=tensor["dtype"])


def _real(stored: NDArray[Any], scale: float, zero_point: int) -> NDArray[np.float32]:
    values = stored.astype(np.float32)
    return (values - np.float32(zero_point)) * np.float32(scale) if scale else values
