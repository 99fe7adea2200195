"""Measures what int8 costs at each operation of a net, to find those that lose most."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from convert.activations import INPUT_OP, list_activations, observe_activations
from convert.ranges import CalibrationRanges
from convert.tensorflow_converter import FloatModel, quantize_one_operation
from edge.model.interpreter import open_interpreter


@dataclass(frozen=True, slots=True)
class LayerError:
    """The error that int8 adds at one operation.

    Attributes:
        name: of the operation's output.
        op: TFLite's name of the operation.
        change: mean absolute change of a probability if this operation alone runs in int8, 0.0 to 1.0; None if the
            converter has no int8 form of the operation.
        noise: root mean square error of the output in the whole int8 model, as a share of the float output's standard
            deviation: the error of this operation and of all before it.
    """

    name: str
    op: str
    change: float | None
    noise: float


def measure_layer_errors(
    model: FloatModel, ranges: CalibrationRanges, content: bytes, faces: NDArray[np.float32]
) -> list[LayerError]:
    """Compare float32 and int8 operation by operation; the costliest operation comes first.

    Args:
        model: the checkpoint's graph.
        ranges: measured on `model`.
        content: the int8 model made from both.
        faces: (N, S, S, 1) float32 in the model's value range; a hundred are enough.
    """
    limits = [(measured.low, measured.high) for measured in ranges.ranges]
    noise = _measure_noise(model.content, content, faces)
    float_probabilities = _predict(model.content, faces)
    layers = [layer for layer in list_activations(model.content) if layer.op != INPUT_OP]
    errors = []
    for layer in tqdm(layers, desc="one layer in int8", delay=2, leave=False, disable=None):
        quantized = quantize_one_operation(model.content, limits, layer)
        change = None if quantized is None else float(np.abs(_predict(quantized, faces) - float_probabilities).mean())
        errors.append(LayerError(layer.name.partition(";")[0], layer.op, change, noise.get(layer.name, np.nan)))
    return sorted(errors, key=lambda error: -1.0 if error.change is None else error.change, reverse=True)


def layer_table(errors: Sequence[LayerError]) -> str:
    """Return the errors as a table, one line for each, in the order given."""
    width = max(len(error.name) for error in errors)
    lines = [f"{'layer':{width}}  {'operation':20}  change alone  noise in all"]
    for error in errors:
        change = "-" if error.change is None else f"{error.change:.5f}"
        lines.append(f"{error.name:{width}}  {error.op:20}  {change:>12}  {error.noise:12.3f}")
    return "\n".join(lines)


def _measure_noise(float_content: bytes, int8_content: bytes, faces: NDArray[np.float32]) -> dict[str, float]:
    """Return `LayerError.noise` of each activation that both graphs have, by its name."""
    names, int8_names = (
        [layer.name for layer in list_activations(content)] for content in (float_content, int8_content)
    )
    shared = [(place, int8_names.index(name)) for place, name in enumerate(names) if name in int8_names]
    sums = np.zeros((3, len(shared)))  # of the squared differences, of the values, of the squared values
    pairs = zip(
        observe_activations(float_content, faces, progress_text="in float32"),
        observe_activations(int8_content, faces, progress_text="in int8"),
        strict=True,
    )
    for float_values, int8_values in pairs:
        for column, (float_place, int8_place) in enumerate(shared):
            value = float_values[float_place].astype(np.float64)
            sums[:, column] += np.mean((int8_values[int8_place] - value) ** 2), value.mean(), np.mean(value**2)
    differences, means, squares = sums / len(faces)
    shares = np.sqrt(differences / np.maximum(squares - means**2, np.finfo(np.float64).tiny))
    return {names[place]: float(share) for (place, _), share in zip(shared, shares, strict=True)}


def _predict(content: bytes, faces: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the (N, K) probabilities of a `.tflite` with float32 input and output."""
    interpreter, _ = open_interpreter(content)
    source, result = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    rows = []
    for face in faces:
        interpreter.set_tensor(source, face[np.newaxis])
        interpreter.invoke()
        rows.append(interpreter.get_tensor(result)[0])
    return np.stack(rows)
