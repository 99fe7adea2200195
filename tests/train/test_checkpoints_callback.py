"""The saved checkpoints: best.keras has the best epoch in float32 with averaged weights, last.keras the last epoch."""

import keras
import numpy as np
import pytest

from train.callbacks import Checkpoints
from train.checkpoint import load_checkpoint
from train.fit import fit
from train.run_folder import BEST, LAST, TrainingState, read_state
from train.settings import RunSettings

pytestmark = pytest.mark.slow


def dense_net():
    """Return a minimal net with an optimizer."""
    net = keras.Sequential([keras.Input((48, 48, 1)), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")])
    net.compile(optimizer=keras.optimizers.SGD())
    return net


def checkpoints(folder):
    """Return the callback under test, and the net that it saves."""
    state = TrainingState(settings=RunSettings(labels=("happy", "sad"), data="x"))
    net = dense_net()
    return Checkpoints(folder, state, net=net, twin=dense_net()), net


def test_best_checkpoint_survives_worse_epochs(tmp_path):
    """best.keras has the epoch with the highest validation accuracy, last.keras always the last one."""
    callback, net = checkpoints(tmp_path)
    for epoch, accuracy in enumerate((0.4, 0.6, 0.5)):
        net.set_weights([np.full_like(weights, epoch) for weights in net.get_weights()])
        callback.on_epoch_begin(epoch)
        callback.on_epoch_end(epoch, {"loss": 1.0, "accuracy": 0.5, "val_loss": 1.0, "val_accuracy": accuracy})
    assert load_checkpoint(tmp_path / BEST).get_weights()[0].max() == 1
    assert load_checkpoint(tmp_path / LAST).get_weights()[0].max() == 2
    assert read_state(tmp_path).best_accuracy == 0.6
    assert read_state(tmp_path).epochs_done == 3


def test_first_epoch_is_saved_even_with_zero_accuracy(tmp_path):
    """best.keras exists after the first epoch, whatever its accuracy."""
    callback, _net = checkpoints(tmp_path)
    callback.on_epoch_end(0, {"val_accuracy": 0.0})
    assert (tmp_path / BEST).is_file()


@pytest.mark.usefixtures("tiny_build", "eager")
@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_averaged_weights_are_validated_and_saved_as_the_best(face_data, tmp_path, new_state, monkeypatch, precision):
    """best.keras has the moving average of the weights, computed here by hand; last.keras has the plain weights.

    The validation loss in the history belongs to the averaged weights.
    """
    steps = []

    def record(self, batch, logs=None):  # noqa: ARG001  # Keras' signature
        steps.append([weight.numpy() for weight in self.model.trainable_variables])

    monkeypatch.setattr("train.callbacks.Progress.on_train_batch_end", record)
    settings = {"epochs": 1, "ema": 0.8, "label_smoothing": 0.0, "precision": precision}
    state = fit(face_data, tmp_path, new_state(**settings))
    average = steps[0]
    for weights in steps[1:]:
        average = [0.8 * old + 0.2 * new for old, new in zip(average, weights, strict=True)]
    best, last = load_checkpoint(tmp_path / BEST), load_checkpoint(tmp_path / LAST)
    for ours, theirs, final in zip(best.trainable_variables, average, last.trainable_variables, strict=True):
        assert np.allclose(ours, theirs, atol=1e-6)
        assert np.allclose(final, steps[-1].pop(0), atol=1e-6)
        assert not np.allclose(ours, final, atol=1e-4)
    best.compile(loss="categorical_crossentropy")
    faces = face_data.validation.pixels[..., None] / np.float32(255)
    loss = best.evaluate(faces, face_data.validation.targets, verbose=0)
    assert state.history[0]["val_loss"] == pytest.approx(loss, rel=1e-4 if precision == "float32" else 2e-2)


@pytest.mark.usefixtures("tiny_build", "eager")
@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_mixed_precision_saves_the_best_in_float32(face_data, tmp_path, new_state, precision):
    """last.keras computes in 16 bits with float32 weights; best.keras is entirely float32."""
    fit(face_data, tmp_path, new_state(epochs=1, precision=precision))
    last, best = load_checkpoint(tmp_path / LAST, with_optimizer=True), load_checkpoint(tmp_path / BEST)
    assert last.layers[0].compute_dtype == precision
    assert {variable.dtype for variable in last.trainable_variables} == {"float32"}
    assert {layer.compute_dtype for layer in best.layers} == {"float32"}
    assert hasattr(last.optimizer, "dynamic_scale") == (precision == "float16"), "float16 needs its loss scaled"
    for ours, theirs in zip(best.get_weights(), last.get_weights(), strict=True):
        assert np.array_equal(ours, theirs)


@pytest.mark.usefixtures("tiny_build", "eager")
def test_a_frozen_base_does_not_learn_and_fine_tuning_has_its_own_rate(face_data, tmp_path, new_state, snapshot):
    """In the frozen epoch the base keeps its weights; afterwards it learns at the rate of fine-tuning."""
    frozen = snapshot(1)
    settings = {
        "model": "transfer",
        "weights": "published",
        "frozen_epochs": 1,
        "weight_decay": 0.0,
        "augmentation": None,
    }
    moves = {}
    for rate in (1e-3, 1e-2):
        run = tmp_path / str(rate)
        fit(face_data, run, new_state(**settings, fine_tune_rate=rate))
        before, after = (load_checkpoint(path / LAST).get_layer("base").get_weights() for path in (frozen, run))
        moves[rate] = np.abs(after[0] - before[0]).max()
        for ours, theirs in zip(after[1:], before[1:], strict=True):
            assert np.array_equal(ours, theirs), "normalization keeps the statistics of the given weights"
    initial = keras.initializers.RandomNormal(seed=0)(before[0].shape)
    assert np.array_equal(before[0], initial)
    assert 0 < moves[1e-3] < moves[1e-2] / 5
