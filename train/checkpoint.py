"""Opens a Keras checkpoint, with a clear word where it is none."""

import logging
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge.errors import ConfigError, ModelError
from edge.labels import CLASS_SETS, check_labels
from train.faces import FACE_PX
from train.state import BEST, RUN, RunState, read_state

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A trained model. labels: what its K answers mean. state: the run it comes from, where that is known."""

    path: Path
    model: "keras.Model"
    labels: tuple[str, ...]
    state: RunState | None


def open_checkpoint(path: Path, *, labels: Sequence[str] | None = None) -> Checkpoint:
    """Load the checkpoint that `path` means, with its labels.

    Args:
        path: a run's folder, whose best checkpoint is meant, or a `.keras` file.
        labels: what the answers mean. Default: what the run beside the file says, else the set of 7, 6 or 5 classes.

    Raises:
        ConfigError: the labels are none of ours, contradict the run, or cannot be told.
        ModelError: there is no checkpoint, or it does not fit the labels.
    """
    found, state = find_checkpoint(path)
    if labels is None and state is not None:
        labels = state.settings.labels
    if labels is not None:
        labels = check_labels(labels)
        if state is not None and labels != state.settings.labels:
            trained = ", ".join(state.settings.labels)
            raise ConfigError(f"{path}: expected the run's labels {trained}, found {', '.join(labels)}: drop --labels")
    model = load_checkpoint(found, classes=None if labels is None else len(labels))
    if labels is None:
        classes = int(model.output_shape[1])
        if classes not in CLASS_SETS:
            sets = ", ".join(map(str, sorted(CLASS_SETS)))
            raise ConfigError(f"{found}: expected {sets} classes, found {classes}: name them with --labels")
        labels = CLASS_SETS[classes]
    return Checkpoint(found, model, tuple(labels), state)


def find_checkpoint(path: Path) -> tuple[Path, RunState | None]:
    """Return the checkpoint that `path` means, and the state of its run where one stands beside it.

    Args:
        path: a run's folder, whose best checkpoint is meant, or a `.keras` file.

    Raises:
        ConfigError: the run's state cannot be read.
        ModelError: there is no checkpoint.
    """
    checkpoint = path / BEST if path.is_dir() else path
    if not checkpoint.is_file():
        raise ModelError(f"{checkpoint}: expected a .keras checkpoint, found none: name one, or a run of `train`")
    state = read_state(checkpoint.parent) if (checkpoint.parent / RUN).is_file() else None
    return checkpoint, state


def load_checkpoint(path: Path, *, classes: int | None = None, with_optimizer: bool = False) -> "keras.Model":
    """Load the model at `path`: (B, 48, 48, 1) float32 0 ... 1 in, (B, K) probabilities out.

    Args:
        path: a `.keras` file. Keras' safe mode stays on: code inside a checkpoint is not run.
        classes: the K expected; None takes any from 2.
        with_optimizer: also load what training goes on from.

    Raises:
        ConfigError: Keras or its backend is not installed.
        ModelError: the file is missing or damaged, the model's shapes are others, or its weights are not numbers.
    """
    if not path.is_file():
        raise ModelError(f"{path}: expected a .keras checkpoint, found none: name one, or a run of `train`")
    try:
        import keras  # noqa: PLC0415  # takes seconds: a wrong path or option is answered before
    except ModuleNotFoundError as error:
        raise ConfigError(f"Keras cannot be imported ({error}): pip install 'edge-emotion[train]'") from error
    try:
        model = keras.models.load_model(path, compile=with_optimizer)
    except (
        OSError,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        EOFError,
        RuntimeError,
        zipfile.BadZipFile,
    ) as error:
        log.debug("Keras says of %s: %s", path, error)
        raise ModelError(
            f"{path}: expected a .keras checkpoint, found a file Keras cannot load: train or copy it again"
        ) from error
    _check_shapes(model, path, classes)
    if not all(np.isfinite(weights).all() for weights in model.get_weights()):
        raise ModelError(f"{path}: expected finite weights, found NaN or infinity: the training diverged, train again")
    return model


def _check_shapes(model: "keras.Model", path: Path, classes: int | None) -> None:
    wanted = (None, FACE_PX, FACE_PX, 1)
    found_in, found_out = getattr(model, "input_shape", None), getattr(model, "output_shape", None)
    if found_in != wanted:
        raise ModelError(f"{path}: expected an input of shape {wanted}, found {found_in}: train with one of our models")
    match found_out:
        case (_, int(found)) if classes in (None, found):
            return
        case _:
            wanted_out = (None, classes or "classes")
            raise ModelError(f"{path}: expected an output of shape {wanted_out}, found {found_out}: check the labels")
