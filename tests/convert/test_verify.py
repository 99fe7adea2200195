"""The verification of a converted model: against its checkpoint, and of the interpreter packages against each other."""

import math

import numpy as np
import pytest

from convert import verify
from convert.interpreters import PYTHON_VARIABLE, InterpreterRun
from convert.tensors import check_tensors
from convert.verify import check_loss, compare, predict_in_kernels
from edge.errors import ModelError
from edge.labels import EMOTIONS
from edge.model.manifest import InputSpec

pytestmark = pytest.mark.slow


@pytest.fixture
def faces(trained):
    """The validation faces as an int8 model stores them."""
    return (trained.data.validation.pixels ^ 0x80).view(np.int8)


@pytest.fixture
def model_io(int8_content):
    """Input and output of the int8 model."""
    return check_tensors(int8_content, EMOTIONS, precision="int8", input_spec=InputSpec())


@pytest.mark.parametrize(("before", "after"), [(0.68, 0.68), (0.68, 0.675), (0.5, 0.49), (0.6, 0.7)])
def test_a_small_loss_or_a_gain_passes(before, after):
    """A model passes if it loses at most the limit of accuracy, or gains."""
    check_loss(float_accuracy=before, converted_accuracy=after, max_loss=0.0100001)


@pytest.mark.parametrize(("before", "after", "limit"), [(0.68, 0.66, 0.01), (0.7, 0.699, 0.0), (0.7, 0.7, math.nan)])
def test_a_larger_loss_is_refused(before, after, limit):
    """A model that loses more is refused with both accuracies in the message; a limit of NaN lets nothing pass."""
    with pytest.raises(ModelError, match=f"{before:.4f} to {after:.4f}"):
        check_loss(float_accuracy=before, converted_accuracy=after, max_loss=limit)


def test_a_comparison_equals_a_count_by_hand(trained):
    """A converted model that is wrong on 7 of 28 faces has an agreement of 3/4 and the largest difference put in."""
    data = trained.data
    right = np.eye(7, dtype=np.float32)[data.validation.codes] * np.float32(0.9) + np.float32(0.1 / 7)
    wrong = right.copy()
    wrong[:7] = np.roll(wrong[:7], 1, axis=1)
    comparison = compare(right, wrong, data, split="validation")
    assert comparison.agreement == 0.75
    assert comparison.checkpoint.official.accuracy == 1.0
    assert comparison.converted.official.accuracy == 0.75
    assert comparison.largest_difference == pytest.approx(0.9)
    assert comparison.agreement_unseen == 0.75


@pytest.mark.usefixtures("tflite_python")
def test_both_packages_give_the_same_predictions(int8_content, faces, model_io):
    """The kernels of both packages agree within one step of 1/256, and the note names tflite-runtime's version."""
    kernels = predict_in_kernels(int8_content, faces, model_io, precision="int8")
    assert kernels.litert.shape == (28, 7)
    ((package, text),) = kernels.notes.items()
    assert package.startswith("tflite-runtime 2.")
    assert text.startswith("the same predictions for 28 faces, within ")


@pytest.mark.parametrize("precision", ["float32", "float16", "int8-float-io"])
@pytest.mark.usefixtures("tflite_python")
def test_float_ends_are_compared_as_probabilities(content_of, trained, precision):
    """The kernels of both packages agree within one step for models with float ends as well."""
    content = content_of(precision)
    model_io = check_tensors(content, EMOTIONS, precision=precision, input_spec=InputSpec())
    faces = trained.data.validation.pixels.astype(np.float32) / 255
    kernels = predict_in_kernels(content, faces, model_io, precision=precision)
    assert "the same predictions for 28 faces" in next(iter(kernels.notes.values()))


def test_a_package_with_other_predictions_is_reported(int8_content, faces, model_io, monkeypatch):
    """A difference of two steps in a single probability is enough for the note to report it."""

    def run(content, inputs):
        outputs = verify.run_litert_kernels(content, inputs)
        outputs[3, np.argmax(outputs[3])] -= 2
        return InterpreterRun("tflite-runtime 2.14.0", median_us=1.0), outputs

    monkeypatch.setattr(verify, "run_tflite_runtime", run)
    kernels = predict_in_kernels(int8_content, faces, model_io, precision="int8")
    assert kernels.notes["tflite-runtime 2.14.0"] == (
        "100.00 % of 28 predictions are those of ai-edge-litert's own kernels; probabilities differ by up to 2 steps"
    )


def test_a_package_that_does_not_open_the_model(int8_content, faces, model_io, monkeypatch):
    """An int8 model that tflite-runtime does not open is refused; for another precision a note reports it."""
    refused = InterpreterRun("tflite-runtime 2.14.0", refused="Didn't find op for builtin opcode")
    monkeypatch.setattr(verify, "run_tflite_runtime", lambda *_: (refused, None))
    with pytest.raises(ModelError, match=r"expected a model that tflite-runtime 2.14.0 opens, found: Didn't find op"):
        predict_in_kernels(int8_content, faces, model_io, precision="int8")
    kernels = predict_in_kernels(int8_content, faces, model_io, precision="dynamic")
    assert kernels.runtime is None
    assert kernels.notes == {"tflite-runtime 2.14.0": "does not open it: Didn't find op for builtin opcode"}


def test_a_missing_package_is_reported_with_the_reason(int8_content, faces, model_io, monkeypatch):
    """Without tflite-runtime, as on Python 3.12, the model passes and the note gives the reason."""
    monkeypatch.setenv(PYTHON_VARIABLE, "/nowhere/python")
    kernels = predict_in_kernels(int8_content, faces, model_io, precision="int8")
    assert kernels.notes["tflite-runtime"].startswith("not run: no Python at /nowhere/python")
