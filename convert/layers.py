"""Finds the layers that lose most in int8."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from convert.activations import ENTRY, list_activations, observe
from convert.export import FloatModel
from convert.ranges import CalibrationRanges
from convert.with_litert import quantize_alone
from edge.vision.interpreter import open_interpreter


@dataclass(frozen=True, slots=True)
class LayerError:
    """What int8 costs at one operation.

    name: of its output. op: TFLite's name of the operation.
    change: mean change of a probability when this operation alone runs in int8, 0.0 to 1.0; None where that cannot be
        tried, since litert-quantizer, which is asked for it, has no int8 form of the operation.
    noise: how far the output strays in the whole int8 model, root mean square, as a share of the float output's
        standard deviation: what this layer and all before it did.
    """

    name: str
    op: str
    change: float | None
    noise: float


def layer_errors(
    model: FloatModel, ranges: CalibrationRanges, content: bytes, faces: NDArray[np.float32]
) -> list[LayerError]:
    """Compare float32 and int8 operation by operation; the one that costs most comes first.

    Args:
        model: the checkpoint's graph.
        ranges: measured on it.
        content: the int8 model made of both, by either back-end.
        faces: (N, S, S, 1) float32 in the range that the model takes; a hundred tell enough.

    Raises:
        ConfigError: litert-quantizer is missing.
    """
    limits = [(measured.low, measured.high) for measured in ranges.ranges]
    noise = _noise(model.content, content, faces)
    wanted = _ask(model.content, faces)
    layers = [layer for layer in list_activations(model.content) if layer.op != ENTRY]
    errors = []
    for layer in tqdm(layers, desc="one layer in int8", delay=2, leave=False, disable=None):
        alone = quantize_alone(model.content, limits, layer)
        change = None if alone is None else float(np.abs(_ask(alone, faces) - wanted).mean())
        errors.append(LayerError(layer.name.partition(";")[0], layer.op, change, noise.get(layer.name, np.nan)))
    return sorted(errors, key=lambda error: -1.0 if error.change is None else error.change, reverse=True)


def layer_table(errors: Sequence[LayerError]) -> str:
    """Return the errors as lines of text, in the order given."""
    width = max(len(error.name) for error in errors)
    lines = [f"{'layer':{width}}  {'operation':20}  change alone  noise in all"]
    for error in errors:
        change = "-" if error.change is None else f"{error.change:.5f}"
        lines.append(f"{error.name:{width}}  {error.op:20}  {change:>12}  {error.noise:12.3f}")
    return "\n".join(lines)


def _noise(wanted: bytes, found: bytes, faces: NDArray[np.float32]) -> dict[str, float]:
    """Return by name how far the activations of `found` stray from those of `wanted`; see `LayerError`."""
    names, others = ([layer.name for layer in list_activations(content)] for content in (wanted, found))
    shared = [(place, others.index(name)) for place, name in enumerate(names) if name in others]
    sums = np.zeros((3, len(shared)))  # of the squared differences, of the values, of the squared values
    pairs = zip(observe(wanted, faces, doing="in float32"), observe(found, faces, doing="in int8"), strict=True)
    for values, stored in pairs:
        for column, (here, there) in enumerate(shared):
            value = values[here].astype(np.float64)
            sums[:, column] += np.mean((stored[there] - value) ** 2), value.mean(), np.mean(value**2)
    differences, means, squares = sums / len(faces)
    shares = np.sqrt(differences / np.maximum(squares - means**2, np.finfo(np.float64).tiny))
    return {names[here]: float(share) for (here, _), share in zip(shared, shares, strict=True)}


def _ask(content: bytes, faces: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the (N, K) answers of a `.tflite` with float32 ends."""
    interpreter, _ = open_interpreter(content)
    entry, end = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    answers = []
    for face in faces:
        interpreter.set_tensor(entry, face[np.newaxis])
        interpreter.invoke()
        answers.append(interpreter.get_tensor(end)[0])
    return np.stack(answers)
