"""The classifier checks a model against its manifest and scores faces, with either interpreter package."""

import msgspec
import numpy as np
import pytest

from edge.errors import ConfigError, ModelError
from edge.labels import CLASS_SETS
from edge.model.bundled import BUNDLED_MODEL
from edge.model.interpreter import MODULES, open_interpreter
from edge.model.manifest import InputSpec, TensorSpec, read_model
from edge.vision.classify import EmotionClassifier

CONTENT, MANIFEST = read_model(BUNDLED_MODEL)
CLASS_COUNT = len(MANIFEST.labels)
FLOAT = TensorSpec(dtype="float32", scale=0.0, zero_point=0)
RAMP = np.arange(48 * 48, dtype=np.uint32).reshape(48, 48).astype(np.uint8)
UNIFORM = np.full(CLASS_COUNT, 1 / CLASS_COUNT, np.float32)


class FakeInterpreter:
    """An interpreter with the given tensors: it records its input and returns a fixed output."""

    def __init__(self, inputs, outputs, output=UNIFORM, shape=(1, 48, 48, 1)):
        self._inputs, self._outputs, self._output, self._shape = inputs, outputs, output, shape
        self.input = None

    def get_input_details(self):
        return [details(index, self._shape, spec) for index, spec in enumerate(self._inputs)]

    def get_output_details(self):
        return [details(index, (1, CLASS_COUNT), spec) for index, spec in enumerate(self._outputs)]

    def set_tensor(self, _index, values):
        self.input = values

    def invoke(self):
        """Do nothing: the output is fixed."""

    def get_tensor(self, _index):
        return np.array([self._output])


def details(index, shape, spec):
    return {
        "index": index,
        "shape": shape,
        "dtype": np.dtype(spec.dtype),
        "quantization": (spec.scale, spec.zero_point),
    }


@pytest.fixture
def classifier_with(monkeypatch):
    """Create a classifier on a fake interpreter, with a manifest that describes its tensors as given."""

    def create(interpreter, input_tensor, output_tensor, *, labels=(), output="probabilities", **given):
        monkeypatch.setattr("edge.vision.classify.open_interpreter", lambda *_, **__: (interpreter, "fake"))
        manifest = msgspec.structs.replace(
            MANIFEST,
            input=InputSpec(**given),
            input_tensor=input_tensor,
            output_tensor=output_tensor,
            output=output,
        )
        return EmotionClassifier(CONTENT, manifest, labels=labels)

    return create


def test_the_package_under_test_is_in_use(classifier, interpreter_package):
    """The classifier runs with the interpreter package that this test run is for."""
    if interpreter_package == "auto":
        assert classifier.package in MODULES
    else:
        assert classifier.package == interpreter_package


def test_the_astronaut_is_happy(classifier, gray_and_boxes):
    """Cropping, quantizing, inference and dequantizing together classify a real face correctly."""
    gray, (box, *_) = gray_and_boxes("one", 0)
    scores = classifier.score(classifier.crop(gray, box))
    assert classifier.labels[int(scores.probabilities.argmax())] == "happy"
    assert scores.probabilities.shape == (len(classifier.labels),)
    assert scores.probabilities.dtype == np.float32
    assert scores.probabilities.sum() == pytest.approx(1.0)


def test_predictions_equal_those_of_the_bare_interpreter(classifier, interpreter_package):
    """For random faces the input table gives the same as the formula q = round(v / scale + zero point)."""
    interpreter, _ = open_interpreter(CONTENT, package=interpreter_package)
    input_details, output_details = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    scale, zero_point = input_details["quantization"]
    out_scale, out_zero_point = output_details["quantization"]
    for face in np.random.default_rng(0).integers(0, 256, (20, 48, 48), dtype=np.uint8):
        quantized = np.clip(np.round(face / 255 / scale + zero_point), -128, 127).astype(np.int8)
        interpreter.set_tensor(input_details["index"], quantized[None, :, :, None])
        interpreter.invoke()
        raw = (interpreter.get_tensor(output_details["index"])[0].astype(float) - out_zero_point) * out_scale
        np.testing.assert_allclose(classifier.score(face).probabilities, raw / raw.sum(), atol=1e-6)


def test_score_with_mirror_is_the_mean_of_both_images(classifier):
    """The mean covers a face and its mirror image, and a mirrored view scores like a mirrored copy in memory."""
    for face in np.random.default_rng(1).integers(0, 256, (5, 48, 48), dtype=np.uint8):
        mirror = np.ascontiguousarray(face[:, ::-1])
        original, mirrored = (classifier.score(image).probabilities for image in (face, mirror))
        np.testing.assert_array_equal(classifier.score(face[:, ::-1]).probabilities, mirrored)
        assert not np.array_equal(original, mirrored)
        mean = classifier.score_with_mirror(face).probabilities
        np.testing.assert_allclose(mean, (original + mirrored) / 2, atol=1e-7)


@pytest.mark.parametrize("labels", [CLASS_SETS[6], CLASS_SETS[5], ("neutral", "happy")])
def test_a_subset_of_labels_is_rescaled(classifier, interpreter_package, labels):
    """Their probabilities come in the requested order and sum to 1, as `--classes` of the evaluation measures them."""
    subset = EmotionClassifier(CONTENT, MANIFEST, package=interpreter_package, labels=labels)
    assert subset.labels == labels
    for face in np.random.default_rng(2).integers(0, 256, (5, 48, 48), dtype=np.uint8):
        by_label = dict(zip(MANIFEST.labels, classifier.score(face).probabilities, strict=True))
        chosen = np.array([by_label[label] for label in labels])
        np.testing.assert_allclose(subset.score(face).probabilities, chosen / chosen.sum(), atol=1e-6)


def test_a_label_that_the_model_lacks_is_an_error(interpreter_package):
    """Requesting a label outside the model's set fails with an error that names the label."""
    manifest = msgspec.structs.replace(MANIFEST, labels=CLASS_SETS[5], class_set=5, training_prior=None)
    with pytest.raises(ConfigError, match="one without fear: choose other classes or another model"):
        EmotionClassifier(CONTENT, manifest, package=interpreter_package, labels=CLASS_SETS[6])


@pytest.mark.parametrize("damage", [b"", b"random" * 100, b"\x00" * 1000])
def test_bytes_that_are_not_a_model_are_refused(damage, interpreter_package, capfd):
    """The error is one line and nothing else reaches the terminal; tflite-runtime itself would crash."""
    with pytest.raises(ModelError) as caught:
        EmotionClassifier(damage, MANIFEST, package=interpreter_package)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"input": InputSpec(size=64)}, r"input shape \(1, 64, 64, 1\)"),
        ({"labels": ("happy", "sad"), "class_set": None, "training_prior": None}, r"output shape \(1, 2\)"),
        ({"input_tensor": TensorSpec(dtype="float32", scale=0.0, zero_point=0)}, "input type float32"),
        ({"input_tensor": TensorSpec(dtype="int8", scale=0.5, zero_point=-128)}, "input scale 0.5"),
        ({"output_tensor": TensorSpec(dtype="int8", scale=1 / 256, zero_point=0)}, "zero point 0"),
    ],
)
def test_a_manifest_that_contradicts_the_model_is_refused(change, words, interpreter_package):
    """A wrong shape, label count, type or quantization fails at the start instead of giving wrong predictions."""
    manifest = msgspec.structs.replace(MANIFEST, **change)
    with pytest.raises(ModelError, match=words):
        EmotionClassifier(CONTENT, manifest, package=interpreter_package)


def test_a_missing_package_is_named(monkeypatch):
    """If no interpreter package can be imported, the error names those that were tried."""
    monkeypatch.setattr("edge.model.interpreter.MODULES", {"ai-edge-litert": "no_such_module"})
    with pytest.raises(ModelError, match="ai-edge-litert"):
        open_interpreter(CONTENT)


@pytest.mark.parametrize(("inputs", "outputs"), [(2, 1), (1, 2), (0, 1), (1, 0)])
def test_a_model_must_have_one_input_and_one_output(classifier_with, inputs, outputs):
    """With several tensors nothing tells which one is the face or the prediction, so the model is refused."""
    interpreter = FakeInterpreter([FLOAT] * inputs, [FLOAT] * outputs)
    with pytest.raises(ModelError, match=f"one input and one output, found {inputs} and {outputs}"):
        classifier_with(interpreter, FLOAT, FLOAT)


def test_a_float_model_gets_0_to_1_and_returns_probabilities(classifier_with):
    """Without quantization the input is luma divided by 255, and the output is only normalized."""
    output = np.linspace(0.1, 0.19, CLASS_COUNT, dtype=np.float32)
    interpreter = FakeInterpreter([FLOAT], [FLOAT], output)
    scores = classifier_with(interpreter, FLOAT, FLOAT).score(RAMP)
    assert interpreter.input.dtype == np.float32
    np.testing.assert_allclose(interpreter.input[0, :, :, 0], RAMP / 255, rtol=1e-6)
    np.testing.assert_allclose(scores.probabilities, output / output.sum(), rtol=1e-6)


@pytest.mark.parametrize("value_range", [(-1.0, 1.0), (0.0, 255.0), (-0.5, 0.5)])
def test_the_input_has_the_manifests_value_range(classifier_with, value_range):
    """Black and white become the manifest's values, in a float model and in a quantized one."""
    black, white = value_range
    wanted = black + RAMP / 255 * (white - black)
    interpreter = FakeInterpreter([FLOAT], [FLOAT], UNIFORM)
    classifier_with(interpreter, FLOAT, FLOAT, value_range=value_range).score(RAMP)
    np.testing.assert_allclose(interpreter.input[0, :, :, 0], wanted, atol=1e-5 * (white - black))
    spec = TensorSpec(dtype="int8", scale=(white - black) / 255, zero_point=round(-128 - 255 * black / (white - black)))
    interpreter = FakeInterpreter([spec], [FLOAT], UNIFORM)
    classifier_with(interpreter, spec, FLOAT, value_range=value_range).score(RAMP)
    real = (interpreter.input[0, :, :, 0].astype(float) - spec.zero_point) * spec.scale
    np.testing.assert_allclose(real, wanted, atol=1.01 * spec.scale)


@pytest.mark.parametrize(("dtype", "zero_point"), [("int8", -128), ("uint8", 0), ("int8", -100)])
def test_quantization_saturates(classifier_with, dtype, zero_point):
    """If the scale leaves white outside the type's range, white is the largest value instead of wrapping to black."""
    spec = TensorSpec(dtype=dtype, scale=0.9 / 255, zero_point=zero_point)
    interpreter = FakeInterpreter([spec], [FLOAT], UNIFORM)
    classifier_with(interpreter, spec, FLOAT).score(RAMP)
    quantized = interpreter.input[0, :, :, 0]
    assert quantized.dtype == dtype
    assert quantized[RAMP == 255].min() == quantized.max() == np.iinfo(dtype).max
    assert quantized[RAMP == 0].max() == quantized.min() == zero_point


def test_an_all_zero_subset_becomes_uniform(classifier_with):
    """If all chosen labels have 0, they get uniform probabilities instead of NaN from a division by zero."""
    only_first = np.eye(CLASS_COUNT, dtype=np.float32)[0]
    interpreter = FakeInterpreter([FLOAT], [FLOAT], only_first)
    classifier = classifier_with(interpreter, FLOAT, FLOAT, labels=MANIFEST.labels[1:3])
    np.testing.assert_allclose(classifier.score(RAMP).probabilities, [0.5, 0.5])


LOGITS = np.array([-0.94, 3.66, 0.2, 1.0, -2.0, 0.5, 0.1], np.float32)


@pytest.mark.parametrize(
    "output",
    [LOGITS, -UNIFORM, UNIFORM * 1.1, UNIFORM * 0, UNIFORM * np.nan, UNIFORM + np.array([-1, 1, 0, 0, 0, 0, 0])],
    ids=["logits", "negative", "sigmoid", "zeros", "nan", "sum 1"],
)
def test_outputs_that_are_no_probabilities_are_refused(classifier_with, output):
    """They would be logged as confidences above 1 or below 0; the error tells the remedy before the run begins."""
    interpreter = FakeInterpreter([FLOAT], [FLOAT], output.astype(np.float32))
    with pytest.raises(ModelError, match=r'expected probabilities that sum to 1, found .*"output": "logits"'):
        classifier_with(interpreter, FLOAT, FLOAT)


@pytest.mark.parametrize("scale", [0.0, 0.05])
def test_declared_logits_become_probabilities(classifier_with, scale):
    """With `"output": "logits"` a softmax is applied, to a quantized output too."""
    spec = TensorSpec(dtype="int8", scale=scale, zero_point=-3) if scale else FLOAT
    stored = np.round(LOGITS / scale - 3).astype(np.int8) if scale else LOGITS
    interpreter = FakeInterpreter([FLOAT], [spec], stored)
    probabilities = classifier_with(interpreter, FLOAT, spec, output="logits").score(RAMP).probabilities
    np.testing.assert_allclose(probabilities, np.exp(LOGITS) / np.exp(LOGITS).sum(), atol=0.02)
    assert probabilities.sum() == pytest.approx(1)


@pytest.mark.parametrize("size", [48, 64, 96, 224])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("spec", "value_range"),
    [
        (FLOAT, (0.0, 1.0)),
        (FLOAT, (-1.0, 1.0)),
        (TensorSpec(dtype="uint8", scale=0.0, zero_point=0), (0.0, 255.0)),
        (TensorSpec(dtype="uint8", scale=1 / 128, zero_point=128), (-1.0, 1.0)),
    ],
)
def test_models_of_other_makers_get_their_input(classifier_with, size, channels, spec, value_range):
    """Gray and color models of any size get the luma in their range and type, the same in every channel."""
    interpreter = FakeInterpreter([spec], [FLOAT], shape=(1, size, size, channels))
    classifier = classifier_with(interpreter, spec, FLOAT, size=size, channels=channels, value_range=value_range)
    face = np.resize(np.arange(256, dtype=np.uint8), (size, size))
    classifier.score(face)
    given = interpreter.input
    assert given.shape == (1, size, size, channels)
    assert given.dtype == spec.dtype
    real = (given.astype(float) - spec.zero_point) * (spec.scale or 1)
    black, white = value_range
    wanted = np.repeat((black + face / 255 * (white - black))[None, :, :, None], channels, axis=3)
    np.testing.assert_allclose(real, wanted, atol=1.01 * spec.scale + 1e-4)


def test_a_manifest_may_round_the_scale(classifier_with):
    """A scale with seven digits, as JSON has it, still counts as the model's."""
    spec = TensorSpec(dtype="int8", scale=1 / 255, zero_point=-128)
    rounded = msgspec.structs.replace(spec, scale=0.003921569)
    interpreter = FakeInterpreter([spec], [FLOAT])
    assert classifier_with(interpreter, rounded, FLOAT).labels == MANIFEST.labels


@pytest.mark.parametrize("place", ["set_tensor", "invoke", "get_tensor"])
@pytest.mark.parametrize("kind", [RuntimeError, ValueError, MemoryError, UnicodeError, KeyError])
def test_whatever_the_interpreter_raises_is_a_model_error(classifier, monkeypatch, place, kind):
    """A model that cannot be run ends the run with exit code 4 and one line, whatever the interpreter raises."""

    class Broken:
        def __getattr__(self, name):
            def call(*_):
                if name == place:
                    raise kind("node 7 failed")
                return np.zeros((1, 7), np.int8)

            return call

    monkeypatch.setattr(classifier, "_interpreter", Broken())
    with pytest.raises(ModelError, match=r"it cannot be run: .*node 7 failed") as caught:
        classifier.score(np.zeros((classifier.size, classifier.size), np.uint8))
    assert caught.value.exit_code == 4
