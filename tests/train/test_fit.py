"""Training: it learns, its chance follows from the seed, and a loss that is no number ends it."""

from pathlib import Path

import keras
import msgspec
import numpy as np
import pytest

from edge.errors import ConfigError, MediaError, ModelError, SinkError
from train.batches import Batches
from train.checkpoint import load_checkpoint
from train.dataset import read_dataset
from train.faces import FaceData, FaceSet
from train.fit import fit
from train.state import BEST, LAST, RUN, read_state

FILES = {BEST, LAST, RUN, "history.csv"}

pytestmark = pytest.mark.usefixtures("tiny_build")


def weights_of(path):
    """All weights of a checkpoint."""
    return load_checkpoint(path).get_weights()


def test_two_epochs_on_real_faces_lower_the_loss(datasets, tmp_path, new_state):
    """The net learns from real pictures, and leaves exactly its files."""
    folder = datasets / "fer2013-folders"
    if not folder.is_dir():
        pytest.skip(f"no folder tree at {folder}")
    data = read_dataset(folder)
    state = fit(data, tmp_path / "run", new_state(augmentation=None))
    assert state.history[1]["loss"] < state.history[0]["loss"]
    assert {path.name for path in (tmp_path / "run").iterdir()} == FILES
    assert read_state(tmp_path / "run") == state


def test_every_epoch_draws_anew(face_data, tmp_path, monkeypatch, new_state):
    """Each epoch has its own order and augmentation: epoch 0 again and again would be learnt by heart."""
    begun = []
    start = Batches.start_epoch

    def record(self, epoch):
        begun.append(epoch)
        start(self, epoch)

    monkeypatch.setattr(Batches, "start_epoch", record)
    fit(face_data, tmp_path, new_state(epochs=3))
    assert begun == [0, 0, 1, 2], "once when the batches are made, then for each epoch"


def test_another_seed_is_another_run(face_data, tmp_path, new_state):
    """The seed reaches the first weights, not only the order: nothing is learnt here, and they differ."""
    for seed in (3, 4):
        fit(face_data, tmp_path / str(seed), new_state(seed=seed, epochs=1, learning_rate=1e-8))
    ours, theirs = (weights_of(tmp_path / seed / LAST)[0] for seed in ("3", "4"))
    assert np.abs(ours - theirs).max() > 1e-3


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_only_kernels_decay_before_and_after_a_stop(face_data, tmp_path, new_state, snapshot, optimizer):
    """With a huge weight decay the kernels shrink, and scale and shift of the normalization do not, resumed or not."""
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
    """Where faces say nothing, a net answers with the shares of the classes: 9 to 1, and with the weights 1 to 1."""
    targets = np.eye(2, dtype=np.float32)[np.repeat([0, 1], [90, 10])]
    faces = [FaceSet(np.full((100, 48, 48), grey, dtype=np.uint8), targets) for grey in (100, 101, 102)]
    data = FaceData("grey", ("happy", "sad"), *faces)
    rare = {}
    for weights in ("none", "balanced"):
        plain = {"augmentation": None, "label_smoothing": 0.0, "epochs": 4}
        fit(data, tmp_path / weights, new_state(labels=data.labels, class_weights=weights, **plain))
        net = load_checkpoint(tmp_path / weights / LAST)
        rare[weights] = float(net.predict_on_batch(faces[0].pixels[:1, ..., None] / np.float32(255))[0, 1])
    assert rare["none"] < 0.25
    assert 0.35 < rare["balanced"] < 0.65


def test_early_stopping_ends_after_its_patience(face_data, tmp_path, new_state):
    """Nothing is learnt: two epochs after the best one, by its validation accuracy, training ends."""
    state = fit(face_data, tmp_path, new_state(epochs=20, learning_rate=1e-8, early_stop=2))
    accuracies = [row["val_accuracy"] for row in state.history]
    assert state.epochs_done == len(accuracies) == accuracies.index(max(accuracies)) + 1 + 2 < 20
    again = fit(face_data, tmp_path, read_state(tmp_path))
    assert again.epochs_done == state.epochs_done, "a run that has stopped by its rule is not gone on with"


def diverging(state):
    """The same run, with steps that no net survives."""
    state.settings = msgspec.structs.replace(state.settings, learning_rate=1e30, epochs=2)
    return state


def test_a_loss_that_is_no_number_names_the_batch_and_keeps_the_epochs_before(face_data, tmp_path, new_state):
    """The second epoch diverges: epoch, batch and faces are named, and the first epoch's files stay as they were."""
    state = fit(face_data, tmp_path, new_state(epochs=1))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.name != RUN}
    with pytest.raises(
        ModelError, match=r"found nan in epoch 2, batch [234] of 4 \(training faces \d+, .*--learning-rate"
    ):
        fit(face_data, tmp_path, diverging(state))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.name != RUN} == before
    assert read_state(tmp_path).epochs_done == 1


def test_a_last_step_that_goes_too_far_is_not_kept(face_data, tmp_path, new_state):
    """One batch an epoch: its loss was still finite, the weights after it give none; they do not become last.keras."""
    state = fit(face_data, tmp_path, new_state(epochs=1, batch_size=84))
    before = (tmp_path / LAST).read_bytes()
    with pytest.raises(ModelError, match="expected a finite validation loss, found nan in epoch 2, its end"):
        fit(face_data, tmp_path, diverging(state))
    assert (tmp_path / LAST).read_bytes() == before


def test_a_damaged_last_checkpoint_is_named(face_data, tmp_path, new_state):
    """A run whose last.keras is broken is not gone on with from nothing."""
    fit(face_data, tmp_path, new_state(epochs=1))
    state = read_state(tmp_path)
    state.settings = msgspec.structs.replace(state.settings, epochs=2)
    (tmp_path / LAST).write_bytes(b"no checkpoint")
    with pytest.raises(ModelError, match=r"last\.keras: expected a .keras or .h5 checkpoint"):
        fit(face_data, tmp_path, state)


def test_a_last_checkpoint_of_another_net_is_named(face_data, tmp_path, new_state):
    """Weights that do not fit are not poured into the net."""
    fit(face_data, tmp_path, new_state(epochs=1))
    state = read_state(tmp_path)
    state.settings = msgspec.structs.replace(state.settings, epochs=2, optimizer="adam")
    with pytest.raises(ModelError, match="expected the weights and the optimizer's state, found others"):
        fit(face_data, tmp_path, state)


def test_validation_faces_that_are_all_trained_on_are_refused(face_data, tmp_path, new_state):
    """Choosing the best epoch on faces learnt by heart would choose the worst."""
    leaked = FaceData("leaked", face_data.labels, face_data.training, face_data.training, face_data.test)
    with pytest.raises(MediaError, match="expected validation faces that are not in training too"):
        fit(leaked, tmp_path, new_state())


def test_a_folder_that_cannot_be_made_is_named(face_data, tmp_path, new_state):
    """A file in the way of the run's folder is one clear line."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="expected a folder that can be written, found 'Not a directory'"):
        fit(face_data, tmp_path / "file" / "run", new_state())


def test_a_folder_without_write_permission_is_told_before_training(face_data, new_state, monkeypatch):
    """/proc takes no files, not even root's; no time is spent on a net first."""
    monkeypatch.setattr("train.fit.build_model", lambda *_, **__: pytest.fail("trained"))
    with pytest.raises(SinkError, match=r"/proc/self/run\.json: expected room and permission to write, found '"):
        fit(face_data, Path("/proc/self"), new_state())


def test_settings_that_contradict_each_other_are_refused(face_data, tmp_path, new_state):
    """Whoever calls `fit` without the command line is told as well."""
    with pytest.raises(ConfigError, match="--distil-mix: expected --teachers with it"):
        fit(face_data, tmp_path, new_state(distil_mix=0.5))


def test_tensorflow_is_told_to_add_up_in_one_order(face_data, tmp_path, new_state, monkeypatch):
    """Without that another process, such as one that resumes, now and then ends a few last digits away."""
    told = []
    monkeypatch.setattr("tensorflow.config.experimental.enable_op_determinism", lambda: told.append(True))
    fit(face_data, tmp_path, new_state(epochs=1))
    assert told == [True]


def test_keras_is_left_as_it_was(face_data, tmp_path, new_state):
    """A run's precision is its own affair: what the caller builds afterwards has the caller's."""
    keras.config.set_dtype_policy("mixed_float16")
    try:
        fit(face_data, tmp_path, new_state(epochs=1, precision="bfloat16"))
        assert keras.config.dtype_policy().name == "mixed_float16"
    finally:
        keras.config.set_dtype_policy("float32")
