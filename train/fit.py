"""Fits a model to a data set, from the first epoch or from where a run stopped."""

import logging
import time
from pathlib import Path

import keras
import numpy as np

from edge.errors import ConfigError, MediaError, ModelError
from edge.vision.crop import to_unit
from train.augment import Augmentation
from train.batches import Batches
from train.checkpoint import load_checkpoint
from train.faces import FaceData, unseen
from train.models import build_model
from train.progress import Progress
from train.state import BEST, LAST, RunSettings, RunState, write_state

log = logging.getLogger(__name__)


class EpochSeeds(keras.callbacks.Callback):  # type: ignore[misc]  # Keras ships no types
    """Makes every epoch's chance (order, augmentation, dropout) follow from the seed and the epoch alone.

    A checkpoint does not hold dropout's random state, so without this a resumed run would leave the track.
    """

    def __init__(self, batches: Batches, *, seed: int) -> None:
        super().__init__()
        self._batches = batches
        self._seed = seed

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002  # Keras' signature
        """Seed the epoch, counted from 0."""
        self._batches.start_epoch(epoch)
        rng = np.random.default_rng((self._seed, epoch))
        for variable in self.model.variables:
            if variable.name == "seed_generator_state":
                variable.assign(rng.integers(0, 2**31, size=variable.shape).astype(variable.dtype))


class Checkpoints(keras.callbacks.Callback):  # type: ignore[misc]  # Keras ships no types
    """Keeps `best.keras` (validation accuracy), `last.keras` and `run.json`; each replaces the old one atomically."""

    def __init__(self, folder: Path, state: RunState) -> None:
        super().__init__()
        self._folder = folder
        self._state = state
        self._started = time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002  # Keras' signature
        """Start the epoch's clock."""
        self._started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Save. The state is written last: it vouches for a `last.keras` that is already there."""
        figures = {name: float(value) for name, value in (logs or {}).items()}
        self._save(LAST)
        if figures["val_accuracy"] > self._state.best_accuracy or not self._state.history:
            self._state.best_accuracy = figures["val_accuracy"]
            self._save(BEST)
        self._state.history.append(figures)
        self._state.epochs_done = epoch + 1
        self._state.seconds += time.monotonic() - self._started
        write_state(self._folder, self._state)

    def _save(self, name: str) -> None:
        partial = self._folder / f"partial.{name}"
        self.model.save(partial)
        partial.replace(self._folder / name)


def fit(data: FaceData, folder: Path, state: RunState, *, augmentation: Augmentation | None) -> RunState:
    """Train until `state.settings.epochs`; everything a later step needs is in `folder` after each epoch.

    The best epoch is chosen by accuracy on the validation faces that do not also stand in the training split.
    Returns the state after the last epoch.

    Raises:
        ConfigError: the folder cannot be made.
        MediaError: every validation face also stands in the training split.
        ModelError: the checkpoint to go on from is missing or damaged.
    """
    settings = state.settings
    clean = data.validation.where(unseen(data.validation, data.training))
    if len(clean) == 0:
        raise MediaError(f"{data.name}: expected validation faces that are not in training too, found none: split anew")
    keras.utils.set_random_seed(settings.seed)
    batches = Batches(data.training, batch_size=settings.batch_size, seed=settings.seed, augmentation=augmentation)
    model = _model(folder, state, batches=len(batches))
    bar = Progress(
        settings.epochs,
        len(batches),
        batches_done=state.epochs_done * len(batches),
        batch_size=settings.batch_size,
    )
    log.info("training %s on %d faces, choosing on %d", settings.model, len(data.training), len(clean))
    model.fit(
        batches,
        validation_data=(to_unit(clean.pixels)[..., np.newaxis], clean.targets),
        initial_epoch=state.epochs_done,
        epochs=settings.epochs,
        shuffle=False,
        verbose=0,
        callbacks=[EpochSeeds(batches, seed=settings.seed), Checkpoints(folder, state), bar],
    )
    return state


def _model(folder: Path, state: RunState, *, batches: int) -> keras.Model:
    """Return a compiled model: new, or as the run in `folder` left it.

    The optimizer is always built here: a saved one forgets which weights do not decay.
    """
    settings = state.settings
    optimizer = _optimizer(settings, batches)
    if state.epochs_done:
        model = load_checkpoint(folder / LAST, classes=len(settings.labels), with_optimizer=True)
        optimizer.build(model.trainable_variables)
        saved = model.optimizer.variables if model.optimizer else []
        if len(saved) != len(optimizer.variables):
            raise ModelError(f"{folder / LAST}: expected the optimizer's state, found none that fits: start a new run")
        for variable, value in zip(optimizer.variables, saved, strict=True):
            variable.assign(value)
    else:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"{folder}: expected a folder that can be written: {error.strerror}: give --out"
            ) from error
        model = build_model(settings.model, classes=len(settings.labels))
    model.compile(
        optimizer=optimizer,
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=settings.label_smoothing),
        metrics=["accuracy"],
    )
    return model


def _optimizer(settings: RunSettings, batches: int) -> keras.optimizers.Optimizer:
    """SGD with Nesterov momentum, a linear warm-up, then a cosine to zero. Only kernels decay."""
    warmup = min(settings.warmup_epochs, settings.epochs - 1) * batches
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=settings.learning_rate / 100 if warmup else settings.learning_rate,
        decay_steps=max(1, settings.epochs * batches - warmup),
        warmup_target=settings.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
    optimizer = keras.optimizers.SGD(
        schedule, momentum=settings.momentum, nesterov=True, weight_decay=settings.weight_decay
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "beta", "gamma"])
    return optimizer
