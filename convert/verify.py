"""Verifies a converted model: compares it with its checkpoint, in every interpreter, and refuses too large a loss."""

import logging
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from convert.activations import dequantize
from convert.interpreters import InterpreterMissing, run_litert_kernels, run_tflite_runtime
from convert.prepare import VerificationData
from convert.tensors import ModelIO, count_delegated
from edge.errors import ModelError
from edge.model.manifest import Checks, Manifest, Precision
from edge.vision.classify import EmotionClassifier, input_table
from edge.vision.crop import resize_face
from train.data.faces import FaceData, Split, unseen
from train.evaluation.predict import predict
from train.evaluation.split_metrics import SplitMetrics, measure_split
from train.native_logs import capture_native_logs

log = logging.getLogger(__name__)

STEP = 1 / 256
"""One step of an int8 probability; the kernels of the two packages differ by no more than this in our nets.

They can differ by more in others: in the separable net of the package `fer` they round one operation after another
differently and agree on 98 % of the predictions, with the same accuracy. A difference is therefore reported, and
accuracy decides.
"""

ROUNDING = 1e-4
"""Tolerance on top of one step, for rounding in float32."""

MUST_OPEN = ("int8", "int8-float-io")
"""Precisions that tflite-runtime 2.14 must open; for others it may be too old."""


class CheckpointComparison(msgspec.Struct, frozen=True):
    """Checkpoint and converted model, evaluated on the same faces.

    Attributes:
        checkpoint: figures of the checkpoint.
        converted: figures of the converted model.
        agreement: share of faces with the same predicted class.
        agreement_unseen: the same for faces not in the training split; None if there are none.
        largest_difference: of any probability, 0.0 to 1.0.
    """

    checkpoint: SplitMetrics
    converted: SplitMetrics
    agreement: float
    agreement_unseen: float | None
    largest_difference: float


@dataclass(frozen=True, slots=True)
class Verification:
    """Everything that was measured of a converted model.

    Attributes:
        comparisons: the validation split's first, then the test split's if it was requested.
        checks: what the interpreters make of the model.
    """

    comparisons: list[CheckpointComparison]
    checks: Checks


@dataclass(frozen=True, slots=True, eq=False)
class KernelPredictions:
    """Predictions of the packages' own kernels, without XNNPACK.

    Attributes:
        litert: (N, K) probabilities of ai-edge-litert.
        runtime: (N, K) probabilities of tflite-runtime; None if it is missing or does not open the model.
        notes: one sentence about tflite-runtime for the manifest, by package name.
    """

    litert: NDArray[np.float32]
    runtime: NDArray[np.float32] | None
    notes: dict[str, str]


def verify_model(content: bytes, draft: Manifest, truth: VerificationData, *, max_loss: float) -> Verification:
    """Compare with the checkpoint on validation, refuse too large a loss, and only then read the test split.

    Args:
        content: the flatbuffer.
        draft: its manifest, without figures.
        truth: the data set, and the checkpoint's predictions on it.
        max_loss: share of accuracy that the model may lose, 0.0 to 1.0.

    Raises:
        ModelError: the model lost more, or tflite-runtime does not open it.
    """
    with capture_native_logs():
        classifier = EmotionClassifier(content, draft, package="ai-edge-litert")
    probabilities = predict(classifier, truth.data.validation.pixels)
    first = _compare_split(probabilities, draft, truth, "validation")
    float_accuracy = first.checkpoint.official.accuracy
    check_loss(float_accuracy=float_accuracy, converted_accuracy=first.converted.official.accuracy, max_loss=max_loss)
    checks, kernel_accuracies = _check_kernels(content, draft, truth, probabilities)
    for accuracy in kernel_accuracies:
        check_loss(float_accuracy=float_accuracy, converted_accuracy=accuracy, max_loss=max_loss)
    comparisons = [first]
    if "test" in truth.probabilities:
        comparisons.append(_compare_split(predict(classifier, truth.data.test.pixels), draft, truth, "test"))
    return Verification(comparisons, checks)


def compare(
    float_probabilities: NDArray[np.float32],
    converted_probabilities: NDArray[np.float32],
    data: FaceData,
    *,
    split: Split,
) -> CheckpointComparison:
    """Compare the (N, K) probabilities of checkpoint and converted model on the faces of `split`."""
    faces = data.held_out(split)
    same = float_probabilities.argmax(axis=1) == converted_probabilities.argmax(axis=1)
    clean = unseen(faces, data.training)
    return CheckpointComparison(
        checkpoint=measure_split(float_probabilities, data, split=split),
        converted=measure_split(converted_probabilities, data, split=split),
        agreement=float(same.mean()),
        agreement_unseen=float(same[clean].mean()) if clean.any() else None,
        largest_difference=float(np.abs(float_probabilities - converted_probabilities).max()),
    )


def check_loss(*, float_accuracy: float, converted_accuracy: float, max_loss: float) -> None:
    """Refuse a model that lost more than `max_loss` of accuracy; all are shares, 0.0 to 1.0.

    Raises:
        ModelError: it lost more.
    """
    loss = float_accuracy - converted_accuracy
    if not loss <= max_loss:  # written so that NaN is refused
        raise ModelError(
            f"expected a model that loses at most {max_loss:.4f} accuracy, found a loss of {loss:.4f}"
            f" ({float_accuracy:.4f} to {converted_accuracy:.4f}): nothing was written; try --equalise, more"
            " --calibration-faces or another --precision"
        )


def predict_in_kernels(
    content: bytes, inputs: NDArray[Any], model_io: ModelIO, *, precision: Precision
) -> KernelPredictions:
    """Run the model in the packages' own kernels, as a machine without XNNPACK does.

    Args:
        content: the flatbuffer.
        inputs: (N, S, S), as the input tensor stores them.
        model_io: input and output tensor of the model.
        precision: of the model.

    Raises:
        ModelError: tflite-runtime does not open a model that it must open.
    """
    litert = _probabilities(run_litert_kernels(content, inputs), model_io)
    ran = run_tflite_runtime(content, inputs)
    if isinstance(ran, InterpreterMissing):
        return KernelPredictions(litert, None, {"tflite-runtime": f"not run: {ran.reason}"})
    run, outputs = ran
    if outputs is None:
        if precision in MUST_OPEN:
            raise ModelError(f"expected a model that {run.interpreter} opens, found: {run.refused}: change the net")
        return KernelPredictions(litert, None, {run.interpreter: f"does not open it: {run.refused}"})
    runtime = _probabilities(outputs, model_io)
    return KernelPredictions(litert, runtime, {run.interpreter: _difference_note(litert, runtime)})


def _compare_split(
    probabilities: NDArray[np.float32], draft: Manifest, truth: VerificationData, split: Split
) -> CheckpointComparison:
    comparison = compare(truth.probabilities[split], probabilities, truth.data, split=split)
    log.info(
        "%s: checkpoint %.4f, %s %.4f, same predictions %.4f, largest difference %.4f, calibration error %.4f",
        comparison.converted.split,
        comparison.checkpoint.official.accuracy,
        draft.precision,
        comparison.converted.official.accuracy,
        comparison.agreement,
        comparison.largest_difference,
        comparison.converted.official.calibration_error,
    )
    return comparison


def _check_kernels(
    content: bytes, draft: Manifest, truth: VerificationData, converted: NDArray[np.float32]
) -> tuple[Checks, list[float]]:
    """Return the checks of the interpreters, and the accuracy of each package's own kernels."""
    faces = truth.data.validation
    sized = np.stack([resize_face(face, size=draft.input.size) for face in faces.pixels])
    model_io = ModelIO(draft.input_tensor, draft.output_tensor)
    with capture_native_logs():
        operations, delegated = count_delegated(content)
        kernels = predict_in_kernels(
            content, input_table(draft.input, draft.input_tensor)[sized], model_io, precision=draft.precision
        )
    same = float((kernels.litert.argmax(axis=1) == converted.argmax(axis=1)).mean())
    accuracies = [
        float((probabilities.argmax(axis=1) == faces.codes).mean())
        for probabilities in (kernels.litert, kernels.runtime)
        if probabilities is not None
    ]
    notes = {
        f"ai-edge-litert {version('ai-edge-litert')}": f"runs {delegated} of {operations} operations in XNNPACK;"
        f" without it, {100 * same:.2f} % of {len(faces)} predictions are the same, and {100 * accuracies[0]:.2f} % are"
        " right",
        **kernels.notes,
    }
    for package, text in notes.items():
        log.info("%s: %s", package, text)
    return Checks(operations=operations, delegated=delegated, interpreters=notes), accuracies


def _difference_note(litert: NDArray[np.float32], runtime: NDArray[np.float32]) -> str:
    largest = float(np.abs(runtime - litert).max())
    if largest <= STEP + ROUNDING:
        return f"the same predictions for {len(litert)} faces, within {largest / STEP:.2f} steps of 1/256"
    same = float((runtime.argmax(axis=1) == litert.argmax(axis=1)).mean())
    return (
        f"{100 * same:.2f} % of {len(litert)} predictions are those of ai-edge-litert's own kernels; probabilities"
        f" differ by up to {largest / STEP:.0f} steps"
    )


def _probabilities(outputs: NDArray[Any], model_io: ModelIO) -> NDArray[np.float32]:
    return dequantize(outputs, model_io.output.scale, model_io.output.zero_point)
