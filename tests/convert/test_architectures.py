"""Each architecture through the conversion: int8 throughout, with the answers of its Keras model on real faces."""

import itertools

import cv2
import keras
import numpy as np
import pytest
from keras import layers

from convert.calibrate import CalibrationFaces
from convert.export import export
from convert.quantize import quantize
from convert.ranges import measure_ranges
from convert.tensors import check_tensors
from edge.labels import EMOTIONS
from edge.manifest import InputSpec
from edge.vision.crop import to_unit
from edge.vision.interpreter import open_interpreter
from train.models import build_model
from train.pretrained import pretrained_net

EACH = 4
"""Faces of each emotion."""

SPREAD = 2.0
"""Standard deviation of the logits: as decided as a trained net."""

PRETRAINED = ("resnet50v2", "vgg16")
FROM_SCRATCH = ("cnn", "edge_accurate", "edge_small", "little_vgg", "mini_xception")


@pytest.fixture(scope="module")
def faces(datasets):
    """Real faces, from black to white: (28, 48, 48, 1) float32 0 ... 1."""
    folders = [sorted((datasets / "fer2013-folders/train" / name).iterdir())[:EACH] for name in EMOTIONS]
    pixels = np.stack([cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in itertools.chain(*folders)])
    pixels[0, 0, :2] = 0, 255
    return to_unit(pixels)[..., None]


def settle(model, faces):
    """Let an untrained net answer as a trained one does: statistics of real faces, and answers that differ."""
    for layer in model._flatten_layers():  # no public way
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = 0.0
    model(faces, training=True)
    last = [layer for layer in model.layers if isinstance(layer, layers.Conv2D | layers.Dense)][-1]
    logits = np.log(np.asarray(model(faces, training=False)))
    logits -= logits.mean(axis=1, keepdims=True)
    gain = SPREAD / logits.std(axis=0).mean()
    kernel, bias = last.get_weights()
    last.set_weights([kernel * gain, bias - logits.mean(axis=0) * gain])
    return model


def answers(content, faces):
    """(N, 7) probabilities of a `.tflite`."""
    interpreter, _ = open_interpreter(content)
    entry, end = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    rows = []
    for face in faces:
        stored = np.rint(face[None] * 255 - 128).astype(np.int8) if entry["dtype"] == np.int8 else face[None]
        interpreter.set_tensor(entry["index"], stored)
        interpreter.invoke()
        rows.append(interpreter.get_tensor(end["index"])[0].astype(np.float32))
    return (np.array(rows) + 128) / 256 if end["dtype"] == np.int8 else np.array(rows)


def to_int8(model, faces):
    """The model in int8, calibrated with the same faces."""
    float_model = export(model)
    counts = dict.fromkeys(EMOTIONS, EACH)
    calibration = CalibrationFaces(faces=faces, dataset="real", split="train", seed=0, counts=counts)
    return quantize(float_model, measure_ranges(float_model, calibration))


def check_answers(content, model, faces):
    """Far nearer than chance, which is 1/7 equal answers; what training would give is not to be had here."""
    expected, found = np.asarray(model(faces, training=False)), answers(content, faces)
    assert (found.argmax(axis=1) == expected.argmax(axis=1)).mean() > 0.75
    assert np.abs(found - expected).mean() < 0.05


@pytest.mark.parametrize("name", FROM_SCRATCH)
def test_an_architecture_converts_to_int8(name, faces):
    """Nothing is left in float32, and the answers are those of the Keras model."""
    keras.utils.set_random_seed(0)
    model = settle(build_model(name, classes=7), faces)
    content = to_int8(model, faces)
    check_tensors(content, EMOTIONS, precision="int8", entry=InputSpec())
    check_answers(content, model, faces)


@pytest.mark.parametrize("name", PRETRAINED)
def test_a_pretrained_architecture_converts_in_float(name, faces):
    """Builtin operations alone, and the same answers to a thousandth."""
    keras.utils.set_random_seed(0)
    model = settle(build_model(name, classes=7), faces[::14])
    found = answers(export(model).content, faces[::14])
    assert np.allclose(found, np.asarray(model(faces[::14], training=False)), atol=1e-3)


def test_a_bases_preprocessing_keeps_the_input_what_it_is(faces):
    """Grey to three channels, scaled and shifted, in int8: the input still is a crop with one bit flipped."""
    keras.utils.set_random_seed(0)

    def application(*, input_shape, name, **_options):
        return keras.Sequential([keras.Input(input_shape), layers.Conv2D(8, 8, 8), layers.ReLU()], name=name)

    model = pretrained_net(7, "", application=application, side=96, scale=2.0, offsets=(-1.0, -0.9, -0.8), name="small")
    settle(model, faces)
    content = to_int8(model, faces)
    check_tensors(content, EMOTIONS, precision="int8", entry=InputSpec())
    check_answers(content, model, faces)
