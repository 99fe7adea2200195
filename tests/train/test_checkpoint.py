"""Opening a checkpoint, and what is said of a file that is none."""

import keras
import numpy as np
import pytest
from keras import layers

from edge.errors import ConfigError, LabelError, ModelError
from edge.labels import CLASS_SETS, EMOTIONS
from train.checkpoint import find_checkpoint, load_checkpoint, open_checkpoint
from train.state import BEST, RunSettings, RunState, write_state


def net(*, side=48, classes=7):
    """The smallest net with these shapes."""
    return keras.Sequential(
        [keras.Input((side, side, 1)), layers.AveragePooling2D(8), layers.Flatten(), layers.Dense(classes, "softmax")]
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
    with pytest.raises(ModelError, match=r"nowhere\.keras: expected a .keras checkpoint, found none"):
        find_checkpoint(tmp_path / "nowhere.keras")
    with pytest.raises(ModelError, match=r"best\.keras: expected a .keras checkpoint, found none"):
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
    with pytest.raises(ModelError, match=r"bad\.keras: expected a .keras checkpoint, found a file") as caught:
        load_checkpoint(path)
    assert "\n" not in str(caught.value)


def test_another_input_is_refused(tmp_path):
    """A net for other pictures cannot see our faces."""
    path = tmp_path / "wide.keras"
    net(side=64).save(path)
    with pytest.raises(ModelError, match=r"expected an input of shape \(None, 48, 48, 1\), found \(None, 64, 64, 1\)"):
        load_checkpoint(path)


def test_weights_that_are_no_numbers_are_refused(tmp_path):
    """A diverged training answers nothing, and must not look like a model."""
    model = net()
    model.set_weights([np.full_like(weights, np.nan) for weights in model.get_weights()])
    path = tmp_path / "nan.keras"
    model.save(path)
    with pytest.raises(ModelError, match="the training diverged"):
        load_checkpoint(path)
