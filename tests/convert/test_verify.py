"""The comparison of a converted model with its checkpoint, and of the interpreters with each other."""

import math

import numpy as np
import pytest

from convert import verify
from convert.interpreters import Told
from convert.quantize import quantize
from convert.tensors import check_tensors
from convert.verify import check_interpreters, check_loss, compare
from edge.errors import ModelError
from edge.labels import EMOTIONS
from edge.manifest import InputSpec
from train.faces import FaceData


@pytest.mark.parametrize(("before", "after"), [(0.68, 0.68), (0.68, 0.675), (0.5, 0.49), (0.6, 0.7)])
def test_a_small_loss_or_a_gain_passes(before, after):
    """Up to and including the limit."""
    check_loss(float_accuracy=before, converted_accuracy=after, max_loss=0.0100001)


@pytest.mark.parametrize(("before", "after", "limit"), [(0.68, 0.66, 0.01), (0.7, 0.699, 0.0), (0.7, 0.7, math.nan)])
def test_a_larger_loss_is_refused(before, after, limit):
    """Both accuracies stand in the message; a limit that is no number lets nothing pass."""
    with pytest.raises(ModelError, match=f"{before:.4f} to {after:.4f}"):
        check_loss(float_accuracy=before, converted_accuracy=after, max_loss=limit)


def test_a_comparison_counts_by_hand(trained):
    """28 faces, the converted wrong on 7 of them: agreement 3/4, and the largest difference is the one put in."""
    data: FaceData = trained.data
    right = np.eye(7, dtype=np.float32)[data.validation.codes] * np.float32(0.9) + np.float32(0.1 / 7)
    wrong = right.copy()
    wrong[:7] = np.roll(wrong[:7], 1, axis=1)
    comparison = compare(right, wrong, data, split="validation")
    assert comparison.agreement == 0.75
    assert comparison.checkpoint.official.accuracy == 1.0
    assert comparison.converted.official.accuracy == 0.75
    assert comparison.largest_difference == pytest.approx(0.9)
    assert comparison.agreement_unseen == 0.75


@pytest.fixture
def faces(trained):
    """As int8 stores them."""
    return (trained.data.validation.pixels ^ 0x80).view(np.int8)


@pytest.fixture
def ends(int8_content):
    return check_tensors(int8_content, EMOTIONS, precision="int8", entry=InputSpec())


def test_both_packages_give_the_same_answers(int8_content, faces, ends, tflite_python):  # noqa: ARG001  # asked for
    """In another process, of the other package's own kernels: within one step of 1/256, and said with its version."""
    plain = check_interpreters(int8_content, faces, ends, precision="int8")
    assert plain.litert.shape == (28, 7)
    assert plain.litert.sum(axis=1) == pytest.approx(1.0, abs=0.02)
    assert plain.runtime == pytest.approx(plain.litert, abs=1 / 256)
    ((package, text),) = plain.told.items()
    assert package.startswith("tflite-runtime 2.")
    assert text.startswith("the same answers to 28 faces, within ")


@pytest.mark.parametrize("precision", ["float32", "float16", "int8-float-io"])
def test_float_ends_are_compared_as_probabilities(float_model, ranges, trained, precision, tflite_python):  # noqa: ARG001
    """The same step counts where nothing is stored in steps."""
    content = quantize(float_model, ranges, precision=precision)
    ends = check_tensors(content, EMOTIONS, precision=precision, entry=InputSpec())
    faces = trained.data.validation.pixels.astype(np.float32) / 255
    plain = check_interpreters(content, faces, ends, precision=precision)
    assert "the same answers to 28 faces" in next(iter(plain.told.values()))


def test_a_package_that_answers_otherwise_is_told_of(int8_content, faces, ends, monkeypatch):
    """Two steps in one answer are enough."""

    def ask(content, inputs):
        answers = verify.ask_plain(content, inputs)
        answers[3, np.argmax(answers[3])] -= 2
        return Told("tflite-runtime 2.14.0", median_us=1.0), answers

    monkeypatch.setattr(verify, "ask_tflite_runtime", ask)
    plain = check_interpreters(int8_content, faces, ends, precision="int8")
    assert plain.told["tflite-runtime 2.14.0"] == (
        "100.00 % of 28 answers are those of ai-edge-litert's own kernels; probabilities differ by up to 2 steps"
    )


def test_a_package_that_does_not_open_the_model(int8_content, faces, ends, monkeypatch):
    """Of int8 it is expected; of the other precisions it is told that an old package cannot."""
    refused = Told("tflite-runtime 2.14.0", refused="Didn't find op for builtin opcode")
    monkeypatch.setattr(verify, "ask_tflite_runtime", lambda *_: (refused, None))
    with pytest.raises(ModelError, match=r"expected a model that tflite-runtime 2.14.0 opens, found: Didn't find op"):
        check_interpreters(int8_content, faces, ends, precision="int8")
    plain = check_interpreters(int8_content, faces, ends, precision="dynamic")
    assert plain.runtime is None
    assert plain.told == {"tflite-runtime 2.14.0": "does not open it: Didn't find op for builtin opcode"}


def test_where_the_other_package_cannot_be_had_the_report_says_why(int8_content, faces, ends, monkeypatch):
    """Python 3.12 has none, and a conversion there is a conversion all the same."""
    monkeypatch.setenv("EDGE_EMOTION_TFLITE_PYTHON", "/nowhere/python")
    plain = check_interpreters(int8_content, faces, ends, precision="int8")
    assert plain.told["tflite-runtime"].startswith("not run: no Python at /nowhere/python")
