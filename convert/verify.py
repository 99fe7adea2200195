"""Checks that a converted model is what it should be: int8 throughout, rightly shaped, as good as its checkpoint."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.errors import ModelError
from edge.manifest import TensorSpec
from edge.vision.interpreter import open_interpreter
from train.evaluation import Evaluation, evaluate
from train.faces import FACE_PX, FaceData, Split, unseen

INPUT_SCALE = 1 / 255
INPUT_ZERO_POINT = -128
"""With these, quantizing a crop is `crop ^ 0x80` seen as int8."""

OUTPUT_SCALE = 1 / 256
OUTPUT_ZERO_POINT = -128
"""What TFLite prescribes for a softmax in int8.

Source: TensorFlow Lite 8-bit quantization specification.
"""

STORED_TYPES = ("int8", "int32")
"""int8: input, output, weights, activations. int32: biases, shapes, axes. Any other was left unquantized."""


@dataclass(frozen=True, slots=True)
class Ends:
    """Both ends of a checked model."""

    input: TensorSpec
    output: TensorSpec


class Comparison(msgspec.Struct, frozen=True):
    """Checkpoint and int8 model on the same faces.

    agreement: share of faces with the same answer; agreement_unseen: of those not in the training split, None where
    there are none. largest_difference: of any probability, 0.0 to 1.0.
    """

    checkpoint: Evaluation
    int8: Evaluation
    agreement: float
    agreement_unseen: float | None
    largest_difference: float


def check_tensors(content: bytes, labels: Sequence[str]) -> Ends:
    """Check type, shape and quantization of a `.tflite`, tensor by tensor.

    Args:
        content: the file's bytes.
        labels: what its K answers mean.

    Raises:
        ModelError: it is no model, a tensor is not int8 (int32 for a bias), or an end has another shape or scale.
    """
    interpreter, _ = open_interpreter(content)
    for tensor in interpreter.get_tensor_details():
        _check_tensor(tensor)
    entries, answers = interpreter.get_input_details(), interpreter.get_output_details()
    if len(entries) != 1 or len(answers) != 1:
        raise ModelError(f"expected one input and one output, found {len(entries)} and {len(answers)}: change the net")
    ends = Ends(
        _check_end("input", entries[0], shape=(1, FACE_PX, FACE_PX, 1)),
        _check_end("output", answers[0], shape=(1, len(labels))),
    )
    if not _is_stored(ends.input, INPUT_SCALE, INPUT_ZERO_POINT):
        raise ModelError(
            f"input: expected scale 1/255 with zero point {INPUT_ZERO_POINT}, found {ends.input.scale:.8f} with"
            f" {ends.input.zero_point}: calibrate with faces that reach from 0 to 255"
        )
    if not _is_stored(ends.output, OUTPUT_SCALE, OUTPUT_ZERO_POINT):
        raise ModelError(
            f"output: expected probabilities (scale 1/256, zero point {OUTPUT_ZERO_POINT}), found scale"
            f" {ends.output.scale:.8f} with {ends.output.zero_point}: end the net with a softmax"
        )
    return ends


def compare(
    float_probabilities: NDArray[np.float32],
    int8_probabilities: NDArray[np.float32],
    data: FaceData,
    *,
    split: Split,
) -> Comparison:
    """Compare the (N, K) answers of checkpoint and int8 model for the faces of `split`."""
    faces = data.held_out(split)
    same = float_probabilities.argmax(axis=1) == int8_probabilities.argmax(axis=1)
    clean = unseen(faces, data.training)
    return Comparison(
        checkpoint=evaluate(float_probabilities, data, split=split),
        int8=evaluate(int8_probabilities, data, split=split),
        agreement=float(same.mean()),
        agreement_unseen=float(same[clean].mean()) if clean.any() else None,
        largest_difference=float(np.abs(float_probabilities - int8_probabilities).max()),
    )


def check_loss(*, float_accuracy: float, int8_accuracy: float, max_loss: float) -> None:
    """Refuse an int8 model that lost more than `max_loss` of accuracy; all are shares, 0.0 to 1.0.

    Raises:
        ModelError: it did.
    """
    loss = float_accuracy - int8_accuracy
    if not loss <= max_loss:  # so that a figure that is no number is refused, too
        raise ModelError(
            f"expected int8 to lose at most {max_loss:.4f} accuracy, found {loss:.4f} ({float_accuracy:.4f} to"
            f" {int8_accuracy:.4f}): nothing was written; try more --calibration-faces or another seed"
        )


def _check_tensor(tensor: dict[str, Any]) -> None:
    name, dtype = tensor["name"], np.dtype(tensor["dtype"]).name
    if dtype not in STORED_TYPES:
        raise ModelError(f"tensor {name}: expected int8 (int32 for a bias), found {dtype}: quantize the whole net")
    if dtype == "int8" and len(tensor["quantization_parameters"]["scales"]) == 0:
        raise ModelError(f"tensor {name}: expected int8 with a scale, found none: quantize the whole net")


def _check_end(which: str, tensor: dict[str, Any], *, shape: tuple[int, ...]) -> TensorSpec:
    found = tuple(int(side) for side in tensor["shape_signature"])
    if found != shape:
        raise ModelError(f"{which}: expected the shape {shape}, found {found}: check the labels")
    dtype = np.dtype(tensor["dtype"]).name
    if dtype != "int8":
        raise ModelError(f"{which}: expected int8, found {dtype}: quantize the whole net")
    scale, zero_point = tensor["quantization"]
    return TensorSpec(cast(Literal["int8"], dtype), float(scale), int(zero_point))


def _is_stored(spec: TensorSpec, scale: float, zero_point: int) -> bool:
    return bool(np.isclose(spec.scale, scale, rtol=1e-5)) and spec.zero_point == zero_point
