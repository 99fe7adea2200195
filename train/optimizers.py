"""Makes the optimizer of a phase of training."""

import keras

from train.schedule import Phase, step_rate
from train.settings import RunSettings

MOMENTUM = 0.9
NO_DECAY = ["bias", "beta", "gamma"]
"""Names of the weights that do not decay: only kernels do."""


def build_optimizer(settings: RunSettings, phase: Phase, *, batches: int) -> keras.optimizers.Optimizer:
    """Return SGD with Nesterov momentum, Adam or AdamW, with the schedule, clipping and averaging that are set.

    Args:
        settings: of the run.
        phase: the epochs that it is for.
        batches: steps in an epoch.
    """
    common = {
        "learning_rate": step_rate(settings, phase, batches=batches),
        "weight_decay": settings.decay or None,
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
    if settings.precision == "float16":  # small gradients would vanish
        return keras.optimizers.LossScaleOptimizer(optimizer)
    return optimizer
