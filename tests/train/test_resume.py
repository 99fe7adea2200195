"""A run that was stopped and gone on with ends as if it had never been stopped, bit for bit."""

import keras
import numpy as np
import pytest

from train.augment import Augmentation
from train.callbacks import EpochSeeds, FiniteLoss
from train.checkpoint import load_checkpoint
from train.fit import fit
from train.state import BEST, LAST, read_state

TRANSFER = {"model": "transfer", "weights": "published"}

RUNS = {
    "sgd": {},
    "with a warm-up, faces as they are": {"warmup_epochs": 1, "augmentation": None},
    "adam, clipped": {"optimizer": "adam", "learning_rate": 0.01, "clip_norm": 0.5},
    "adamw, averaged": {"optimizer": "adamw", "learning_rate": 0.01, "ema": 0.9},
    "plateau": {"schedule": "plateau", "plateau_patience": 1, "learning_rate": 0.3, "epochs": 5},
    "bfloat16": {"precision": "bfloat16", "class_weights": "balanced"},
    "float16": {"precision": "float16", "ema": 0.9},
    "frozen, stopped in the second phase": {**TRANSFER, "frozen_epochs": 1, "warmup_epochs": 1},
    "frozen, stopped between the phases": {**TRANSFER, "frozen_epochs": 2, "ema": 0.9},
}


@pytest.mark.usefixtures("tiny_build")
@pytest.mark.parametrize("settings", RUNS.values(), ids=RUNS.keys())
def test_a_resumed_run_equals_an_uninterrupted_one(face_data, tmp_path, new_state, snapshot, settings):
    """Weights, optimizer and figures after a stop at the second epoch are those of a run without one."""
    halves, whole = snapshot(2), tmp_path / "whole"
    expected = fit(face_data, whole, new_state(**{"epochs": 3, "augmentation": Augmentation(), **settings}))
    keras.utils.set_random_seed(99)  # another process begins with other chance
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
    """Two lists of variables with the same values, but for the state of dropout, which each epoch draws anew."""
    pairs = [pair for pair in zip(ours, theirs, strict=True) if pair[0].name != "seed_generator_state"]
    return len(pairs) > 0 and all(np.array_equal(*map(keras.ops.convert_to_numpy, pair)) for pair in pairs)


@pytest.mark.usefixtures("tiny_build")
def test_without_the_seeds_of_an_epoch_a_resumed_run_would_differ(
    face_data, tmp_path, new_state, snapshot, monkeypatch
):
    """The comparison above can fail: without `EpochSeeds` it does."""
    monkeypatch.setattr(EpochSeeds, "on_epoch_begin", lambda *_arguments: None)
    halves = snapshot(1)
    expected = fit(face_data, tmp_path / "whole", new_state())
    assert fit(face_data, halves, read_state(halves)).history != expected.history


@pytest.mark.usefixtures("tiny_build")
def test_early_stopping_counts_on_after_a_stop(face_data, tmp_path, new_state, snapshot):
    """The epochs that went by before the stop are not forgotten: both runs end at the same epoch."""
    settings = {"epochs": 20, "learning_rate": 1e-8, "early_stop": 3}
    first = fit(face_data, tmp_path / "first", new_state(**settings))
    halves = snapshot(first.epochs_done - 1)  # one epoch before the end, when two of three have gone by
    fit(face_data, tmp_path / "second", new_state(**settings))
    found = fit(face_data, halves, read_state(halves))
    assert found.history == first.history


@pytest.mark.usefixtures("tiny_build")
def test_ctrl_c_in_the_middle_of_an_epoch_keeps_the_epoch_before(face_data, tmp_path, new_state, monkeypatch):
    """What a half epoch has learnt is dropped; the run goes on to the very same result."""
    expected = fit(face_data, tmp_path / "whole", new_state())
    pressed = FiniteLoss.on_train_batch_end

    def press(self, batch, logs=None):
        pressed(self, batch, logs)
        if self._epoch == 1 and batch == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(FiniteLoss, "on_train_batch_end", press)
    with pytest.raises(KeyboardInterrupt):
        fit(face_data, tmp_path / "stopped", new_state())
    monkeypatch.setattr(FiniteLoss, "on_train_batch_end", pressed)
    state = read_state(tmp_path / "stopped")
    assert state.epochs_done == 1
    assert fit(face_data, tmp_path / "stopped", state).history == expected.history
