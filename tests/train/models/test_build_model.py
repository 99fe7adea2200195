"""`build_model`: shapes, sizes and learning of each architecture, initial weights, and errors in users' files."""

import importlib
import itertools
import re
import sys
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest

from edge.errors import ConfigError
from edge.labels import EMOTIONS
from edge.vision.crop import to_unit
from train import models
from train.checkpoint import load_checkpoint
from train.fit import fit
from train.models import build_model, model_names
from train.models.macs import count_macs
from train.run_folder import BEST

pytestmark = pytest.mark.slow

PRETRAINED = ("resnet50v2", "vgg16")
REPOSITORY = Path(__file__).resolve().parents[3]
FROM_SCRATCH = ("cnn", "edge_accurate", "edge_small", "little_vgg", "mini_xception")


@pytest.fixture(scope="module", params=[*FROM_SCRATCH, *PRETRAINED])
def seven(request):
    """Name and model of seven classes, for each architecture."""
    return request.param, build_model(request.param, classes=7)


@pytest.fixture(scope="module")
def real_faces(datasets):
    """Two real faces of each emotion: (14, 48, 48, 1) float32 0 ... 1, and one-hot targets (14, 7)."""
    files = [itertools.islice(sorted((datasets / "fer2013-folders/train" / name).iterdir()), 2) for name in EMOTIONS]
    pixels = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in itertools.chain(*files)]
    return to_unit(np.stack(pixels))[..., None], np.repeat(np.eye(7, dtype=np.float32), 2, axis=0)


@pytest.fixture
def own_file(tmp_path, monkeypatch):
    """Add a user's file to the models; its modules are removed afterwards."""
    monkeypatch.setattr(models, "__path__", [*models.__path__, str(tmp_path)])
    before = set(sys.modules)

    def write(text, name="own"):
        (tmp_path / f"{name}.py").write_text(text)
        importlib.invalidate_caches()

    yield write
    for name in set(sys.modules) - before:
        if name.startswith("train.models."):
            del sys.modules[name]


def test_every_architecture_is_found_by_its_file():
    """`model_names` lists the shipped architectures, and not the helper modules of the package."""
    assert model_names() == sorted([*FROM_SCRATCH, *PRETRAINED])


def test_docstring_gives_the_true_size(seven):
    """Each architecture's docstring has its parameters and multiply-adds for seven classes."""
    name, model = seven
    text = " ".join(importlib.import_module(f"train.models.{name}").__doc__.split())
    found = re.search(r"([\d.]+) M parameters and ([\d.]+) M multiply-adds", text)
    for written, size in zip(found.groups(), (model.count_params(), count_macs(model)), strict=True):
        decimals = len(written.partition(".")[2])
        assert written == f"{size / 1e6:.{decimals}f}"


def test_model_maps_faces_to_probabilities(seven):
    """Each architecture maps (B, 48, 48, 1) faces to (B, classes) float32 probabilities."""
    name, model = seven
    faces = np.random.default_rng(0).random((3, 48, 48, 1), dtype=np.float32)
    predictions = np.asarray(model(faces, training=False))
    assert model.name == name
    assert model.input_shape == (None, 48, 48, 1)
    assert predictions.shape == (3, 7)
    assert predictions.dtype == np.float32
    assert np.allclose(predictions.sum(axis=1), 1, atol=1e-5)
    assert (predictions >= 0).all()


def layers_of(model):
    """Return class and configuration of the layers in order, without names and precision."""
    layers = [(layer["class_name"], dict(layer["config"])) for layer in model.get_config()["layers"]]
    return [(kind, {key: config[key] for key in config if key not in {"name", "dtype"}}) for kind, config in layers]


@pytest.mark.parametrize("path", sorted((REPOSITORY / "models").glob("*.keras")), ids=lambda path: path.stem)
def test_shipped_checkpoint_is_the_architecture_of_its_name(path):
    """A shipped checkpoint has the layers of its architecture, so that its training can be repeated."""
    shipped = keras.models.load_model(path, compile=False)
    assert layers_of(shipped) == layers_of(build_model(path.stem, classes=shipped.output_shape[1]))


@pytest.mark.parametrize(("classes", "policy"), [(6, "mixed_bfloat16"), (5, "mixed_float16")])
@pytest.mark.parametrize("name", [*FROM_SCRATCH, "vgg16"])
def test_outputs_and_mixed_precision(name, classes, policy):
    """A model has one output per class, and with mixed precision its layers compute in 16 bits, its softmax in float32.

    resnet50v2, which is slow to build, shares this code with vgg16.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model = build_model(name, classes=classes)
    finally:
        keras.config.set_dtype_policy(before)
    assert model.output_shape == (None, classes)
    assert model.layers[-1].compute_dtype == "float32"
    assert model.outputs[0].dtype == "float32"
    assert model.layers[1].compute_dtype == policy.removeprefix("mixed_")


def test_model_learns_from_real_faces(seven, real_faces):
    """After a training step or two the loss is finite and every trainable kernel has changed."""
    name, model = seven
    faces, targets = (array[: 2 if name in PRETRAINED else None] for array in real_faces)
    model.compile("sgd", "categorical_crossentropy", run_eagerly=True)  # faster for two steps
    kernels = [weight for weight in model.trainable_weights if "kernel" in weight.name]
    before = [np.array(kernel) for kernel in kernels]
    losses = [float(model.train_on_batch(faces, targets)) for _ in range(1 if name in PRETRAINED else 2)]
    assert np.isfinite(losses).all()
    assert not [kernel.path for kernel, old in zip(kernels, before, strict=True) if np.array_equal(kernel, old)]


def test_unknown_model_is_refused():
    """The error about an unknown model lists the known ones."""
    with pytest.raises(ConfigError, match="unknown model 'resnet': expected one of cnn, edge_accurate, edge_small"):
        build_model("resnet", classes=7)


def test_imagenet_weights_need_a_transfer_model():
    """For a net without a base only a checkpoint can give initial weights."""
    with pytest.raises(ConfigError, match=r"expected a checkpoint \(.keras\) of cnn, .*, found imagenet: name one"):
        build_model("cnn", classes=7, weights="imagenet")


def test_net_starts_from_the_weights_of_another_run(tmp_path):
    """All weights come from the given checkpoint, batch statistics included."""
    first = build_model("mini_xception", classes=5)
    first.set_weights([weight + 0.5 for weight in first.get_weights()])
    first.save(tmp_path / "first.keras")
    second = build_model("mini_xception", classes=5, weights=str(tmp_path / "first.keras"))
    for found, expected in zip(second.get_weights(), first.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(("classes", "name"), [(7, "mini_xception"), (5, "edge_small")])
def test_checkpoint_of_another_net_is_refused(tmp_path, classes, name):
    """Initial weights of another architecture or another number of classes raise an error."""
    build_model("mini_xception", classes=5).save(tmp_path / "first.keras")
    with pytest.raises(ConfigError, match=rf"expected a checkpoint of {name} with {classes} classes, found another"):
        build_model(name, classes=classes, weights=str(tmp_path / "first.keras"))


def test_missing_checkpoint_for_initial_weights_is_reported(tmp_path):
    """A missing checkpoint given as `--weights` raises an error with its path."""
    with pytest.raises(ConfigError, match=r"--weights .*none\.keras: "):
        build_model("cnn", classes=7, weights=str(tmp_path / "none.keras"))


GOOD = """
import keras

def build(classes):
    return keras.Sequential([keras.Input((48, 48, 1)), keras.layers.Flatten(),
                             keras.layers.Dense(classes, activation="softmax")])
"""


def test_user_adds_a_model_by_adding_a_file(own_file):
    """A new file with `build` is listed and can be built by its name."""
    own_file(GOOD, name="mine")
    assert "mine" in model_names()
    assert build_model("mine", classes=5).output_shape == (None, 5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import nowhere", r"a file that can be imported, found ModuleNotFoundError \(No module named 'nowhere'\)"),
        ("def build(classes:", r"a file that can be imported, found SyntaxError"),
        ("BUILD = 1", r"a function build\(classes\), found none"),
        ("build = 1", r"a function build\(classes\), found none"),
        ("def build(): pass", r"a build\(\) that returns a keras.Model, found TypeError \(build\(\) takes 0"),
        ("def build(classes): return 1 / 0", r"a build\(\) that returns a keras.Model, found ZeroDivisionError"),
        ("def build(classes): pass", r"build\(\) to return a keras.Model, found NoneType"),
        (GOOD.replace("(48, 48, 1)", "(64, 64, 1)"), r"an input of shape \(None, 48, 48, 1\), found \(None, 64, 64"),
        (GOOD.replace("Dense(classes", "Dense(classes + 1"), r"an output of shape \(None, 7\), found \(None, 8\)"),
        (
            "import keras\nclass Net(keras.Model): pass\ndef build(classes): return Net()",
            r"an input of shape \(None, 48, 48, 1\), found None",
        ),
    ],
    ids=[
        "import",
        "syntax",
        "no build",
        "build no function",
        "signature",
        "raises",
        "no return",
        "input",
        "output",
        "bare",
    ],
)
def test_users_broken_file_is_a_one_line_error(own_file, text, message):
    """A user's file that fails, or builds another net, raises a one-line error with the file and the reason."""
    own_file(text)
    with pytest.raises(ConfigError, match=rf"^train/models/own\.py: expected {message}") as caught:
        build_model("own", classes=7)
    assert "\n" not in str(caught.value)


def test_users_own_config_error_is_passed_on(own_file):
    """A ConfigError raised by a user's `build` is not wrapped."""
    own_file("from edge.errors import ConfigError\ndef build(classes): raise ConfigError('expected a, found b: do c')")
    with pytest.raises(ConfigError, match=r"^expected a, found b: do c$"):
        build_model("own", classes=7)


@pytest.mark.usefixtures("eager")
def test_run_starts_from_the_weights_of_another(own_file, face_data, tmp_path, new_state):
    """With a learning rate of about zero, a run that starts from a checkpoint ends with its weights."""
    own_file(GOOD)
    first = build_model("own", classes=7)
    first.save(tmp_path / "first.keras")
    weights = str(tmp_path / "first.keras")
    state = new_state(model="own", epochs=1, weights=weights, learning_rate=1e-9)
    fit(face_data, tmp_path / "second", state)
    second = load_checkpoint(tmp_path / "second" / BEST)
    for found, expected in zip(second.trainable_variables, first.trainable_variables, strict=True):
        np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=1e-6)
