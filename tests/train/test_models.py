"""The architectures: what each takes, gives and weighs, that it learns, and what a user's own file may get wrong."""

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
from train.multiply_adds import multiply_adds
from train.state import BEST

PRETRAINED = ("resnet50v2", "vgg16")
REPOSITORY = Path(__file__).resolve().parent.parent.parent
FROM_SCRATCH = ("cnn", "edge_accurate", "edge_small", "little_vgg", "mini_xception")


@pytest.fixture(scope="module", params=[*FROM_SCRATCH, *PRETRAINED])
def seven(request):
    """(name, model of seven classes), one architecture after the other."""
    return request.param, build_model(request.param, classes=7)


@pytest.fixture(scope="module")
def real_faces(datasets):
    """Two real pictures of each emotion: (14, 48, 48, 1) float32 0 ... 1 and one-hot (14, 7)."""
    files = [itertools.islice(sorted((datasets / "fer2013-folders/train" / name).iterdir()), 2) for name in EMOTIONS]
    pixels = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in itertools.chain(*files)]
    return to_unit(np.stack(pixels))[..., None], np.repeat(np.eye(7, dtype=np.float32), 2, axis=0)


@pytest.fixture
def own_file(tmp_path, monkeypatch):
    """Add a file of somebody's own to the models."""
    monkeypatch.setattr(models, "__path__", [*models.__path__, str(tmp_path)])
    before = set(sys.modules)

    def write(text, name="own"):
        (tmp_path / f"{name}.py").write_text(text)
        importlib.invalidate_caches()

    yield write
    for name in set(sys.modules) - before:
        if name.startswith("train.models."):
            del sys.modules[name]


def test_every_file_is_a_model_by_its_name():
    """The models that come with us are found without being listed anywhere."""
    assert model_names() == sorted([*FROM_SCRATCH, *PRETRAINED])


def test_the_documentation_gives_the_true_size(seven):
    """Parameters and multiply-adds of seven classes, rounded as they are written."""
    name, model = seven
    text = " ".join(importlib.import_module(f"train.models.{name}").__doc__.split())
    found = re.search(r"([\d.]+) M parameters and ([\d.]+) M multiply-adds", text)
    for written, size in zip(found.groups(), (model.count_params(), multiply_adds(model)), strict=True):
        decimals = len(written.partition(".")[2])
        assert written == f"{size / 1e6:.{decimals}f}"


def test_a_model_maps_faces_to_probabilities(seven):
    """(B, 48, 48, 1) in, (B, classes) float32 probabilities out, for any number of faces."""
    name, model = seven
    faces = np.random.default_rng(0).random((3, 48, 48, 1), dtype=np.float32)
    answers = np.asarray(model(faces, training=False))
    assert model.name == name
    assert model.input_shape == (None, 48, 48, 1)
    assert answers.shape == (3, 7)
    assert answers.dtype == np.float32
    assert np.allclose(answers.sum(axis=1), 1, atol=1e-5)
    assert (answers >= 0).all()


def described(model):
    """Its layers in order, but for their names and the precision they were trained in."""
    layers = [(layer["class_name"], dict(layer["config"])) for layer in model.get_config()["layers"]]
    return [(kind, {key: config[key] for key in config if key not in {"name", "dtype"}}) for kind, config in layers]


@pytest.mark.parametrize("path", sorted((REPOSITORY / "models").glob("*.keras")), ids=lambda path: path.stem)
def test_a_checkpoint_that_ships_is_the_net_of_its_name(path):
    """Layer by layer, so that its training can be made again."""
    shipped = keras.models.load_model(path, compile=False)
    assert described(shipped) == described(build_model(path.stem, classes=shipped.output_shape[1]))


@pytest.mark.parametrize("classes", [6, 5])
@pytest.mark.parametrize("name", [*FROM_SCRATCH, "vgg16"])
def test_a_model_has_as_many_answers_as_classes(name, classes):
    """Six and five classes too; resnet50v2, slow to build, has its answers from the same lines as vgg16."""
    assert build_model(name, classes=classes).output_shape == (None, classes)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("name", [*FROM_SCRATCH, "vgg16"])
def test_the_answer_stays_float32_where_the_rest_is_not(name, policy):
    """A softmax in 16 bits would round probabilities and, in float16, lose small ones; all before it does use 16."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model = build_model(name, classes=7)
    finally:
        keras.config.set_dtype_policy(before)
    assert model.layers[-1].compute_dtype == "float32"
    assert model.outputs[0].dtype == "float32"
    assert model.layers[1].compute_dtype == policy.removeprefix("mixed_")


def test_a_model_learns_from_real_faces(seven, real_faces):
    """Two steps: the loss is a number and every kernel that can learn has moved."""
    name, model = seven
    faces, targets = (array[: 2 if name in PRETRAINED else None] for array in real_faces)
    model.compile("sgd", "categorical_crossentropy", run_eagerly=True)  # two steps are not worth a compilation
    kernels = [weight for weight in model.trainable_weights if "kernel" in weight.name]
    before = [np.array(kernel) for kernel in kernels]
    losses = [float(model.train_on_batch(faces, targets)) for _ in range(1 if name in PRETRAINED else 2)]
    assert np.isfinite(losses).all()
    assert not [kernel.path for kernel, old in zip(kernels, before, strict=True) if np.array_equal(kernel, old)]


def test_an_unknown_model_is_answered_with_the_known_ones():
    """The message lists what can be chosen."""
    with pytest.raises(ConfigError, match="unknown model 'resnet': expected one of cnn, edge_accurate, edge_small"):
        build_model("resnet", classes=7)


def test_weights_that_nobody_publishes_are_refused():
    """A net of our own begins with a checkpoint, or by chance."""
    with pytest.raises(ConfigError, match=r"expected a checkpoint \(.keras\) of cnn, .*, found imagenet: name one"):
        build_model("cnn", classes=7, weights="imagenet")


def test_a_net_inherits_what_another_run_has_learnt(tmp_path):
    """All of its weights, the statistics of batch normalization included."""
    first = build_model("mini_xception", classes=5)
    first.set_weights([weight + 0.5 for weight in first.get_weights()])
    first.save(tmp_path / "first.keras")
    second = build_model("mini_xception", classes=5, weights=str(tmp_path / "first.keras"))
    for found, expected in zip(second.get_weights(), first.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(("classes", "name"), [(7, "mini_xception"), (5, "edge_small")])
def test_another_nets_checkpoint_is_refused(tmp_path, classes, name):
    """Other classes, or another architecture."""
    build_model("mini_xception", classes=5).save(tmp_path / "first.keras")
    with pytest.raises(ConfigError, match=rf"expected a checkpoint of {name} with {classes} classes, found another"):
        build_model(name, classes=classes, weights=str(tmp_path / "first.keras"))


def test_a_missing_checkpoint_to_begin_with_is_told(tmp_path):
    """One line with its path."""
    with pytest.raises(ConfigError, match=r"--weights .*none\.keras: "):
        build_model("cnn", classes=7, weights=str(tmp_path / "none.keras"))


GOOD = """
import keras

def build(classes):
    return keras.Sequential([keras.Input((48, 48, 1)), keras.layers.Flatten(),
                             keras.layers.Dense(classes, activation="softmax")])
"""


def test_a_user_adds_a_model_by_adding_a_file(own_file):
    """It is found and built by its name."""
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
def test_a_users_broken_file_is_told_in_one_line(own_file, text, message):
    """What was expected of which file, and what was found, instead of a traceback."""
    own_file(text)
    with pytest.raises(ConfigError, match=rf"^train/models/own\.py: expected {message}") as caught:
        build_model("own", classes=7)
    assert "\n" not in str(caught.value)


def test_a_models_own_word_on_bad_settings_is_passed_on(own_file):
    """An error that is one of ours already says all."""
    own_file("from edge.errors import ConfigError\ndef build(classes): raise ConfigError('expected a, found b: do c')")
    with pytest.raises(ConfigError, match=r"^expected a, found b: do c$"):
        build_model("own", classes=7)


def test_a_run_begins_with_what_another_has_learnt(face_data, tmp_path, new_state):
    """Nothing of it is frozen; at a rate of next to nothing it stays as it was."""
    first = build_model("edge_small", classes=7)
    first.save(tmp_path / "first.keras")
    weights = str(tmp_path / "first.keras")
    state = new_state(model="edge_small", epochs=1, weights=weights, learning_rate=1e-9)
    fit(face_data, tmp_path / "second", state)
    second = load_checkpoint(tmp_path / "second" / BEST)
    for found, expected in zip(second.trainable_variables, first.trainable_variables, strict=True):
        np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=1e-6)
