"""Opening checkpoints, and the errors about files that are none."""

import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from edge.errors import ConfigError, LabelError, ModelError
from edge.labels import CLASS_SETS, EMOTIONS
from edge.model.manifest import InputSpec
from train.checkpoint import find_checkpoint, load_checkpoint, open_checkpoint
from train.data.dataset import read_dataset
from train.evaluation.predict import predict
from train.run_folder import BEST, TrainingState, write_state
from train.settings import RunSettings


def net(*, side=48, width=None, channels=1, classes=7, extra=()):
    """Return a minimal net with these shapes."""
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


def test_bare_checkpoint_gets_its_labels_from_its_size(saved):
    """A checkpoint without a run and with seven outputs has the seven emotions as labels."""
    checkpoint = open_checkpoint(saved)
    assert checkpoint.labels == EMOTIONS
    assert checkpoint.state is None
    assert checkpoint.path == saved


def test_checkpoint_of_a_run_has_the_labels_of_the_run(tmp_path):
    """For a run's folder and its best checkpoint, run.json gives the labels; contradicting ones are refused."""
    labels = tuple(reversed(CLASS_SETS[5]))
    net(classes=5).save(tmp_path / BEST)
    write_state(tmp_path, TrainingState(settings=RunSettings(labels=labels, data="x")))
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
def test_labels_that_do_not_match_are_refused(saved, labels, error, message):
    """Labels of another number than the outputs, or that are no emotions, raise an error."""
    with pytest.raises(error, match=message):
        open_checkpoint(saved, labels=labels)


def test_unusual_number_of_classes_needs_labels(tmp_path):
    """A checkpoint with three outputs can be opened only with labels."""
    path = tmp_path / "three.keras"
    net(classes=3).save(path)
    with pytest.raises(ConfigError, match="expected 5, 6, 7 classes, found 3: name them with --labels"):
        open_checkpoint(path)
    assert open_checkpoint(path, labels=("happy", "sad", "neutral")).labels == ("happy", "sad", "neutral")


def test_missing_checkpoint_is_reported(tmp_path):
    """A missing file, or a folder without a run, raises an error with the path of the checkpoint."""
    with pytest.raises(ModelError, match=r"nowhere\.keras: expected a .keras or .h5 checkpoint, found none"):
        find_checkpoint(tmp_path / "nowhere.keras")
    with pytest.raises(ModelError, match=r"best\.keras: expected a .keras or .h5 checkpoint, found none"):
        find_checkpoint(tmp_path)


@pytest.mark.parametrize("damage", ["random", "cut short", "overwritten", "empty"])
def test_damaged_checkpoint_is_a_one_line_error(saved, tmp_path, damage):
    """A damaged checkpoint raises ModelError with one line, whatever Keras raises."""
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
    "shape", [{"channels": 3}, {"width": 64}, {"side": 8}, {"side": 264}], ids=["color", "oblong", "small", "large"]
)
def test_other_input_shape_is_refused(tmp_path, shape):
    """A net whose input is not a square gray face of a supported size raises an error."""
    path = tmp_path / "other.keras"
    net(**shape).save(path)
    with pytest.raises(ModelError, match=r"expected an input of square gray faces, 16 to 256 px, .*: use another net"):
        load_checkpoint(path)


def test_weights_that_are_not_finite_are_refused(tmp_path):
    """A checkpoint of a diverged training raises an error."""
    model = net()
    model.set_weights([np.full_like(weights, np.nan) for weights in model.get_weights()])
    path = tmp_path / "nan.keras"
    model.save(path)
    with pytest.raises(ModelError, match="the training diverged"):
        load_checkpoint(path)


@pytest.mark.parametrize("name", ["net.h5", "net.hdf5"])
def test_h5_file_predicts_like_the_saved_net(tmp_path, name):
    """A net in the older HDF5 format, with another size and value range, is opened and predicts the same."""
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
    """A layer that Keras does not know."""

    def call(self, faces):
        return faces * 2


@pytest.mark.parametrize("ending", ["keras", "h5"])
@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (Doubled, "found 'Doubled', which is no standard layer or function"),
        (lambda: layers.Activation(double), "found 'double', which is no standard layer or function"),
        (lambda: layers.Lambda(lambda faces: faces * 2), "found code in a Lambda layer, which is never run"),
    ],
    ids=["layer", "function", "lambda"],
)
def test_net_with_custom_code_is_refused(tmp_path, ending, extra, message):
    """A custom layer or function is named in the error, and code in a Lambda layer never runs."""
    path = tmp_path / f"custom.{ending}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net(extra=[extra()]).save(path)
    with pytest.raises(ModelError, match=message) as caught:
        open_checkpoint(path)
    assert "\n" not in str(caught.value)


def double(faces):
    """A function that Keras does not know."""
    return faces * 2


def test_weights_without_a_net_are_refused(tmp_path):
    """The error about a file of weights explains how to save it with its net."""
    path = tmp_path / "net.weights.h5"
    net().save_weights(path)
    with pytest.raises(ModelError, match=r"found weights without a net: build the net.*model\.save\('net\.keras'\)"):
        open_checkpoint(path)


@pytest.mark.parametrize("value_range", [(1.0, 0.0), (0.0, 0.0), (0.0, float("inf")), (float("nan"), 1.0)])
def test_invalid_value_range_is_refused(saved, value_range):
    """A value range with black not below white, or not finite, raises an error."""
    with pytest.raises(ConfigError, match="expected black below white"):
        open_checkpoint(saved, value_range=value_range)


def test_published_foreign_net_is_accurate_in_its_value_range(datasets):
    """The net of the package fer (Keras 2.0, 64 px) is accurate on FER2013 only with its value range, -1 ... 1."""
    repository = Path(__file__).resolve().parents[2]
    found = sorted(repository.glob(".venv-peers/lib/python3*/site-packages/fer/data/*.hdf5"))
    if not found:
        pytest.skip("the package fer is not in .venv-peers: make bench-peers")
    faces = read_dataset(datasets / "fer2013-folders").training

    def accuracy(value_range):
        predictions = predict(open_checkpoint(found[0], value_range=value_range), faces.pixels)
        return (predictions.argmax(axis=1) == faces.codes).mean()

    assert accuracy((-1.0, 1.0)) > 0.7
    assert accuracy((0.0, 1.0)) < 0.6
