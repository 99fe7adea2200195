"""The model is opened, checked and asked, through either interpreter package."""

import msgspec
import numpy as np
import pytest

from edge.errors import ConfigError, ModelError
from edge.labels import CLASS_SETS
from edge.manifest import InputSpec, TensorSpec, read_model
from edge.scenes.catalogue import make_scene
from edge.shipped import SHIPPED_MODEL
from edge.sources.opencv import luma
from edge.vision.classify import EmotionClassifier
from edge.vision.interpreter import MODULES, open_interpreter

CONTENT, MANIFEST = read_model(SHIPPED_MODEL)


def test_the_interpreter_under_test_is_in_use(classifier, interpreter_package):
    """The suite runs through the package that it says it runs through."""
    if interpreter_package == "auto":
        assert classifier.package in MODULES
    else:
        assert classifier.package == interpreter_package


def test_the_astronaut_is_happy(classifier):
    """The whole way on a real face: crop, quantize, invoke, dequantize."""
    color, (box, *_) = make_scene("one").frame(0)
    scores = classifier.score(classifier.crop(luma(color), box))
    assert classifier.labels[int(scores.probabilities.argmax())] == "happy"
    assert scores.probabilities.shape == (len(classifier.labels),)
    assert scores.probabilities.dtype == np.float32
    assert scores.probabilities.sum() == pytest.approx(1.0)


def test_answers_are_those_of_the_bare_interpreter(classifier, interpreter_package):
    """For random faces, the table's quantization equals the formula q = round(v / scale + zero point)."""
    interpreter, _ = open_interpreter(CONTENT, package=interpreter_package)
    input_details, output_details = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    scale, zero_point = input_details["quantization"]
    out_scale, out_zero_point = output_details["quantization"]
    for face in np.random.default_rng(0).integers(0, 256, (20, 48, 48), dtype=np.uint8):
        stored = np.clip(np.round(face / 255 / scale + zero_point), -128, 127).astype(np.int8)
        interpreter.set_tensor(input_details["index"], stored[None, :, :, None])
        interpreter.invoke()
        raw = (interpreter.get_tensor(output_details["index"])[0].astype(float) - out_zero_point) * out_scale
        np.testing.assert_allclose(classifier.score(face).probabilities, raw / raw.sum(), atol=1e-6)


def test_both_ways_is_the_mean_of_a_face_and_its_mirror_image(classifier):
    """And a mirrored face is answered as a copy of it in memory is."""
    for face in np.random.default_rng(1).integers(0, 256, (5, 48, 48), dtype=np.uint8):
        mirror = np.ascontiguousarray(face[:, ::-1])
        one, other = (classifier.score(shown).probabilities for shown in (face, mirror))
        np.testing.assert_array_equal(classifier.score(face[:, ::-1]).probabilities, other)
        assert not np.array_equal(one, other)
        np.testing.assert_allclose(classifier.score_both_ways(face).probabilities, (one + other) / 2, atol=1e-7)


@pytest.mark.parametrize("labels", [CLASS_SETS[6], CLASS_SETS[5], ("neutral", "happy")])
def test_fewer_labels_are_what_is_left_of_the_whole_answer(classifier, interpreter_package, labels):
    """In the order asked for, scaled to sum to 1: what `--classes` of the evaluation measures."""
    fewer = EmotionClassifier(CONTENT, MANIFEST, package=interpreter_package, labels=labels)
    assert fewer.labels == labels
    for face in np.random.default_rng(2).integers(0, 256, (5, 48, 48), dtype=np.uint8):
        whole = dict(zip(MANIFEST.labels, classifier.score(face).probabilities, strict=True))
        left = np.array([whole[label] for label in labels])
        np.testing.assert_allclose(fewer.score(face).probabilities, left / left.sum(), atol=1e-6)


def test_a_label_that_the_model_does_not_know(interpreter_package):
    """One line that names it."""
    manifest = msgspec.structs.replace(MANIFEST, labels=CLASS_SETS[5], class_set=5)
    with pytest.raises(ConfigError, match="one without fear: choose other classes or another model"):
        EmotionClassifier(CONTENT, manifest, package=interpreter_package, labels=CLASS_SETS[6])


@pytest.mark.parametrize("damage", [b"", b"random" * 100, b"\x00" * 1000])
def test_bytes_that_are_no_model(damage, interpreter_package, capfd):
    """They are refused in one line, and nothing else reaches the terminal; tflite-runtime itself would crash."""
    with pytest.raises(ModelError) as caught:
        EmotionClassifier(damage, MANIFEST, package=interpreter_package)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"input": InputSpec(size=64)}, r"input shape \(1, 64, 64, 1\)"),
        ({"labels": ("happy", "sad"), "class_set": None}, r"output shape \(1, 2\)"),
        ({"input_tensor": TensorSpec(dtype="float32", scale=0.0, zero_point=0)}, "input type float32"),
        ({"input_tensor": TensorSpec(dtype="int8", scale=0.5, zero_point=-128)}, "input scale 0.5"),
        ({"output_tensor": TensorSpec(dtype="int8", scale=1 / 256, zero_point=0)}, "zero point 0"),
    ],
)
def test_a_manifest_that_does_not_describe_the_model(change, words, interpreter_package):
    """Wrong shape, label count, type or quantization: refused at the start rather than answered wrongly."""
    manifest = msgspec.structs.replace(MANIFEST, **change)
    with pytest.raises(ModelError, match=words):
        EmotionClassifier(CONTENT, manifest, package=interpreter_package)


def test_a_missing_package_is_named(monkeypatch):
    """Without any interpreter the error says which packages were tried."""
    monkeypatch.setattr("edge.vision.interpreter.MODULES", {"ai-edge-litert": "no_such_module"})
    with pytest.raises(ModelError, match="ai-edge-litert"):
        open_interpreter(CONTENT)
