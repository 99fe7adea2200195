"""The training loop: fits a net to a data set, from scratch or from where a run stopped."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np

from edge.device.packages import install_command
from edge.errors import ConfigError, MediaError, ModelError
from edge.vision.crop import to_unit
from train.batches import Batches
from train.callbacks import (
    Checkpoints,
    EarlyStop,
    EpochSeeds,
    Progress,
    RequireFiniteLoss,
    StopOnInterrupt,
    stopped_early,
)
from train.checkpoint import load_checkpoint
from train.data.faces import FaceData, FaceSet, unseen
from train.distil import with_teachers
from train.models import build_model
from train.pretrained import freeze_base, thaw_base
from train.run_folder import LAST, TrainingState, check_same_data, collect_provenance, draw_history_curves, write_state
from train.schedule import Phase, build_optimizer, phases, plateau_learning_rate
from train.settings import RunSettings, check_settings
from train.teacher_predictions import load_predictions, view_settings

log = logging.getLogger(__name__)

POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}
"""Keras' dtype policy for each precision."""


def fit(data: FaceData, folder: Path, state: TrainingState, *, devices: int = 1) -> TrainingState:
    """Train until `state.settings.epochs` and save the run in `folder` after each epoch.

    The best epoch is chosen by accuracy on the validation faces without a copy in the training split.

    Args:
        data: the faces.
        folder: of the run; created if it is missing.
        state: where to start; updated after each epoch.
        devices: see `on_devices`.

    Returns:
        The state after the last epoch.

    Raises:
        ConfigError: settings contradict each other, the data is not the run's, a teacher has other labels, or the
            teachers' predictions are for other faces.
        MediaError: every validation face has a copy in the training split, or the teachers' predictions are missing.
        ModelError: the last checkpoint is missing or damaged, or the loss is not finite.
        SinkError: a file cannot be written.
    """
    settings = state.settings
    check_settings(settings)
    clean = data.validation.where(unseen(data.validation, data.training))
    if len(clean) == 0:
        raise MediaError(
            f"{data.name}: expected validation faces that are not in training too, found none: use other splits"
        )
    provenance = collect_provenance(data)
    check_same_data(state.provenance or provenance, provenance)
    state.provenance = state.provenance or provenance
    batch_size = min(settings.batch_size, len(data.training))
    batches = _make_batches(data, settings, batch_size=batch_size)
    _open_folder(folder, state)
    _make_deterministic(settings.seed)
    log.info("training %s on %d faces, choosing on %d", settings.model, len(data.training), len(clean))
    try:
        with on_devices(devices, batch_size=batch_size) as count:
            clean = clean.where(np.arange(len(clean)) < len(clean) - len(clean) % count)  # equal shares for devices
            for phase in phases(settings):
                if state.epochs_done < phase.end and not stopped_early(state):
                    _fit_phase(phase, state, folder, batches=batches, training=data.training, clean=clean)
    finally:
        if state.history:
            draw_history_curves(folder, state.history)
    return state


def _make_batches(data: FaceData, settings: RunSettings, *, batch_size: int) -> Batches:
    predictions = load_predictions(Path(settings.answers), data, view_settings(settings)) if settings.answers else None
    return Batches(
        data.training,
        batch_size=batch_size,
        seed=settings.seed,
        augmentation=settings.augmentation,
        predictions=predictions,
        share=settings.predictions_share,
    )


def _make_deterministic(seed: int) -> None:
    """Derive all randomness from `seed`, and make TensorFlow add up in the same order in every process."""
    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf  # noqa: PLC0415  # only if it is the backend

        tf.config.experimental.enable_op_determinism()


def _open_folder(folder: Path, state: TrainingState) -> None:
    """Create the run's folder and write the state, so that an unwritable folder fails before any training."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"{folder}: expected a folder that can be written, found '{error.strerror}': give another --out"
        ) from error
    write_state(folder, state)


def _fit_phase(
    phase: Phase, state: TrainingState, folder: Path, *, batches: Batches, training: FaceSet, clean: FaceSet
) -> None:
    """Train the remaining epochs of `phase`; like a resumed run, it starts from the last checkpoint."""
    settings = state.settings
    weights = "" if state.epochs_done else settings.weights
    net = _build_net(settings, phase, precision=settings.precision, weights=weights)
    twin = _build_net(settings, phase, precision="float32")
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
                StopOnInterrupt(),
                RequireFiniteLoss(batches),
                Checkpoints(folder, state, net=net, twin=twin),
                EarlyStop(state),
                progress,
            ],
        )


def _library_callbacks(phase: Phase, state: TrainingState) -> list[keras.callbacks.Callback]:
    """Return the callbacks of Keras itself that the settings require."""
    callbacks: list[keras.callbacks.Callback] = []
    if state.settings.schedule == "plateau":
        callbacks.append(
            keras.callbacks.LearningRateScheduler(
                lambda epoch: plateau_learning_rate(state.settings, phase, state.history, epoch)
            )
        )
    if state.settings.ema is not None:
        callbacks.append(keras.callbacks.SwapEMAWeights())  # validation uses the averaged weights
    return callbacks


def _class_weights(settings: RunSettings, faces: FaceSet) -> dict[int, float] | None:
    """Return the weight of a face of each class: classes have equal weight in total, and a face 1 on average."""
    if settings.class_weights == "none":
        return None
    counts = faces.counts()
    return {code: len(faces) / (len(counts) * max(1, int(count))) for code, count in enumerate(counts)}


def _build_net(settings: RunSettings, phase: Phase, *, precision: str, weights: str = "") -> keras.Model:
    """Build the net for `phase`, computing in `precision`."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(POLICIES[precision])
    try:
        net = build_model(settings.model, classes=len(settings.labels), weights=weights)
    finally:
        keras.config.set_dtype_policy(before)
    if phase.frozen:
        freeze_base(net)
    elif settings.weights and not settings.starts_from_checkpoint:
        thaw_base(net)
    return net


def _restore(net: keras.Model, optimizer: keras.optimizers.Optimizer | None, path: Path) -> None:
    """Load the weights of `net`, and the state of `optimizer` if given, from the checkpoint at `path`.

    Net and optimizer are built anew by the caller, because a saved optimizer loses which weights do not decay.

    Raises:
        ModelError: the checkpoint is missing or damaged, or other settings made it.
    """
    saved = load_checkpoint(path, with_optimizer=True)
    pairs = list(zip(net.variables, saved.variables, strict=False))
    matches = len(net.variables) == len(saved.variables)
    if optimizer is not None:
        saved_optimizer = saved.optimizer.variables if saved.optimizer else []
        pairs += zip(optimizer.variables, saved_optimizer, strict=False)
        matches = matches and len(optimizer.variables) == len(saved_optimizer)
    if not matches or any(ours.shape != theirs.shape for ours, theirs in pairs):
        raise ModelError(f"{path}: expected the weights and the optimizer's state, found others: start a new run")
    for ours, theirs in pairs:
        ours.assign(theirs)


@contextmanager
def on_devices(count: int, *, batch_size: int) -> Iterator[int]:
    """Distribute the training of nets built inside over `count` devices, each with an equal part of every batch.

    Args:
        count: number of JAX devices (GPUs, or CPUs without any); 0 for all, 1 for Keras' default.
        batch_size: faces per step, over all devices.

    Yields:
        The number of devices.

    Raises:
        ConfigError: the backend is not JAX, there are too few devices, or the batch does not divide evenly.
    """
    if count == 1:
        yield 1
        return
    if keras.backend.backend() != "jax":
        raise ConfigError(
            f"--devices {count}: expected the backend jax, found {keras.backend.backend()}: "
            f"{install_command('edge-emotion[devices]')} and set KERAS_BACKEND=jax"
        )
    devices = keras.distribution.list_devices()
    wanted = count or len(devices)
    if wanted > len(devices):
        raise ConfigError(
            f"--devices: expected at most {len(devices)}, the devices that JAX finds, found {count}: choose fewer"
        )
    if batch_size % wanted:
        raise ConfigError(f"--batch-size: expected a multiple of {wanted} devices, found {batch_size}: choose another")
    before = keras.distribution.distribution()
    keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices[:wanted]))
    try:
        yield wanted
    finally:
        keras.distribution.set_distribution(before)
