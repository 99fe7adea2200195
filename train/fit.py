"""Fits a model to a data set, from the first epoch or from where a run stopped."""

import logging
import time
from pathlib import Path
from typing import Annotated

import keras
import msgspec
import numpy as np
from msgspec import Meta

from edge.errors import ConfigError
from edge.vision.crop import to_unit
from train.augment import Augmentation
from train.batches import Batches
from train.faces import FaceData, unseen
from train.models import build_model
from train.progress import Progress

log = logging.getLogger(__name__)

BEST = "best.keras"
LAST = "last.keras"
RUN = "run.json"


class RunSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What makes a run: the same settings and data give the same result on the same machine."""

    model: str = "edge_small"
    labels: tuple[str, ...]
    data: str
    votes_share: Annotated[float, Meta(ge=0.0, le=1.0)] = 0.0
    epochs: Annotated[int, Meta(ge=1)] = 60
    batch_size: Annotated[int, Meta(ge=1)] = 128
    learning_rate: Annotated[float, Meta(gt=0.0)] = 0.1
    warmup_epochs: Annotated[int, Meta(ge=0)] = 2
    momentum: Annotated[float, Meta(ge=0.0, lt=1.0)] = 0.9
    weight_decay: Annotated[float, Meta(ge=0.0)] = 5e-4
    label_smoothing: Annotated[float, Meta(ge=0.0, lt=1.0)] = 0.1
    seed: int = 0


class RunState(msgspec.Struct, kw_only=True):
    """How far a run has come. history: one row of figures for each finished epoch."""

    settings: RunSettings
    epochs_done: int = 0
    best_accuracy: float = 0.0
    seconds: float = 0.0
    history: list[dict[str, float]] = []


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
        if figures["val_accuracy"] > self._state.best_accuracy:
            self._state.best_accuracy = figures["val_accuracy"]
            self._save(BEST)
        self._state.history.append(figures)
        self._state.epochs_done = epoch + 1
        self._state.seconds += time.monotonic() - self._started
        partial = self._folder / f"{RUN}.partial"
        partial.write_bytes(msgspec.json.format(msgspec.json.encode(self._state)))
        partial.replace(self._folder / RUN)

    def _save(self, name: str) -> None:
        partial = self._folder / f"partial.{name}"
        self.model.save(partial)
        partial.replace(self._folder / name)


def read_state(folder: Path) -> RunState:
    """Read how far the run in `folder` has come.

    Raises:
        ConfigError: there is no run, or its state cannot be read.
    """
    path = folder / RUN
    try:
        return msgspec.json.decode(path.read_bytes(), type=RunState)
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: expected a training run here, found none: start one without --resume") from error
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigError(f"{path}: the run's state cannot be read: {error}") from error


def fit(data: FaceData, folder: Path, state: RunState, *, augmentation: Augmentation | None) -> RunState:
    """Train until `state.settings.epochs`; everything a later step needs is in `folder` after each epoch.

    The best epoch is chosen by accuracy on the validation faces that do not also stand in the training split.
    Returns the state after the last epoch.
    """
    settings = state.settings
    keras.utils.set_random_seed(settings.seed + state.epochs_done)
    batches = Batches(
        data.training,
        batch_size=settings.batch_size,
        seed=settings.seed,
        augmentation=augmentation,
        first_epoch=state.epochs_done,
    )
    if state.epochs_done:
        model = keras.models.load_model(folder / LAST)
    else:
        folder.mkdir(parents=True, exist_ok=True)
        model = build_model(settings.model, classes=len(data.labels))
        model.compile(
            optimizer=_optimizer(settings, len(batches)),
            loss=keras.losses.CategoricalCrossentropy(label_smoothing=settings.label_smoothing),
            metrics=["accuracy"],
        )
    clean = data.validation.where(unseen(data.validation, data.training))
    log.info("training %s on %d faces, choosing on %d", settings.model, len(data.training), len(clean))
    model.fit(
        batches,
        validation_data=(to_unit(clean.pixels)[..., np.newaxis], clean.targets),
        initial_epoch=state.epochs_done,
        epochs=settings.epochs,
        shuffle=False,
        verbose=0,
        callbacks=[Checkpoints(folder, state), Progress(settings.epochs, len(batches), batches_done=state.epochs_done * len(batches), batch_size=settings.batch_size)],
    )
    return state


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
