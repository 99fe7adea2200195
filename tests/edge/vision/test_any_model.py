"""Models of every kind are asked in their own numbers, and those with more than one end are refused."""

import msgspec
import numpy as np
import pytest

from edge.errors import ModelError
from edge.manifest import InputSpec, TensorSpec, read_model
from edge.shipped import SHIPPED_MODEL
from edge.vision.classify import EmotionClassifier

CONTENT, MANIFEST = read_model(SHIPPED_MODEL)
FLOAT = TensorSpec(dtype="float32", scale=0.0, zero_point=0)
RAMP = np.arange(48 * 48, dtype=np.uint32).reshape(48, 48).astype(np.uint8)


class Interpreter:
    """Has the ends that it is told to have, keeps what it is given, and answers what it is told to."""

    def __init__(self, inputs, outputs, answer=None):
        self._inputs, self._outputs, self._answer = inputs, outputs, answer
        self.given = None

    def get_input_details(self):
        return [details(index, (1, 48, 48, 1), spec) for index, spec in enumerate(self._inputs)]

    def get_output_details(self):
        return [details(index, (1, len(MANIFEST.labels)), spec) for index, spec in enumerate(self._outputs)]

    def set_tensor(self, _index, values):
        self.given = values

    def invoke(self):
        """It has its answer ready."""

    def get_tensor(self, _index):
        return np.array([self._answer])


def details(index, shape, spec):
    return {
        "index": index,
        "shape": shape,
        "dtype": np.dtype(spec.dtype),
        "quantization": (spec.scale, spec.zero_point),
    }


@pytest.fixture
def classifier_with(monkeypatch):
    """Make a classifier that asks `interpreter`, whose ends its manifest describes as `spec_in` and `spec_out`."""

    def make(interpreter, spec_in, spec_out, *, value_range=(0.0, 1.0)):
        monkeypatch.setattr("edge.vision.classify.open_interpreter", lambda *_, **__: (interpreter, "told"))
        given = InputSpec(size=48, value_range=value_range)
        return EmotionClassifier(
            CONTENT, msgspec.structs.replace(MANIFEST, input=given, input_tensor=spec_in, output_tensor=spec_out)
        )

    return make


@pytest.mark.parametrize(("inputs", "outputs"), [(2, 1), (1, 2), (0, 1), (1, 0)])
def test_a_model_has_one_input_and_one_output(classifier_with, inputs, outputs):
    """Which of several would be the face, or the answer, nobody could tell."""
    interpreter = Interpreter([FLOAT] * inputs, [FLOAT] * outputs)
    with pytest.raises(ModelError, match=f"one input and one output, found {inputs} and {outputs}"):
        classifier_with(interpreter, FLOAT, FLOAT)


def test_a_float_model_is_asked_in_0_to_1_and_answers_in_probabilities(classifier_with):
    """Nothing is quantized on either end."""
    answer = np.linspace(0.1, 0.7, len(MANIFEST.labels), dtype=np.float32)
    interpreter = Interpreter([FLOAT], [FLOAT], answer)
    scores = classifier_with(interpreter, FLOAT, FLOAT).score(RAMP)
    assert interpreter.given.dtype == np.float32
    np.testing.assert_allclose(interpreter.given[0, :, :, 0], RAMP / 255, rtol=1e-6)
    np.testing.assert_allclose(scores.probabilities, answer / answer.sum(), rtol=1e-6)


@pytest.mark.parametrize("value_range", [(-1.0, 1.0), (0.0, 255.0), (-0.5, 0.5)])
def test_black_and_white_become_what_the_manifest_says(classifier_with, value_range):
    """Other people's nets were trained on other scales; float models and int8 ones are given theirs."""
    black, white = value_range
    wanted = black + RAMP / 255 * (white - black)
    interpreter = Interpreter([FLOAT], [FLOAT], np.ones(len(MANIFEST.labels), np.float32))
    classifier_with(interpreter, FLOAT, FLOAT, value_range=value_range).score(RAMP)
    np.testing.assert_allclose(interpreter.given[0, :, :, 0], wanted, atol=1e-5 * (white - black))
    spec = TensorSpec(dtype="int8", scale=(white - black) / 255, zero_point=round(-128 - 255 * black / (white - black)))
    interpreter = Interpreter([spec], [FLOAT], np.ones(len(MANIFEST.labels), np.float32))
    classifier_with(interpreter, spec, FLOAT, value_range=value_range).score(RAMP)
    real = (interpreter.given[0, :, :, 0].astype(float) - spec.zero_point) * spec.scale
    np.testing.assert_allclose(real, wanted, atol=1.01 * spec.scale)


@pytest.mark.parametrize(("dtype", "zero_point"), [("int8", -128), ("uint8", 0), ("int8", -100)])
def test_what_does_not_fit_the_stored_type_is_its_limit(classifier_with, dtype, zero_point):
    """A scale that leaves white outside: white stays the brightest instead of wrapping round to black."""
    spec = TensorSpec(dtype=dtype, scale=0.9 / 255, zero_point=zero_point)
    interpreter = Interpreter([spec], [FLOAT], np.ones(len(MANIFEST.labels), np.float32))
    classifier_with(interpreter, spec, FLOAT).score(RAMP)
    stored = interpreter.given[0, :, :, 0]
    assert stored.dtype == dtype
    assert stored[RAMP == 255].min() == stored.max() == np.iinfo(dtype).max
    assert stored[RAMP == 0].max() == stored.min() == zero_point


def test_a_model_that_answers_nothing_is_as_unsure_as_can_be(classifier_with):
    """All labels alike, rather than a division by zero that would go on as NaN."""
    interpreter = Interpreter([FLOAT], [FLOAT], np.zeros(len(MANIFEST.labels), np.float32))
    probabilities = classifier_with(interpreter, FLOAT, FLOAT).score(RAMP).probabilities
    np.testing.assert_allclose(probabilities, 1 / len(MANIFEST.labels), rtol=1e-6)


def test_a_manifest_may_round_the_scale(classifier_with):
    """Seven digits of JSON are no other quantization; the zero point is exact."""
    spec = TensorSpec(dtype="int8", scale=1 / 255, zero_point=-128)
    rounded = msgspec.structs.replace(spec, scale=0.003921569)
    interpreter = Interpreter([spec], [FLOAT])
    assert classifier_with(interpreter, rounded, FLOAT).labels == MANIFEST.labels
