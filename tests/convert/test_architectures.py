"""The architectures through the conversion, and through all commands in narrow builds."""

import importlib
import itertools
import shutil
from io import BytesIO
from pathlib import Path

import cv2
import keras
import msgspec
import numpy as np
import pytest
from keras import layers
from matplotlib.figure import Figure

from convert import pipeline
from convert.__main__ import main as convert
from convert.calibrate import CalibrationFaces
from convert.tensorflow_converter import export
from convert.tensors import check_tensors
from edge.labels import EMOTIONS
from edge.model.manifest import InputSpec, read_model
from edge.vision.classify import EmotionClassifier
from edge.vision.crop import to_unit
from train.__main__ import main as train
from train.data.dataset import read_dataset
from train.evaluate import main as evaluate
from train.evaluation.report import EvaluationReport
from train.models import build_model, model_names
from train.pretrained import pretrained_net

pytestmark = pytest.mark.slow

FACES_PER_CLASS = 4

LOGITS_DEVIATION = 2.0
"""Standard deviation of the logits of a net that is as confident as a trained one."""

PRETRAINED = ("resnet50v2", "vgg16")
"""Converted in float32: untrained nets of this depth say little in int8."""

FROM_SCRATCH = ("cnn", "edge_accurate", "edge_small", "little_vgg", "mini_xception")

COMMAND_FACES = {"train": 4, "test": 2}
"""Faces of each class by split: enough to run every command, too few to learn anything."""


@pytest.fixture(scope="module")
def faces(datasets):
    """Real faces, from black to white: (28, 48, 48, 1) float32, 0 to 1."""
    folders = [sorted((datasets / "fer2013-folders/train" / name).iterdir())[:FACES_PER_CLASS] for name in EMOTIONS]
    pixels = np.stack([cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in itertools.chain(*folders)])
    pixels[0, 0, :2] = 0, 255
    return to_unit(pixels)[..., None]


@pytest.fixture(scope="module")
def real_calibration(faces):
    """The real faces for a calibration."""
    counts = dict.fromkeys(EMOTIONS, FACES_PER_CLASS)
    return CalibrationFaces(faces=faces, dataset="real", split="train", seed=0, counts=counts)


@pytest.fixture(scope="module")
def tree(datasets, tmp_path_factory):
    """A few real faces in Kaggle's folder layout."""
    source, folder = datasets / "fer2013-folders", tmp_path_factory.mktemp("faces") / "tree"
    if not source.is_dir():
        pytest.skip(f"no folder tree at {source}")
    for split, count in COMMAND_FACES.items():
        for emotion in EMOTIONS:
            (folder / split / emotion).mkdir(parents=True)
            for path in sorted((source / split / emotion).iterdir())[:count]:
                shutil.copy(path, folder / split / emotion)
    return folder


def settle(model, faces):
    """Make an untrained net predict as a trained one: with statistics of real faces, and with spread probabilities."""
    for layer in model._flatten_layers():  # no public way
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = 0.0
    model(faces, training=True)
    last = [layer for layer in model.layers if isinstance(layer, layers.Conv2D | layers.Dense)][-1]
    logits = np.log(np.asarray(model(faces, training=False)))
    logits -= logits.mean(axis=1, keepdims=True)
    gain = LOGITS_DEVIATION / logits.std(axis=0).mean()
    kernel, bias = last.get_weights()
    last.set_weights([kernel * gain, bias - logits.mean(axis=0) * gain])
    return model


def check_predictions(found, model, faces):
    """Check for far more agreement than by chance, which is 1/7; an untrained net does not reach a trained one's."""
    expected = np.asarray(model(faces, training=False))
    assert (found.argmax(axis=1) == expected.argmax(axis=1)).mean() > 0.75
    assert np.abs(found - expected).mean() < 0.05


@pytest.mark.parametrize("name", FROM_SCRATCH)
def test_an_architecture_converts_to_int8(name, faces, real_calibration, to_int8, probabilities_of):
    """Each architecture in full size becomes int8 throughout, with the predictions of its Keras model."""
    keras.utils.set_random_seed(0)
    model = settle(build_model(name, classes=7), faces)
    content = to_int8(model, real_calibration)
    check_tensors(content, EMOTIONS, precision="int8", input_spec=InputSpec())
    check_predictions(probabilities_of(content, faces), model, faces)


@pytest.fixture
def short_resnet(monkeypatch):
    """End ResNet50V2 after the first block of its second stage: by then it has all its kinds of layers."""
    application = keras.applications.ResNet50V2

    def first_layers(*, name, **options):
        whole = application(name="whole", **options)
        return keras.Model(whole.inputs, whole.get_layer("conv3_block1_out").output, name=name)

    monkeypatch.setattr(keras.applications, "ResNet50V2", first_layers)


@pytest.mark.usefixtures("short_resnet")
@pytest.mark.parametrize("name", PRETRAINED)
def test_a_pretrained_architecture_converts_in_float(name, faces, probabilities_of):
    """A pretrained architecture, shortened if deep, converts to TFLite's operations with equal probabilities."""
    keras.utils.set_random_seed(0)
    model = settle(build_model(name, classes=7), faces[::14])
    found = probabilities_of(export(model).content, faces[::14])
    assert np.allclose(found, np.asarray(model(faces[::14], training=False)), atol=1e-3)


def test_the_preprocessing_of_a_base_keeps_the_input(faces, real_calibration, to_int8, probabilities_of):
    """With a base's three channels, scale and offsets in front, the int8 input still is a crop with one bit flipped."""
    keras.utils.set_random_seed(0)

    def application(*, input_shape, name, **_options):
        return keras.Sequential([keras.Input(input_shape), layers.Conv2D(8, 8, 8), layers.ReLU()], name=name)

    model = pretrained_net(7, "", application=application, side=96, scale=2.0, offsets=(-1.0, -0.9, -0.8), name="small")
    settle(model, faces)
    content = to_int8(model, real_calibration)
    check_tensors(content, EMOTIONS, precision="int8", input_spec=InputSpec())
    check_predictions(probabilities_of(content, faces), model, faces)


def narrow_resnet(*, input_shape, name, **_options):
    """Build one pre-activation residual block, with the kinds of layers of ResNet50V2."""
    image = keras.Input(input_shape)
    stem = layers.Conv2D(8, 7, 4)(layers.ZeroPadding2D(3)(image))
    stem = layers.MaxPooling2D(3, 2)(layers.ZeroPadding2D(1)(stem))
    tensor = layers.Activation("relu")(layers.BatchNormalization()(stem))
    tensor = layers.Conv2D(8, 3, padding="same", use_bias=False)(tensor)
    tensor = layers.Activation("relu")(layers.BatchNormalization()(tensor))
    tensor = layers.Add()([stem, layers.Conv2D(8, 1)(tensor)])
    return keras.Model(image, layers.Activation("relu")(layers.BatchNormalization()(tensor)), name=name)


def narrow_vgg(*, input_shape, name, **_options):
    """Build one block of VGG16, with its kinds of layers."""
    block = [layers.Conv2D(8, 3, padding="same", activation="relu") for _ in range(2)]
    return keras.Sequential([keras.Input(input_shape), *block, layers.MaxPooling2D(2, 2)], name=name)


NARROW = {
    "cnn": {"CHANNELS": (4, 4, 8)},
    "edge_accurate": {"CHANNELS": (4, 4, 8)},
    "edge_small": {"CHANNELS": (4, 4, 8)},
    "little_vgg": {"CHANNELS": (4, 4, 4, 8, 8), "DENSE": (8, 8)},
    "mini_xception": {"STEM": (4, 4), "CHANNELS": (4, 4, 8, 8)},
}
"""Constants of each architecture's module that make a net with the same layers and few channels."""


@pytest.fixture
def narrow(monkeypatch):
    """Give every architecture few channels, and the pretrained ones a base of one block."""
    for name, constants in NARROW.items():
        module = importlib.import_module(f"train.models.{name}")
        for constant, value in constants.items():
            assert len(getattr(module, constant)) == len(value)
            monkeypatch.setattr(module, constant, value)
    monkeypatch.setattr(keras.applications, "ResNet50V2", narrow_resnet)
    monkeypatch.setattr(keras.applications, "VGG16", narrow_vgg)


@pytest.fixture
def quick(monkeypatch):
    """Leave out what takes long and other tests cover: tracing Keras graphs for two batches, and drawing plots."""
    monkeypatch.setattr(keras.Model, "run_eagerly", property(lambda _: True, lambda *_: None))

    def save_nothing(_figure, target, **_options):
        if not isinstance(target, BytesIO):
            Path(target).touch()

    monkeypatch.setattr(Figure, "savefig", save_nothing)


@pytest.mark.usefixtures("narrow", "quick")
@pytest.mark.parametrize("name", model_names())
def test_an_architecture_goes_through_all_commands(name, tree, tmp_path, monkeypatch):
    """Each architecture is trained, evaluated and converted by the commands alone, and the runtime opens the model."""
    precision = "float32" if name in PRETRAINED else "int8"
    monkeypatch.setattr(pipeline, "SIDE_BY_SIDE", (precision,))
    run, report, models = tmp_path / name, tmp_path / "report", tmp_path / "models"
    words = ["--data", tree, "--model", name, "--out", run, "--epochs", 1, "--batch-size", 14, "--learning-rate", 1e-4]
    monkeypatch.setattr("sys.argv", ["train", *map(str, words)])
    assert train() == 0
    assert evaluate([str(run), "--data", str(tree), "--split", "test", "--report", str(report)]) == 0
    figures = msgspec.json.decode((report / "report.json").read_bytes(), type=EvaluationReport).evaluation.official
    assert figures.faces == COMMAND_FACES["test"] * len(EMOTIONS)
    words = [run, "--data", tree, "--out", models, "--precision", precision, "--calibration-faces", 21, "--max-loss", 1]
    assert convert([str(word) for word in words]) == 0
    content, manifest = read_model(models / (f"{name}.tflite" if precision == "int8" else f"{name}.float32.tflite"))
    assert manifest.precision == precision
    scores = EmotionClassifier(content, manifest).score(read_dataset(tree).test.pixels[0])
    assert scores.probabilities.sum() == pytest.approx(1.0, abs=1e-4)
