"""Phases, learning rates and optimizers of a training run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import keras

from train.settings import RunSettings

PLATEAU_PATIENCE = 5
PLATEAU_FACTOR = 0.5

MIN_GAIN = 1e-4
"""Smallest decrease of the validation loss that counts. Source: Keras' `ReduceLROnPlateau`."""

FINE_TUNE_FACTOR = 0.1
"""Learning rate of fine-tuning, as a factor of that of the frozen epochs."""


@dataclass(frozen=True, slots=True)
class Phase:
    """Epochs `first` ... `end` - 1, counted from 0, that share an optimizer.

    Attributes:
        rate: peak learning rate.
        frozen: whether the base of a transfer model is frozen.
    """

    first: int
    end: int
    rate: float
    frozen: bool

    def warmup(self, settings: RunSettings) -> int:
        """Return the number of warm-up epochs; at least one epoch has the full learning rate."""
        return min(settings.warmup_epochs, self.end - self.first - 1)


def phases(settings: RunSettings) -> list[Phase]:
    """Return the phases of a run: one, or two if there are frozen epochs."""
    if not settings.frozen:
        return [Phase(0, settings.epochs, settings.peak_learning_rate, frozen=False)]
    fine = settings.fine_tune_rate or settings.peak_learning_rate * FINE_TUNE_FACTOR
    return [
        Phase(0, settings.frozen, settings.peak_learning_rate, frozen=True),
        Phase(settings.frozen, settings.epochs, fine, frozen=False),
    ]


def learning_rate_schedule(
    settings: RunSettings, phase: Phase, *, batches: int
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """Return the optimizer's learning rate in `phase`: linear warm-up and cosine to zero, or for "plateau" a constant.

    Args:
        settings: of the run.
        phase: the phase.
        batches: steps per epoch.
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


def plateau_learning_rate(
    settings: RunSettings, phase: Phase, history: Sequence[Mapping[str, float]], epoch: int
) -> float:
    """Return the learning rate of `epoch` with schedule "plateau": linear warm-up, then reductions on plateaus.

    It is computed from the history alone, so that a resumed run continues with the same rate. Keras'
    `ReduceLROnPlateau` gives the same rates in an uninterrupted run, but loses its count when the run stops.

    Args:
        settings: of the run.
        phase: the phase that contains `epoch`.
        history: rows of the finished epochs, at least `epoch` of them.
        epoch: counted from 0.
    """
    warmup = phase.warmup(settings)
    if epoch - phase.first < warmup:
        return phase.rate * (epoch - phase.first + 1) / (warmup + 1)
    rate, lowest, wait = phase.rate, float("inf"), 0
    for row in history[phase.first + warmup : epoch]:
        if row["val_loss"] < lowest - MIN_GAIN:
            lowest, wait = row["val_loss"], 0
            continue
        wait += 1
        if wait >= (settings.plateau_patience or PLATEAU_PATIENCE):
            rate, wait = rate * (settings.plateau_factor or PLATEAU_FACTOR), 0
    return rate


def epochs_since_best(history: Sequence[Mapping[str, float]]) -> int:
    """Return the epochs since the (first) highest validation accuracy; 0 before the first epoch."""
    if not history:
        return 0
    accuracies = [row["val_accuracy"] for row in history]
    return len(accuracies) - 1 - accuracies.index(max(accuracies))


MOMENTUM = 0.9
NO_DECAY = ["bias", "beta", "gamma"]
"""Names of the weights without weight decay; only kernels decay."""


def build_optimizer(settings: RunSettings, phase: Phase, *, batches: int) -> keras.optimizers.Optimizer:
    """Build the optimizer of a phase: SGD with Nesterov momentum, Adam or AdamW, with the settings' other choices.

    Args:
        settings: of the run.
        phase: the phase.
        batches: steps per epoch.
    """
    common = {
        "learning_rate": learning_rate_schedule(settings, phase, batches=batches),
        "weight_decay": settings.effective_weight_decay or None,
        "global_clipnorm": settings.clip_norm,
        "use_ema": settings.ema is not None,
        "ema_momentum": settings.ema or 0.0,
    }
    match settings.optimizer:
        case "sgd":
            momentum = MOMENTUM if settings.momentum is None else settings.momentum
            optimizer = keras.optimizers.SGD(momentum=momentum, nesterov=True, **common)
        case "adam":
            optimizer = keras.optimizers.Adam(**common)
        case "adamw":
            optimizer = keras.optimizers.AdamW(**common)
    optimizer.exclude_from_weight_decay(var_names=NO_DECAY)
    if settings.precision == "float16":  # else small gradients underflow
        return keras.optimizers.LossScaleOptimizer(optimizer)
    return optimizer
