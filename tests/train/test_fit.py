"""Training: it learns, keeps the best, and goes on where it stopped."""

import keras
import numpy as np
import pytest

from edge.errors import ConfigError, MediaError, ModelError
from train.__main__ import main
from train.augment import Augmentation
from train.batches import Batches
from train.checkpoint import load_checkpoint
from train.dataset import read_dataset
from train.faces import FaceData
from train.fit import Checkpoints, fit
from train.state import BEST, LAST, RUN, RunSettings, RunState, read_state

FILES = {BEST, LAST, RUN}


def new_state(data, **settings):
    """The state of a run that has not begun."""
    wanted = {"epochs": 2, "batch_size": 21, "learning_rate": 0.05, "warmup_epochs": 0, "seed": 3, **settings}
    return RunState(settings=RunSettings(labels=data.labels, data="x", **wanted))


def weights_of(path):
    """All weights of a checkpoint."""
    return load_checkpoint(path).get_weights()


@pytest.mark.usefixtures("tiny_build")
def test_two_epochs_on_real_faces_lower_the_loss(datasets, tmp_path):
    """The net learns from real pictures, and leaves exactly its three files."""
    folder = datasets / "fer2013-folders"
    if not folder.is_dir():
        pytest.skip(f"no folder tree at {folder}")
    data = read_dataset(folder)
    state = fit(data, tmp_path / "run", new_state(data), augmentation=None)
    assert state.history[1]["loss"] < state.history[0]["loss"]
    assert {path.name for path in (tmp_path / "run").iterdir()} == FILES
    assert read_state(tmp_path / "run") == state


def stop_after(monkeypatch, epochs):
    """Press Ctrl-C once `epochs` epochs are saved."""
    saved = Checkpoints.on_epoch_end

    def stop(self, epoch, logs=None):
        saved(self, epoch, logs)
        if epoch + 1 == epochs:
            raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoints, "on_epoch_end", stop)
    return lambda: monkeypatch.setattr(Checkpoints, "on_epoch_end", saved)


@pytest.mark.usefixtures("tiny_build")
def test_a_resumed_run_equals_an_uninterrupted_one(face_data, tmp_path, monkeypatch):
    """One epoch, Ctrl-C, one more: weights, optimizer and figures are those of two epochs without a stop."""
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    expected = fit(face_data, whole, new_state(face_data), augmentation=Augmentation())
    go_on = stop_after(monkeypatch, 1)
    with pytest.raises(KeyboardInterrupt):
        fit(face_data, halves, new_state(face_data), augmentation=Augmentation())
    assert read_state(halves).epochs_done == 1
    assert {path.name for path in halves.iterdir()} == FILES
    go_on()
    keras.utils.set_random_seed(99)  # another process begins with other chance
    found = fit(face_data, halves, read_state(halves), augmentation=Augmentation())
    assert found.epochs_done == 2
    for ours, theirs in zip(weights_of(halves / LAST), weights_of(whole / LAST), strict=True):
        assert np.abs(ours - theirs).max() < 1e-5
    assert found.history[1]["val_loss"] == pytest.approx(expected.history[1]["val_loss"], abs=1e-5)


@pytest.mark.usefixtures("tiny_build")
def test_every_epoch_draws_anew(face_data, tmp_path, monkeypatch):
    """Each epoch has its own order and augmentation: epoch 0 again and again would be learnt by heart."""
    begun = []
    start = Batches.start_epoch

    def record(self, epoch):
        begun.append(epoch)
        start(self, epoch)

    monkeypatch.setattr(Batches, "start_epoch", record)
    fit(face_data, tmp_path, new_state(face_data, epochs=3), augmentation=None)
    assert begun == [0, 0, 1, 2], "once when the batches are made, then for each epoch"


@pytest.mark.usefixtures("tiny_build")
def test_another_seed_is_another_run(face_data, tmp_path):
    """The seed reaches the first weights, not only the order: nothing is learnt here, and they differ."""
    for seed in (3, 4):
        state = new_state(face_data, seed=seed, epochs=1, learning_rate=1e-8)
        fit(face_data, tmp_path / str(seed), state, augmentation=None)
    ours, theirs = (weights_of(tmp_path / seed / LAST)[0] for seed in ("3", "4"))
    assert np.abs(ours - theirs).max() > 1e-3


@pytest.mark.usefixtures("tiny_build")
def test_only_kernels_decay_before_and_after_a_stop(face_data, tmp_path, monkeypatch):
    """With a huge weight decay the kernels shrink, and scale and shift of the normalization do not, resumed or not."""
    go_on = stop_after(monkeypatch, 1)
    state = new_state(face_data, weight_decay=10.0, learning_rate=1e-4)
    with pytest.raises(KeyboardInterrupt):
        fit(face_data, tmp_path, state, augmentation=None)
    go_on()
    before = load_checkpoint(tmp_path / LAST)
    fit(face_data, tmp_path, read_state(tmp_path), augmentation=None)
    after = load_checkpoint(tmp_path / LAST)
    for old, new in zip(before.trainable_variables, after.trainable_variables, strict=True):
        ratio = float(np.linalg.norm(new.numpy()) / max(np.linalg.norm(old.numpy()), 1e-9))
        if old.name == "kernel":
            assert ratio < 0.9999
        elif old.name == "gamma":
            assert ratio == pytest.approx(1.0, abs=5e-4)


def test_the_best_checkpoint_outlives_worse_epochs(tmp_path):
    """best.keras is the epoch of the highest validation accuracy, last.keras the last one, best or not."""
    model = keras.Sequential([keras.Input((48, 48, 1)), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")])
    state = RunState(settings=RunSettings(labels=("happy", "sad"), data="x"))
    callback = Checkpoints(tmp_path, state)
    callback.set_model(model)
    for epoch, accuracy in enumerate((0.4, 0.6, 0.5)):
        model.set_weights([np.full_like(weights, epoch) for weights in model.get_weights()])
        callback.on_epoch_begin(epoch)
        callback.on_epoch_end(epoch, {"loss": 1.0, "accuracy": 0.5, "val_loss": 1.0, "val_accuracy": accuracy})
    assert weights_of(tmp_path / BEST)[0].max() == 1
    assert weights_of(tmp_path / LAST)[0].max() == 2
    assert read_state(tmp_path).best_accuracy == 0.6
    assert read_state(tmp_path).epochs_done == 3


def test_a_first_epoch_without_a_right_answer_is_kept_too(tmp_path):
    """There is a best checkpoint after any epoch, or the conversion would find none."""
    model = keras.Sequential([keras.Input((48, 48, 1)), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")])
    callback = Checkpoints(tmp_path, RunState(settings=RunSettings(labels=("happy", "sad"), data="x")))
    callback.set_model(model)
    callback.on_epoch_end(0, {"val_accuracy": 0.0})
    assert (tmp_path / BEST).is_file()


@pytest.mark.usefixtures("tiny_build")
def test_a_damaged_last_checkpoint_is_named(face_data, tmp_path):
    """A run whose last.keras is broken is not gone on with from nothing."""
    fit(face_data, tmp_path, new_state(face_data, epochs=1), augmentation=None)
    state = read_state(tmp_path)
    (tmp_path / LAST).write_bytes(b"no checkpoint")
    with pytest.raises(ModelError, match=r"last\.keras: expected a .keras or .h5 checkpoint"):
        fit(face_data, tmp_path, state, augmentation=None)


@pytest.mark.usefixtures("tiny_build")
def test_validation_faces_that_are_all_trained_on_are_refused(face_data, tmp_path):
    """Choosing the best epoch on faces learnt by heart would choose the worst."""
    leaked = FaceData("leaked", face_data.labels, face_data.training, face_data.training, face_data.test)
    with pytest.raises(MediaError, match="expected validation faces that are not in training too"):
        fit(leaked, tmp_path, new_state(face_data), augmentation=None)


def test_a_folder_that_cannot_be_made_is_named(face_data, tmp_path):
    """A file in the way of the run's folder is one clear line."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="expected a folder that can be written"):
        fit(face_data, tmp_path / "file" / "run", new_state(face_data), augmentation=None)


def call(monkeypatch, *arguments):
    """Run the command line with these arguments."""
    monkeypatch.setattr("sys.argv", ["train", *map(str, arguments)])
    return main()


@pytest.mark.usefixtures("tiny_build")
def test_the_command_trains_refuses_to_overwrite_and_resumes(rows, write_table, tmp_path, monkeypatch, capsys):
    """From the table to best.keras; a second start is refused with exit code 2; --resume of a finished run is fine."""
    arguments = ("--data", write_table(rows), "--out", tmp_path / "run", "--epochs", "1")
    assert call(monkeypatch, *arguments) == 0
    assert "best validation accuracy" in capsys.readouterr().out
    before = (tmp_path / "run" / BEST).read_bytes()
    assert call(monkeypatch, *arguments) == 2
    assert "a run is already here" in capsys.readouterr().err
    assert call(monkeypatch, *arguments, "--resume") == 0
    assert (tmp_path / "run" / BEST).read_bytes() == before


def test_the_command_stopped_by_ctrl_c_says_how_to_go_on(rows, write_table, tmp_path, monkeypatch, capsys):
    """Ctrl-C ends with a sentence and 130, without a traceback."""

    def stop(*_arguments, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr("train.__main__.fit", stop)
    assert call(monkeypatch, "--data", write_table(rows), "--out", tmp_path / "run") == 130
    assert "go on with --resume" in capsys.readouterr().err


BAD_CALLS = {
    "no data": (["--data", "nowhere.csv"], 3, "expected a data set here"),
    "no epochs": (["--data", "x", "--epochs", "0"], 2, "--epochs: expected int >= 1, found 0: choose another value"),
    "too many votes": (["--data", "x", "--votes", "1.5"], 2, "--votes: expected float <= 1.0, found 1.5"),
    "nothing to resume": (["--data", "x", "--resume", "--out", "nowhere"], 2, "expected a training run here"),
}


@pytest.mark.parametrize(("arguments", "code", "message"), BAD_CALLS.values(), ids=BAD_CALLS.keys())
def test_a_bad_call_is_one_line_and_its_exit_code(tmp_path, monkeypatch, capsys, arguments, code, message):
    """No traceback for the user's mistakes."""
    monkeypatch.chdir(tmp_path)
    assert call(monkeypatch, *arguments) == code
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
