"""Compares a converted model with its checkpoint, and refuses one that lost too much."""

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from convert.interpreters import NotAsked, ask_plain, ask_tflite_runtime
from convert.tensors import Ends
from edge.errors import ModelError
from edge.manifest import Precision, TensorSpec
from train.evaluation import Evaluation, evaluate
from train.faces import FaceData, Split, unseen

STEP = 1 / 256
"""One step of an int8 answer; the two packages' own kernels differ by no more in our nets.

In others they can: of the separable net inside the package `fer`, they round one operation after another differently,
and agree on 98 % of the answers, with the same accuracy. So it is told, and accuracy decides.
"""

ROUNDING = 1e-4
"""How much more than a step floats may show."""

MUST_OPEN = ("int8", "int8-float-io")
"""Precisions that tflite-runtime 2.14 has to open; for others it may be too old."""


class Comparison(msgspec.Struct, frozen=True):
    """Checkpoint and converted model on the same faces.

    agreement: share of faces with the same answer; agreement_unseen: of those not in the training split, None where
    there are none. largest_difference: of any probability, 0.0 to 1.0.
    """

    checkpoint: Evaluation
    converted: Evaluation
    agreement: float
    agreement_unseen: float | None
    largest_difference: float


def compare(
    float_probabilities: NDArray[np.float32],
    converted_probabilities: NDArray[np.float32],
    data: FaceData,
    *,
    split: Split,
) -> Comparison:
    """Compare the (N, K) answers of checkpoint and converted model for the faces of `split`."""
    faces = data.held_out(split)
    same = float_probabilities.argmax(axis=1) == converted_probabilities.argmax(axis=1)
    clean = unseen(faces, data.training)
    return Comparison(
        checkpoint=evaluate(float_probabilities, data, split=split),
        converted=evaluate(converted_probabilities, data, split=split),
        agreement=float(same.mean()),
        agreement_unseen=float(same[clean].mean()) if clean.any() else None,
        largest_difference=float(np.abs(float_probabilities - converted_probabilities).max()),
    )


def check_loss(*, float_accuracy: float, converted_accuracy: float, max_loss: float) -> None:
    """Refuse a model that lost more than `max_loss` of accuracy; all are shares, 0.0 to 1.0.

    Raises:
        ModelError: it did.
    """
    loss = float_accuracy - converted_accuracy
    if not loss <= max_loss:  # so that a figure that is no number is refused, too
        raise ModelError(
            f"expected a model that loses at most {max_loss:.4f} accuracy, found a loss of {loss:.4f}"
            f" ({float_accuracy:.4f} to {converted_accuracy:.4f}): nothing was written; try --equalise, more"
            " --calibration-faces or another --precision"
        )


@dataclass(frozen=True, slots=True, eq=False)
class Plain:
    """(N, K) answers as real numbers of the packages' own kernels, and what is to be said of tflite-runtime.

    runtime: of tflite-runtime; None where it was not asked or does not open the model.
    """

    litert: NDArray[np.float32]
    runtime: NDArray[np.float32] | None
    told: dict[str, str]


def check_interpreters(content: bytes, inputs: NDArray[Any], ends: Ends, *, precision: Precision) -> Plain:
    """Ask the packages' own kernels, which a machine without XNNPACK runs.

    Args:
        content: the flatbuffer.
        inputs: (N, S, S), as the input tensor stores them.
        ends: what one stored step means.
        precision: of the model.

    Raises:
        ModelError: tflite-runtime does not open a model that it has to.
    """
    plain = _real(ask_plain(content, inputs), ends.output)
    asked = ask_tflite_runtime(content, inputs)
    if isinstance(asked, NotAsked):
        return Plain(plain, None, {"tflite-runtime": f"not run: {asked.reason}"})
    told, stored = asked
    if stored is None:
        if precision in MUST_OPEN:
            raise ModelError(f"expected a model that {told.interpreter} opens, found: {told.refused}: change the net")
        return Plain(plain, None, {told.interpreter: f"does not open it: {told.refused}"})
    runtime = _real(stored, ends.output)
    return Plain(plain, runtime, {told.interpreter: _difference(plain, runtime)})


def _difference(plain: NDArray[np.float32], runtime: NDArray[np.float32]) -> str:
    largest = float(np.abs(runtime - plain).max())
    if largest <= STEP + ROUNDING:
        return f"the same answers to {len(plain)} faces, within {largest / STEP:.2f} steps of 1/256"
    same = float((runtime.argmax(axis=1) == plain.argmax(axis=1)).mean())
    return (
        f"{100 * same:.2f} % of {len(plain)} answers are those of ai-edge-litert's own kernels; probabilities differ by"
        f" up to {largest / STEP:.0f} steps"
    )


def _real(stored: NDArray[Any], spec: TensorSpec) -> NDArray[np.float32]:
    values = stored.astype(np.float32)
    return (values - np.float32(spec.zero_point)) * np.float32(spec.scale) if spec.scale else values
