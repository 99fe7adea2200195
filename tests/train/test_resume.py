"""A resumed run ends like an uninterrupted one, bit for bit."""

import keras
import numpy as np
import pytest

from train.augment import Augmentation
from train.callbacks import EpochSeeds, RequireFiniteLoss
from train.checkpoint import load_checkpoint
from train.fit import fit
from train.run_folder import BEST, LAST, read_state

pytestmark = pytest.mark.slow

TRANSFER = {"model": "transfer", "weights": "published"}

COMPILED = {
    "sgd, plateau": {"schedule": "plateau", "plateau_patience": 1, "learning_rate": 0.3, "epochs": 4},
    "adamw, averaged, bfloat16": {"optimizer": "adamw", "learning_rate": 0.01, "ema": 0.9, "precision": "bfloat16"},
    "float16, averaged, balanced": {"precision": "float16", "ema": 0.9, "class_weights": "balanced"},
}
EAGER = {
    "adam, clipped, warm-up, unchanged faces": {
        "optimizer": "adam",
        "learning_rate": 0.01,
        "clip_norm": 0.5,
        "warmup_epochs": 1,
        "augmentation": None,
    },
    "frozen, stopped in the second phase": {**TRANSFER, "frozen_epochs": 1, "warmup_epochs": 1},
    "frozen, stopped between the phases": {**TRANSFER, "frozen_epochs": 2, "ema": 0.9},
}


@pytest.mark.usefixtures("tiny_build")
@pytest.mark.parametrize("settings", COMPILED.values(), ids=COMPILED.keys())
def test_resumed_run_equals_an_uninterrupted_one(face_data, tmp_path, new_state, snapshot, settings):
    """A resumed run, in the compiled mode of real training, equals an uninterrupted one."""
    check_resumed_run(face_data, tmp_path, new_state, snapshot, settings)


@pytest.mark.usefixtures("tiny_build", "eager")
@pytest.mark.parametrize("settings", EAGER.values(), ids=EAGER.keys())
def test_resumed_eager_run_equals_an_uninterrupted_one(face_data, tmp_path, new_state, snapshot, settings):
    """A resumed run of these settings equals an uninterrupted one; eager mode tests them in half the time."""
    check_resumed_run(face_data, tmp_path, new_state, snapshot, settings)


def check_resumed_run(face_data, tmp_path, new_state, snapshot, settings):
    """Check weights, optimizer and metrics of a run resumed after its second epoch, against an uninterrupted one."""
    halves, whole = snapshot(2), tmp_path / "whole"
    expected = fit(face_data, whole, new_state(**{"epochs": 3, "augmentation": Augmentation(), **settings}))
    keras.utils.set_random_seed(99)  # as in another process
    state = read_state(halves)
    assert state.epochs_done == 2
    found = fit(face_data, halves, state)
    assert found.history == expected.history
    assert found.best_accuracy == expected.best_accuracy
    for name in (LAST, BEST):
        ours, theirs = (load_checkpoint(run / name, with_optimizer=name == LAST) for run in (halves, whole))
        assert equal(ours.variables, theirs.variables)
    assert equal(*(load_checkpoint(run / LAST, with_optimizer=True).optimizer.variables for run in (halves, whole)))


def equal(ours, theirs):
    """Compare lists of variables, without dropout's random state, which is redrawn in each epoch."""
    pairs = [pair for pair in zip(ours, theirs, strict=True) if pair[0].name != "seed_generator_state"]
    return len(pairs) > 0 and all(np.array_equal(*map(keras.ops.convert_to_numpy, pair)) for pair in pairs)


@pytest.mark.usefixtures("tiny_build", "eager")
def test_without_epoch_seeds_a_resumed_run_differs(face_data, tmp_path, new_state, snapshot, monkeypatch):
    """Without `EpochSeeds` a resumed run has other metrics, so the comparison of runs can fail."""
    monkeypatch.setattr(EpochSeeds, "on_epoch_begin", lambda *_arguments: None)
    halves = snapshot(1)
    expected = fit(face_data, tmp_path / "whole", new_state())
    assert fit(face_data, halves, read_state(halves)).history != expected.history


@pytest.mark.usefixtures("tiny_build", "eager")
def test_early_stopping_continues_counting_after_a_stop(face_data, tmp_path, new_state, snapshot):
    """Epochs without gain before the interruption count: the resumed run ends at the same epoch."""
    copies = [snapshot(epochs) for epochs in range(1, 20)]
    whole = fit(face_data, tmp_path / "whole", new_state(epochs=20, batch_size=84, learning_rate=1e-8, early_stop=2))
    interrupted = copies[whole.epochs_done - 2]  # one of the two epochs of patience has passed
    found = fit(face_data, interrupted, read_state(interrupted))
    assert found.epochs_done == whole.epochs_done < 20
    assert found.history == whole.history


@pytest.mark.usefixtures("tiny_build", "eager")
def test_ctrl_c_in_the_middle_of_an_epoch_keeps_the_epoch_before(face_data, tmp_path, new_state, monkeypatch):
    """Ctrl-C within an epoch drops that epoch, and the resumed run has the same metrics as an uninterrupted one."""
    expected = fit(face_data, tmp_path / "whole", new_state())
    pressed = RequireFiniteLoss.on_train_batch_end

    def press(self, batch, logs=None):
        pressed(self, batch, logs)
        if self._epoch == 1 and batch == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(RequireFiniteLoss, "on_train_batch_end", press)
    with pytest.raises(KeyboardInterrupt):
        fit(face_data, tmp_path / "stopped", new_state())
    monkeypatch.setattr(RequireFiniteLoss, "on_train_batch_end", pressed)
    state = read_state(tmp_path / "stopped")
    assert state.epochs_done == 1
    assert fit(face_data, tmp_path / "stopped", state).history == expected.history
