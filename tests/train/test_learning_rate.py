"""Learning rates by step and epoch, phases, and the optimizer."""

from types import SimpleNamespace

import keras
import pytest

from train.fit import fit
from train.schedule import (
    Phase,
    build_optimizer,
    epochs_since_best,
    learning_rate_schedule,
    phases,
    plateau_learning_rate,
)
from train.settings import RunSettings


def settings(**given):
    """Return settings of a run of 20 epochs without warm-up."""
    return RunSettings(labels=("happy", "sad"), data="x", **{"epochs": 20, "warmup_epochs": 0, **given})


def test_cosine_rises_linearly_and_falls_to_zero():
    """The cosine schedule reaches its peak after the warm-up, half of it midway to the end, and zero at the end."""
    given = settings(learning_rate=0.1, warmup_epochs=2, epochs=12)
    rate = learning_rate_schedule(given, phases(given)[0], batches=10)
    values = [float(rate(step)) for step in (0, 10, 20, 70, 120)]
    assert values == pytest.approx([0.001, 0.0505, 0.1, 0.05, 0.0], abs=1e-6)


def test_run_with_frozen_epochs_has_two_phases():
    """Frozen epochs form a phase of their own; the fine-tuning rate is given, or a tenth of the first phase's."""
    assert phases(settings(learning_rate=0.2)) == [Phase(0, 20, 0.2, frozen=False)]
    first, second = phases(settings(learning_rate=0.2, weights="imagenet"))
    assert first == Phase(0, 5, 0.2, frozen=True)
    assert (second.first, second.end, second.frozen) == (5, 20, False)
    assert second.rate == pytest.approx(0.02)
    assert phases(settings(weights="imagenet", fine_tune_rate=0.003))[1].rate == 0.003


LOSSES = [1.0, 0.8, 0.81, 0.82, 0.79995, 0.9, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.6, 0.7, 0.7]


def keras_rates(losses, *, patience, factor):
    """Return the rate of each epoch according to Keras' own callback."""
    callback = keras.callbacks.ReduceLROnPlateau(patience=patience, factor=factor)
    callback.set_model(SimpleNamespace(optimizer=keras.optimizers.SGD(0.1)))
    callback.on_train_begin()
    rates = []
    for epoch, loss in enumerate(losses):
        rates.append(float(callback.model.optimizer.learning_rate))
        callback.on_epoch_end(epoch, {"val_loss": loss})
    return rates


@pytest.mark.parametrize("patience", [1, 2, 3])
def test_plateau_schedule_equals_that_of_keras(patience):
    """Rates recomputed from the history at every epoch equal those of Keras' `ReduceLROnPlateau`."""
    given = settings(schedule="plateau", learning_rate=0.1, plateau_patience=patience, plateau_factor=0.5)
    history = [{"val_loss": loss} for loss in LOSSES]
    rates = [plateau_learning_rate(given, phases(given)[0], history[:epoch], epoch) for epoch in range(len(LOSSES))]
    assert rates == pytest.approx(keras_rates(LOSSES, patience=patience, factor=0.5))
    assert rates[-1] < 0.1


def test_plateau_schedule_ignores_losses_during_warm_up():
    """During the warm-up the rate rises linearly, and losses that do not fall do not reduce it."""
    given = settings(schedule="plateau", learning_rate=0.1, plateau_patience=1, warmup_epochs=3)
    history = [{"val_loss": 1.0}] * 6
    rates = [plateau_learning_rate(given, phases(given)[0], history[:epoch], epoch) for epoch in range(6)]
    assert rates == pytest.approx([0.025, 0.05, 0.075, 0.1, 0.1, 0.05])


@pytest.mark.usefixtures("tiny_build", "eager")
def test_run_on_a_plateau_trains_with_the_reduced_rate(face_data, tmp_path, new_state):
    """The history of a run whose validation loss rises shows the reduced rates of the plateau schedule."""
    given = {"schedule": "plateau", "plateau_patience": 1, "learning_rate": 0.3, "epochs": 4, "plateau_factor": 0.25}
    state = fit(face_data, tmp_path, new_state(**given))
    rates = [row["learning_rate"] for row in state.history]
    first = phases(state.settings)[0]
    assert rates == pytest.approx(
        [plateau_learning_rate(state.settings, first, state.history, epoch) for epoch in range(4)]
    )
    assert rates[-1] < rates[0]


@pytest.mark.parametrize(
    ("accuracies", "expected"), [([], 0), ([0.5], 0), ([0.5, 0.6], 0), ([0.6, 0.6, 0.5], 2), ([0.5, 0.7, 0.6], 1)]
)
def test_epochs_since_best(accuracies, expected):
    """Epochs count from the first of equally good ones."""
    assert epochs_since_best([{"val_accuracy": accuracy} for accuracy in accuracies]) == expected


@pytest.mark.parametrize(
    ("given", "kind", "expected"),
    [
        ({}, keras.optimizers.SGD, {"momentum": 0.9, "nesterov": True, "weight_decay": 5e-4}),
        ({"momentum": 0.0, "weight_decay": 0.0}, keras.optimizers.SGD, {"momentum": 0.0, "weight_decay": None}),
        ({"optimizer": "adam"}, keras.optimizers.Adam, {"weight_decay": None}),
        (
            {"optimizer": "adamw", "clip_norm": 2.0},
            keras.optimizers.AdamW,
            {"weight_decay": 0.05, "global_clipnorm": 2},
        ),
        ({"ema": 0.99}, keras.optimizers.SGD, {"use_ema": True, "ema_momentum": 0.99}),
    ],
)
def test_optimizer_has_the_settings_of_the_run(given, kind, expected):
    """Kind, momentum, weight decay, clipping and averaging of the optimizer are as set, or the defaults."""
    wanted = settings(**given)
    optimizer = build_optimizer(wanted, phases(wanted)[0], batches=10)
    assert type(optimizer) is kind
    assert {name: getattr(optimizer, name) for name in expected} == expected
    assert float(optimizer.learning_rate) == pytest.approx(0.1 if kind is keras.optimizers.SGD else 0.001)
