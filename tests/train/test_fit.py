"""The training loop: it learns, is determined by its seed, and stops on a loss that is not finite."""

from pathlib import Path

import keras
import msgspec
import numpy as np
import pytest

from edge.errors import ConfigError, MediaError, ModelError, SinkError
from train.batches import Batches
from train.checkpoint import load_checkpoint
from train.data.dataset import read_dataset
from train.data.faces import FaceData, FaceSet
from train.fit import fit
from train.run_folder import BEST, LAST, RUN, read_state

FILES = {BEST, LAST, RUN, "history.csv"}

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tiny_build", "eager")]


def weights_of(path):
    """Return all weights of a checkpoint."""
    return load_checkpoint(path).get_weights()


def test_two_epochs_on_real_faces_lower_the_loss(datasets, tmp_path, new_state):
    """Two epochs on real faces lower the loss, and leave exactly the run's files and state."""
    folder = datasets / "fer2013-folders"
    if not folder.is_dir():
        pytest.skip(f"no folder tree at {folder}")
    data = read_dataset(folder)
    state = fit(data, tmp_path / "run", new_state(augmentation=None))
    assert state.history[1]["loss"] < state.history[0]["loss"]
    assert {path.name for path in (tmp_path / "run").iterdir()} == FILES
    assert read_state(tmp_path / "run") == state


def test_every_epoch_has_its_own_batches(face_data, tmp_path, monkeypatch, new_state):
    """`start_epoch` is called for each epoch, so that each has its own order and augmentation."""
    started = []
    start = Batches.start_epoch

    def record(self, epoch):
        started.append(epoch)
        start(self, epoch)

    monkeypatch.setattr(Batches, "start_epoch", record)
    fit(face_data, tmp_path, new_state(epochs=3))
    assert started == [0, 0, 1, 2], "once by the constructor, then for each epoch"


def test_seed_determines_the_initial_weights(face_data, tmp_path, new_state):
    """With a learning rate of about zero, runs of two seeds end with different weights."""
    for seed in (3, 4):
        fit(face_data, tmp_path / str(seed), new_state(seed=seed, epochs=1, learning_rate=1e-8))
    ours, theirs = (weights_of(tmp_path / seed / LAST)[0] for seed in ("3", "4"))
    assert np.abs(ours - theirs).max() > 1e-3


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_only_kernels_decay_before_and_after_a_stop(face_data, tmp_path, new_state, snapshot, optimizer):
    """A huge weight decay shrinks kernels but no normalization weights, also after a run is resumed."""
    copy = snapshot(1)
    fit(face_data, tmp_path / "run", new_state(weight_decay=10.0, learning_rate=1e-4, optimizer=optimizer))
    before = load_checkpoint(copy / LAST)
    fit(face_data, copy, read_state(copy))
    after = load_checkpoint(copy / LAST)
    for old, new in zip(before.trainable_variables, after.trainable_variables, strict=True):
        ratio = float(np.linalg.norm(new.numpy()) / max(np.linalg.norm(old.numpy()), 1e-9))
        if old.name == "kernel":
            assert ratio < 0.9999
        elif old.name == "gamma":
            assert ratio == pytest.approx(1.0, abs=5e-4)


def test_balanced_class_weights_make_rare_classes_count_alike(tmp_path, new_state):
    """On faces without information a net predicts the class shares: 9 to 1, but 1 to 1 with balanced class weights."""
    targets = np.eye(2, dtype=np.float32)[np.repeat([0, 1], [90, 10])]
    training = FaceSet(np.full((100, 48, 48), 100, dtype=np.uint8), targets)
    held_out = FaceSet(np.full((2, 48, 48), 101, dtype=np.uint8), np.eye(2, dtype=np.float32))
    data = FaceData("gray", ("happy", "sad"), training, held_out, held_out)
    rare = {}
    for weights in ("none", "balanced"):
        plain = {"augmentation": None, "label_smoothing": 0.0, "epochs": 1, "batch_size": 10}
        fit(data, tmp_path / weights, new_state(labels=data.labels, class_weights=weights, **plain))
        net = load_checkpoint(tmp_path / weights / LAST)
        rare[weights] = float(net.predict_on_batch(training.pixels[:1, ..., None] / np.float32(255))[0, 1])
    assert rare["none"] < 0.25
    assert 0.35 < rare["balanced"] < 0.65


def test_early_stopping_ends_after_its_patience(face_data, tmp_path, new_state):
    """With a learning rate of about zero, training ends two epochs after the best one; resuming it trains no more."""
    state = fit(face_data, tmp_path, new_state(epochs=20, batch_size=84, learning_rate=1e-8, early_stop=2))
    accuracies = [row["val_accuracy"] for row in state.history]
    assert state.epochs_done == len(accuracies) == accuracies.index(max(accuracies)) + 1 + 2 < 20
    again = fit(face_data, tmp_path, read_state(tmp_path))
    assert again.epochs_done == state.epochs_done, "resuming a run that stopped early trains no more"


def diverging(state):
    """Set a learning rate that makes any net diverge, and a second epoch."""
    state.settings = msgspec.structs.replace(state.settings, learning_rate=1e30, epochs=2)
    return state


def test_loss_that_is_not_finite_is_reported_and_earlier_epochs_are_kept(face_data, tmp_path, new_state):
    """If the second epoch diverges, the error gives epoch, batch and faces, and the first epoch's files stay."""
    state = fit(face_data, tmp_path, new_state(epochs=1))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.name != RUN}
    with pytest.raises(
        ModelError, match=r"found nan in epoch 2, batch [234] of 4 \(training faces \d+, .*--learning-rate"
    ):
        fit(face_data, tmp_path, diverging(state))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.name != RUN} == before
    assert read_state(tmp_path).epochs_done == 1


def test_diverging_last_step_of_an_epoch_is_not_saved(face_data, tmp_path, new_state):
    """Weights that diverge in an epoch's last step, after a finite training loss, do not become last.keras."""
    state = fit(face_data, tmp_path, new_state(epochs=1, batch_size=84))
    before = (tmp_path / LAST).read_bytes()
    with pytest.raises(ModelError, match="expected a finite validation loss, found nan in epoch 2, its end"):
        fit(face_data, tmp_path, diverging(state))
    assert (tmp_path / LAST).read_bytes() == before


def test_damaged_last_checkpoint_is_reported(face_data, tmp_path, new_state):
    """Resuming a run with a damaged last.keras raises an error instead of starting from scratch."""
    fit(face_data, tmp_path, new_state(epochs=1))
    state = read_state(tmp_path)
    state.settings = msgspec.structs.replace(state.settings, epochs=2)
    (tmp_path / LAST).write_bytes(b"no checkpoint")
    with pytest.raises(ModelError, match=r"last\.keras: expected a .keras or .h5 checkpoint"):
        fit(face_data, tmp_path, state)


def test_last_checkpoint_of_other_settings_is_reported(face_data, tmp_path, new_state):
    """Resuming with an optimizer whose state does not match last.keras raises an error."""
    fit(face_data, tmp_path, new_state(epochs=1))
    state = read_state(tmp_path)
    state.settings = msgspec.structs.replace(state.settings, epochs=2, optimizer="adam")
    with pytest.raises(ModelError, match="expected the weights and the optimizer's state, found others"):
        fit(face_data, tmp_path, state)


def test_validation_faces_that_are_all_trained_on_are_refused(face_data, tmp_path, new_state):
    """If all validation faces are training faces, too, training raises an error."""
    leaked = FaceData("leaked", face_data.labels, face_data.training, face_data.training, face_data.test)
    with pytest.raises(MediaError, match="expected validation faces that are not in training too"):
        fit(leaked, tmp_path, new_state())


def test_folder_that_cannot_be_created_is_reported(face_data, tmp_path, new_state):
    """A file in the place of the run's parent folder raises an error."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="expected a folder that can be written, found 'Not a directory'"):
        fit(face_data, tmp_path / "file" / "run", new_state())


def test_unwritable_folder_is_reported_before_training(face_data, new_state, monkeypatch):
    """A folder without write permission (/proc, even for root) raises an error before a net is built."""
    monkeypatch.setattr("train.fit.build_model", lambda *_, **__: pytest.fail("trained"))
    with pytest.raises(SinkError, match=r"/proc/self/run\.json: expected space and permission to write, found '"):
        fit(face_data, Path("/proc/self"), new_state())


def test_settings_that_contradict_each_other_are_refused(face_data, tmp_path, new_state):
    """`fit` itself refuses contradictory settings that did not pass through the command line."""
    with pytest.raises(ConfigError, match="--distil-mix: expected --teachers with it"):
        fit(face_data, tmp_path, new_state(distil_mix=0.5))


def test_tensorflow_computes_deterministically(face_data, tmp_path, new_state, monkeypatch):
    """TensorFlow's deterministic operations are on; else the last digits can differ between processes."""
    enabled = []
    monkeypatch.setattr("tensorflow.config.experimental.enable_op_determinism", lambda: enabled.append(True))
    fit(face_data, tmp_path, new_state(epochs=1))
    assert enabled == [True]


def test_dtype_policy_is_restored(face_data, tmp_path, new_state):
    """After a run with another precision, Keras has the caller's dtype policy again."""
    keras.config.set_dtype_policy("mixed_float16")
    try:
        fit(face_data, tmp_path, new_state(epochs=1, precision="bfloat16"))
        assert keras.config.dtype_policy().name == "mixed_float16"
    finally:
        keras.config.set_dtype_policy("float32")
