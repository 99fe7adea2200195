"""Says how high the learning rate is, and which weights learn, in each epoch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import keras

from train.settings import RunSettings

PATIENCE = 5
FACTOR = 0.5
SMALLEST_GAIN = 1e-4
"""A validation loss that is lower by less is no gain. Source: Keras' `ReduceLROnPlateau`."""
FINE_TUNE = 0.1
"""Learning rate of fine-tuning, as a share of the one before."""


@dataclass(frozen=True, slots=True)
class Phase:
    """Epochs `first` ... `end` - 1, counted from 0, with an optimizer of their own.

    rate: their highest learning rate. frozen: the base of a transfer model does not learn.
    """

    first: int
    end: int
    rate: float
    frozen: bool

    def warmup(self, settings: RunSettings) -> int:
        """Epochs of warm-up: at least one epoch is left to the full rate."""
        return min(settings.warmup_epochs, self.end - self.first - 1)


def phases(settings: RunSettings) -> list[Phase]:
    """Return the phases of a run: one, or with frozen epochs two."""
    if not settings.frozen:
        return [Phase(0, settings.epochs, settings.rate, frozen=False)]
    fine = settings.fine_tune_rate or settings.rate * FINE_TUNE
    return [
        Phase(0, settings.frozen, settings.rate, frozen=True),
        Phase(settings.frozen, settings.epochs, fine, frozen=False),
    ]


def step_rate(
    settings: RunSettings, phase: Phase, *, batches: int
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """Return what the optimizer of `phase` is made with: a linear warm-up and a cosine to zero, or a plain rate.

    Args:
        settings: of the run.
        phase: whose optimizer it is.
        batches: steps in an epoch.
    """
    if settings.schedule == "plateau":
        return phase.rate
    warmup = phase.warmup(settings) * batches
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=phase.rate / 100 if warmup else phase.rate,
        decay_steps=max(1, (phase.end - phase.first) * batches - warmup),
        warmup_target=phase.rate if warmup else None,
        warmup_steps=warmup,
    )


def plateau_rate(settings: RunSettings, phase: Phase, history: Sequence[Mapping[str, float]], epoch: int) -> float:
    """Return the learning rate of `epoch`: risen linearly, then lowered after each wait without a lower loss.

    It follows from the epochs before alone, so that a resumed run goes on with the same rate. Keras'
    `ReduceLROnPlateau` gives the same rates in one go, and forgets its count at a stop.

    Args:
        settings: of the run.
        phase: in which `epoch` lies.
        history: rows of the finished epochs, `epoch` or more of them.
        epoch: counted from 0.
    """
    warmup = phase.warmup(settings)
    if epoch - phase.first < warmup:
        return phase.rate * (epoch - phase.first + 1) / (warmup + 1)
    rate, lowest, wait = phase.rate, float("inf"), 0
    for row in history[phase.first + warmup : epoch]:
        if row["val_loss"] < lowest - SMALLEST_GAIN:
            lowest, wait = row["val_loss"], 0
            continue
        wait += 1
        if wait >= (settings.plateau_patience or PATIENCE):
            rate, wait = rate * (settings.plateau_factor or FACTOR), 0
    return rate


def epochs_without_gain(history: Sequence[Mapping[str, float]]) -> int:
    """Return how many epochs ago the validation accuracy was highest for the first time; 0 before the first epoch."""
    if not history:
        return 0
    accuracies = [row["val_accuracy"] for row in history]
    return len(accuracies) - 1 - accuracies.index(max(accuracies))
