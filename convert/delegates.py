"""Counts the operations of a model that XNNPACK takes over from the interpreter's own kernels."""

from typing import Any

from ai_edge_litert.interpreter import Interpreter


def count_delegated(content: bytes) -> tuple[int, int]:
    """Return how many operations the graph has, and how many of them XNNPACK runs."""
    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    nodes: list[dict[str, Any]] = interpreter._get_ops_details()  # the package has no public way
    delegates = [node for node in nodes if node["op_name"] == "DELEGATE"]
    operations = [node for node in nodes if node["op_name"] != "DELEGATE"]
    makers = {tensor: node for node in operations for tensor in node["outputs"]}
    taken: set[int] = set()
    for delegate in delegates:
        given = set(delegate["inputs"])
        wanted = set(delegate["outputs"])
        while wanted:
            tensor = wanted.pop()
            if tensor in makers and tensor not in given and makers[tensor]["index"] not in taken:
                taken.add(makers[tensor]["index"])
                wanted |= set(makers[tensor]["inputs"])
    return len(operations), len(taken)
