"""Lets ELU run in int8 where a quantizer left it in float32.

TensorFlow's quantizer and litert-quantizer do not know that TFLite's ELU takes int8 too, and put it between two
conversions. The interpreters do know: they look the answer up among 256 values, made of the scales at both ends.
"""

from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils


def elu_in_int8(content: bytes) -> bytes:
    """Return a `.tflite` in which each DEQUANTIZE, ELU, QUANTIZE in a row is one ELU from int8 to int8.

    A model without such a row is returned as it is, byte for byte.
    """
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    graph = model.subgraphs[0]
    before = len(graph.operators)
    _join(graph, [flatbuffer_utils.opcode_to_name(model, operator.opcodeIndex) for operator in graph.operators])
    if len(graph.operators) == before:
        return content
    ends = [end for signature in model.signatureDefs for end in (*signature.inputs, *signature.outputs)]
    _drop_unused_tensors(graph, ends)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _join(graph: schema.SubGraphT, names: list[str]) -> None:
    """Give each such ELU the tensors around its conversions, and take out the conversions that nothing needs then."""
    gone = set()
    for operator, name in zip(graph.operators, names, strict=True):
        if name != "ELU":
            continue
        entry, answer = operator.inputs[0], operator.outputs[0]
        before = [place for place, other in enumerate(graph.operators) if entry in other.outputs]
        after = [place for place, other in enumerate(graph.operators) if answer in other.inputs]
        if [names[place] for place in before] != ["DEQUANTIZE"] or [names[place] for place in after] != ["QUANTIZE"]:
            continue
        operator.inputs, operator.outputs = graph.operators[before[0]].inputs, graph.operators[after[0]].outputs
        gone.add(after[0])
        if not any(entry in other.inputs for other in graph.operators):
            gone.add(before[0])
    graph.operators = [operator for place, operator in enumerate(graph.operators) if place not in gone]


def _drop_unused_tensors(graph: schema.SubGraphT, ends: list[schema.TensorMapT]) -> None:
    """Take out the tensors that no operation has any more; `ends` name the input and the output of the graph."""
    used = {*graph.inputs, *graph.outputs}
    for operator in graph.operators:
        used.update(operator.inputs, operator.outputs)
    kept = [place for place in range(len(graph.tensors)) if place in used]
    moved = {place: new for new, place in enumerate(kept)}
    graph.tensors = [graph.tensors[place] for place in kept]
    for holder in (graph, *graph.operators):
        holder.inputs = [moved.get(place, place) for place in holder.inputs]  # an optional tensor left out is -1
        holder.outputs = [moved[place] for place in holder.outputs]
    for end in ends:
        end.tensorIndex = moved[end.tensorIndex]
