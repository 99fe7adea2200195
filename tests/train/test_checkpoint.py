"""Opening a checkpoint, and what is said of a file that is none."""

import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from edge.errors import ConfigError, LabelError, ModelError
from edge.labels import CLASS_SETS, EMOTIONS
from edge.manifest import InputSpec
from train.checkpoint import find_checkpoint, load_checkpoint, open_checkpoint
from train.dataset import read_dataset
from train.predict import predict
from train.state import BEST, RunSettings, RunState, write_state


def net(*, side=48, width=None, channels=1, classes=7, extra=()):
    """The smallest net with these shapes."""
    return keras.Sequential(
        [
            keras.Input((side, width or side, channels)),
            *extra,
            layers.AveragePooling2D(8),
            layers.Flatten(),
            layers.Dense(classes, "softmax"),
        ]
    )


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A sound checkpoint of seven classes."""
    path = tmp_path_factory.mktemp("checkpoint") / "net.keras"
    net().save(path)
    return path


def test_a_bare_checkpoint_gets_its_labels_from_its_size(saved):
    """Seven answers mean the seven emotions; the run is unknown."""
    checkpoint = open_checkpoint(saved)
    assert checkpoint.labels == EMOTIONS
    assert checkpoint.state is None
    assert checkpoint.path == saved


def test_a_run_says_its_own_labels(tmp_path):
    """In a run's folder the best checkpoint is meant, and run.json names the labels, in the run's order."""
    labels = tuple(reversed(CLASS_SETS[5]))
    net(classes=5).save(tmp_path / BEST)
    write_state(tmp_path, RunState(settings=RunSettings(labels=labels, data="x")))
    for path in (tmp_path, tmp_path / BEST):
        assert open_checkpoint(path).labels == labels
    with pytest.raises(ConfigError, match="expected the run's labels"):
        open_checkpoint(tmp_path, labels=CLASS_SETS[5])


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        (("happy", "sad"), ModelError, r"expected an output of shape \(None, 2\), found \(None, 7\)"),
        (("happy", "bored"), LabelError, "unknown emotion 'bored'"),
    ],
)
def test_labels_that_do_not_fit_are_refused(saved, labels, error, message):
    """Wrongly named answers would be wrong answers."""
    with pytest.raises(error, match=message):
        open_checkpoint(saved, labels=labels)


def test_an_unusual_number_of_classes_needs_labels(tmp_path):
    """Three answers could mean anything."""
    path = tmp_path / "three.keras"
    net(classes=3).save(path)
    with pytest.raises(ConfigError, match="expected 5, 6, 7 classes, found 3: name them with --labels"):
        open_checkpoint(path)
    assert open_checkpoint(path, labels=("happy", "sad", "neutral")).labels == ("happy", "sad", "neutral")


def test_no_checkpoint_is_named(tmp_path):
    """A missing file and a folder without a run are told where a checkpoint was looked for."""
    with pytest.raises(ModelError, match=r"nowhere\.keras: expected a .keras or .h5 checkpoint, found none"):
        find_checkpoint(tmp_path / "nowhere.keras")
    with pytest.raises(ModelError, match=r"best\.keras: expected a .keras or .h5 checkpoint, found none"):
        find_checkpoint(tmp_path)


@pytest.mark.parametrize("damage", ["random", "cut short", "overwritten", "empty"])
def test_a_damaged_checkpoint_is_one_clear_line(saved, tmp_path, damage):
    """Whatever Keras stumbles over, the user reads one sentence."""
    content = saved.read_bytes()
    bad = {
        "random": np.random.default_rng(0).bytes(5000),
        "cut short": content[: len(content) // 2],
        "overwritten": content[:100] + bytes(len(content) // 2) + content[100 + len(content) // 2 :],
        "empty": b"",
    }
    path = tmp_path / "bad.keras"
    path.write_bytes(bad[damage])
    with pytest.raises(ModelError, match=r"bad\.keras: expected a .keras or .h5 checkpoint, found a file") as caught:
        load_checkpoint(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "shape", [{"channels": 3}, {"width": 64}, {"side": 8}, {"side": 264}], ids=["colour", "oblong", "small", "large"]
)
def test_another_input_is_refused(tmp_path, shape):
    """A net for other pictures cannot see our faces."""
    path = tmp_path / "other.keras"
    net(**shape).save(path)
    with pytest.raises(ModelError, match=r"expected an input of square grey faces, 16 to 256 px, .*: take another net"):
        load_checkpoint(path)


def test_weights_that_are_no_numbers_are_refused(tmp_path):
    """A diverged training answers nothing, and must not look like a model."""
    model = net()
    model.set_weights([np.full_like(weights, np.nan) for weights in model.get_weights()])
    path = tmp_path / "nan.keras"
    model.save(path)
    with pytest.raises(ModelError, match="the training diverged"):
        load_checkpoint(path)


@pytest.mark.parametrize("name", ["net.h5", "net.hdf5"])
def test_a_standard_h5_file_answers_as_the_net_that_was_saved(tmp_path, name):
    """The older format of others, with its own side and range."""
    saved = net(side=64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras warns that the format is old
        saved.save(tmp_path / name)
    checkpoint = open_checkpoint(tmp_path / name, value_range=(-1.0, 1.0))
    assert checkpoint.labels == EMOTIONS
    assert checkpoint.input == InputSpec(64, (-1.0, 1.0))
    faces = np.random.default_rng(0).random((2, 64, 64, 1), dtype=np.float32)
    assert np.allclose(checkpoint.model.predict_on_batch(faces), saved.predict_on_batch(faces))


class Doubled(layers.Layer):
    """A layer that Keras cannot know."""

    def call(self, faces):
        return faces * 2


@pytest.mark.parametrize("ending", ["keras", "h5"])
@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (Doubled, "found 'Doubled', which is no standard layer or function"),
        (lambda: layers.Activation(double), "found 'double', which is no standard layer or function"),
        (lambda: layers.Lambda(lambda faces: faces * 2), "found code in a Lambda layer, which is not run"),
    ],
    ids=["layer", "function", "lambda"],
)
def test_a_net_with_code_of_its_maker_is_refused(tmp_path, ending, extra, message):
    """What Keras does not know is named, and code inside a file never runs."""
    path = tmp_path / f"custom.{ending}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net(extra=[extra()]).save(path)
    with pytest.raises(ModelError, match=message) as caught:
        open_checkpoint(path)
    assert "\n" not in str(caught.value)


def double(faces):
    """A function that Keras cannot know."""
    return faces * 2


def test_weights_alone_say_how_to_go_on(tmp_path):
    """Without its net, a file of weights answers nothing."""
    path = tmp_path / "net.weights.h5"
    net().save_weights(path)
    with pytest.raises(ModelError, match=r"found weights without a net: build the net.*model\.save\('net\.keras'\)"):
        open_checkpoint(path)


@pytest.mark.parametrize("value_range", [(1.0, 0.0), (0.0, 0.0), (0.0, float("inf")), (float("nan"), 1.0)])
def test_a_range_that_is_none_is_refused(saved, value_range):
    """Black lies below white, and both are numbers."""
    with pytest.raises(ConfigError, match="expected black below white"):
        open_checkpoint(saved, value_range=value_range)


def test_a_published_foreign_file_is_read_in_its_own_side_and_range(datasets):
    """The package fer's net (Keras 2.0, 64 px, -1 ... 1) knows the faces that it was trained on, in its range alone."""
    repository = Path(__file__).resolve().parents[2]
    found = sorted(repository.glob(".venv-peers/lib/python3*/site-packages/fer/data/*.hdf5"))
    if not found:
        pytest.skip("the package fer is not in .venv-peers: make bench-peers")
    faces = read_dataset(datasets / "fer2013-folders").training

    def accuracy(value_range):
        answers = predict(open_checkpoint(found[0], value_range=value_range), faces.pixels)
        return (answers.argmax(axis=1) == faces.codes).mean()

    assert accuracy((-1.0, 1.0)) > 0.7
    assert accuracy((0.0, 1.0)) < 0.6
