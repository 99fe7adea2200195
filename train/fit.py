"""Fits a model to a data set, from the first epoch or from where a run stopped."""

import logging
from pathlib import Path

import keras
import numpy as np

from edge.errors import ConfigError, MediaError, ModelError
from edge.vision.crop import to_unit
from train.answers import read_answers, shown_by
from train.batches import Batches
from train.callbacks import Checkpoints, EarlyStop, EpochSeeds, FiniteLoss, Interrupts, stopped_early
from train.checkpoint import load_checkpoint
from train.devices import on_devices
from train.distil import with_teachers
from train.faces import FaceData, FaceSet, unseen
from train.history import draw_curves
from train.models import build_model
from train.optimizers import build_optimizer
from train.pretrained import freeze_base, thaw_base
from train.progress import Progress
from train.provenance import check_same, provenance
from train.schedule import Phase, phases, plateau_rate
from train.settings import RunSettings, check_settings
from train.state import LAST, RunState, write_state

log = logging.getLogger(__name__)

POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}
"""Keras' name of each precision."""


def fit(data: FaceData, folder: Path, state: RunState, *, devices: int = 1) -> RunState:
    """Train until `state.settings.epochs`; everything a later step needs is in `folder` after each epoch.

    The best epoch is chosen by accuracy on the validation faces that do not also stand in the training split.

    Args:
        data: the faces.
        folder: of the run; made where it is missing.
        state: where to begin; brought up to date after each epoch.
        devices: see `on_devices`.

    Returns the state after the last epoch.

    Raises:
        ConfigError: settings that contradict each other, other data than the run began with, a teacher with other
            labels, or teachers' answers to other faces.
        MediaError: every validation face also stands in the training split, or there are no such answers.
        ModelError: the checkpoint to go on from is missing or damaged, or the loss is no number any more.
        SinkError: a file cannot be written.
    """
    settings = state.settings
    check_settings(settings)
    clean = data.validation.where(unseen(data.validation, data.training))
    if len(clean) == 0:
        raise MediaError(f"{data.name}: expected validation faces that are not in training too, found none: split anew")
    now = provenance(data)
    check_same(state.provenance or now, now)
    state.provenance = state.provenance or now
    batch_size = min(settings.batch_size, len(data.training))
    batches = _new_batches(data, settings, batch_size=batch_size)
    _open_folder(folder, state)
    _repeat_exactly(settings.seed)
    log.info("training %s on %d faces, choosing on %d", settings.model, len(data.training), len(clean))
    try:
        with on_devices(devices, batch_size=batch_size) as shares:
            clean = clean.where(np.arange(len(clean)) < len(clean) - len(clean) % shares)  # shared out evenly as well
            for phase in phases(settings):
                if state.epochs_done < phase.end and not stopped_early(state):
                    _fit_phase(phase, state, folder, batches=batches, training=data.training, clean=clean)
    finally:
        if state.history:
            draw_curves(folder, state.history)
    return state


def _new_batches(data: FaceData, settings: RunSettings, *, batch_size: int) -> Batches:
    answers = read_answers(Path(settings.answers), data, shown_by(settings)) if settings.answers else None
    return Batches(
        data.training,
        batch_size=batch_size,
        seed=settings.seed,
        augmentation=settings.augmentation,
        answers=answers,
        share=settings.taught_share,
    )


def _repeat_exactly(seed: int) -> None:
    """Let all chance follow from `seed`; TensorFlow's sums come in another order in each process unless it is told."""
    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf  # noqa: PLC0415  # only where it is the backend

        tf.config.experimental.enable_op_determinism()


def _open_folder(folder: Path, state: RunState) -> None:
    """Make the run's folder, and see that it can be written before time is spent."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"{folder}: expected a folder that can be written, found '{error.strerror}': give another --out"
        ) from error
    write_state(folder, state)


def _fit_phase(
    phase: Phase, state: RunState, folder: Path, *, batches: Batches, training: FaceSet, clean: FaceSet
) -> None:
    """Train the rest of `phase`. A phase begins as a resumed run does, from the last checkpoint."""
    settings = state.settings
    weights = "" if state.epochs_done else settings.weights
    net = _net(settings, phase, precision=settings.precision, weights=weights)
    twin = _net(settings, phase, precision="float32")
    optimizer = build_optimizer(settings, phase, batches=len(batches))
    optimizer.build(net.trainable_variables)
    if state.epochs_done:
        _restore(net, optimizer if state.epochs_done > phase.first else None, folder / LAST)
    trained = with_teachers(net, settings)
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=settings.label_smoothing)
    net.compile(optimizer=optimizer, loss=loss, metrics=["accuracy"])
    trained.compile(optimizer=optimizer, loss=loss, metrics=["accuracy"])
    with Progress(state, batches=len(batches), batch_size=settings.batch_size) as progress:
        trained.fit(
            batches,
            validation_data=(to_unit(clean.pixels)[..., np.newaxis], clean.targets),
            validation_batch_size=settings.batch_size,
            initial_epoch=state.epochs_done,
            epochs=phase.end,
            shuffle=False,
            verbose=0,
            class_weight=_class_weights(settings, training),
            callbacks=[
                *_library_callbacks(phase, state),
                EpochSeeds(net, batches, seed=settings.seed),
                Interrupts(),
                FiniteLoss(batches),
                Checkpoints(folder, state, net=net, twin=twin),
                EarlyStop(state),
                progress,
            ],
        )


def _library_callbacks(phase: Phase, state: RunState) -> list[keras.callbacks.Callback]:
    """Return Keras' own callbacks that the settings ask for."""
    callbacks: list[keras.callbacks.Callback] = []
    if state.settings.schedule == "plateau":
        callbacks.append(
            keras.callbacks.LearningRateScheduler(
                lambda epoch: plateau_rate(state.settings, phase, state.history, epoch)
            )
        )
    if state.settings.ema is not None:
        callbacks.append(keras.callbacks.SwapEMAWeights())  # validation asks the averaged weights
    return callbacks


def _class_weights(settings: RunSettings, faces: FaceSet) -> dict[int, float] | None:
    """Return what a face of each class counts, so that all classes count alike and a face counts 1 on average."""
    if settings.class_weights == "none":
        return None
    counts = faces.counts()
    return {code: len(faces) / (len(counts) * max(1, int(count))) for code, count in enumerate(counts)}


def _net(settings: RunSettings, phase: Phase, *, precision: str, weights: str = "") -> keras.Model:
    """Build the net as `phase` trains it, to be computed in `precision`."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(POLICIES[precision])
    try:
        net = build_model(settings.model, classes=len(settings.labels), weights=weights)
    finally:
        keras.config.set_dtype_policy(before)
    if phase.frozen:
        freeze_base(net)
    elif settings.weights and not settings.inherits:
        thaw_base(net)
    return net


def _restore(net: keras.Model, optimizer: keras.optimizers.Optimizer | None, path: Path) -> None:
    """Give `net`, and `optimizer` where it goes on, what the checkpoint at `path` holds.

    Both are built by us: a saved optimizer forgets which weights do not decay.

    Raises:
        ModelError: the checkpoint is missing, damaged, or of other settings.
    """
    saved = load_checkpoint(path, with_optimizer=True)
    pairs = list(zip(net.variables, saved.variables, strict=False))
    fits = len(net.variables) == len(saved.variables)
    if optimizer is not None:
        saved_optimizer = saved.optimizer.variables if saved.optimizer else []
        pairs += zip(optimizer.variables, saved_optimizer, strict=False)
        fits = fits and len(optimizer.variables) == len(saved_optimizer)
    if not fits or any(ours.shape != theirs.shape for ours, theirs in pairs):
        raise ModelError(f"{path}: expected the weights and the optimizer's state, found others: start a new run")
    for ours, theirs in pairs:
        ours.assign(theirs)
