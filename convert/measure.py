"""Takes all figures of one converted model, and stops at the first that it may not have."""

import logging
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from convert.delegates import count_delegated
from convert.prepare import Truth
from convert.tensors import Ends
from convert.verify import Comparison, check_interpreters, check_loss, compare
from edge.manifest import Checks, Manifest
from edge.vision.classify import EmotionClassifier, input_table
from edge.vision.crop import resize_face
from train.faces import Split
from train.predict import predict
from train.quiet import quiet

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Measured:
    """comparisons: the validation split's first, then the test split's where it was wanted."""

    comparisons: list[Comparison]
    checks: Checks


def measure_model(content: bytes, draft: Manifest, truth: Truth, *, max_loss: float) -> Measured:
    """Compare with the checkpoint on validation, refuse what lost too much, and only then look at the test split.

    Args:
        content: the flatbuffer.
        draft: its manifest, without figures.
        truth: data, and the checkpoint's answers to it.
        max_loss: share of accuracy that it may lose.

    Raises:
        ModelError: it lost more, or the interpreter packages do not agree.
    """
    with quiet():
        classifier = EmotionClassifier(content, draft, package="ai-edge-litert")
    answers = predict(classifier, truth.data.validation.pixels)
    first = _compare(answers, draft, truth, "validation")
    _refuse_loss(first, first.converted.official.accuracy, max_loss)
    checks, accuracies = _check(content, draft, truth, answers)
    for accuracy in accuracies:
        _refuse_loss(first, accuracy, max_loss)
    comparisons = [first]
    if "test" in truth.answers:
        comparisons.append(_compare(predict(classifier, truth.data.test.pixels), draft, truth, "test"))
    return Measured(comparisons, checks)


def _compare(answers: NDArray[np.float32], draft: Manifest, truth: Truth, split: Split) -> Comparison:
    comparison = compare(truth.answers[split], answers, truth.data, split=split)
    log.info(
        "%s: checkpoint %.4f, %s %.4f, same answers %.4f, largest difference %.4f, calibration error %.4f",
        comparison.converted.split,
        comparison.checkpoint.official.accuracy,
        draft.precision,
        comparison.converted.official.accuracy,
        comparison.agreement,
        comparison.largest_difference,
        comparison.converted.official.calibration_error,
    )
    return comparison


def _check(content: bytes, draft: Manifest, truth: Truth, converted: NDArray[np.float32]) -> tuple[Checks, list[float]]:
    """Return what the interpreters make of the model, and the accuracies of their own kernels, without XNNPACK."""
    faces = truth.data.validation
    sized = np.stack([resize_face(face, size=draft.input.size) for face in faces.pixels])
    ends = Ends(draft.input_tensor, draft.output_tensor)
    with quiet():
        operations, delegated = count_delegated(content)
        plain = check_interpreters(
            content, input_table(draft.input, draft.input_tensor)[sized], ends, precision=draft.precision
        )
    same = float((plain.litert.argmax(axis=1) == converted.argmax(axis=1)).mean())
    accuracies = [
        float((answers.argmax(axis=1) == faces.codes).mean())
        for answers in (plain.litert, plain.runtime)
        if answers is not None
    ]
    packages = {
        f"ai-edge-litert {version('ai-edge-litert')}": f"runs {delegated} of {operations} operations in XNNPACK;"
        f" without it, {100 * same:.2f} % of {len(faces)} answers are the same, and {100 * accuracies[0]:.2f} % are"
        " right",
        **plain.told,
    }
    for name, text in packages.items():
        log.info("%s: %s", name, text)
    return Checks(operations=operations, delegated=delegated, interpreters=packages), accuracies


def _refuse_loss(comparison: Comparison, accuracy: float, max_loss: float) -> None:
    check_loss(float_accuracy=comparison.checkpoint.official.accuracy, converted_accuracy=accuracy, max_loss=max_loss)
