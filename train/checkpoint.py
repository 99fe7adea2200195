"""Opens Keras checkpoints with their labels, and explains files that are none."""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge.errors import ConfigError, ModelError
from edge.labels import CLASS_SETS, check_labels
from edge.model.manifest import InputSpec
from edge.stages import how_to_install
from train.hdf5_check import UnreadableHdf5Error, check_hdf5
from train.keras2 import readable_h5
from train.keras_file import TooLargeError, limited_loading
from train.native_logs import capture_native_logs
from train.run_folder import BEST, RUN, TrainingState, read_state

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)

SIDES_PX = range(16, 257)
"""Input sizes that a manifest can describe (see `InputSpec`)."""

UNKNOWN = re.compile(r"(?:Unknown layer:|Could not locate (?:class|function)) '([^']+)'")
"""Keras' messages about a layer or function that it does not know."""

_OUT_OF_MEMORY = re.compile(r"\bOOM\b|out of memory|RESOURCE_EXHAUSTED|unable to allocate", re.IGNORECASE)
"""Messages of Keras' backends and h5py when they are refused memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A trained model.

    Attributes:
        path: the file.
        model: the Keras model.
        labels: the classes of its K outputs, in order.
        state: of the run it comes from; None if unknown.
        input: size and value range of its input.
    """

    path: Path
    model: "keras.Model"
    labels: tuple[str, ...]
    state: TrainingState | None
    input: InputSpec = field(default_factory=InputSpec)


def open_checkpoint(
    path: Path, *, labels: Sequence[str] | None = None, value_range: tuple[float, float] | None = None
) -> Checkpoint:
    """Load the checkpoint at `path` with its labels.

    Args:
        path: a run's folder (for its best checkpoint), a `.keras` file, or a `.h5` file of standard layers.
        labels: classes of the outputs. Default: those of the run in the same folder, else the set of 7, 6 or 5 classes.
        value_range: input values for black and white. Default: 0.0 and 1.0, as in nets trained here.

    Raises:
        ConfigError: the labels are unknown or contradict the run, none are given for an unusual number of classes, or
            the value range is invalid.
        ModelError: there is no checkpoint, or its outputs do not match the labels.
    """
    found, state = find_checkpoint(path)
    if value_range is not None and not -np.inf < value_range[0] < value_range[1] < np.inf:
        raise ConfigError(f"--value-range: expected black below white, as in 0 1, found {value_range}: give both")
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
    spec = InputSpec(int(model.input_shape[1]), value_range or InputSpec().value_range)
    return Checkpoint(found, model, tuple(labels), state, spec)


def find_checkpoint(path: Path) -> tuple[Path, TrainingState | None]:
    """Return the checkpoint file at `path`, and the state of its run if there is one in the same folder.

    Args:
        path: a run's folder (for its best checkpoint), or a file.

    Raises:
        ConfigError: the run's state cannot be read.
        ModelError: there is no checkpoint.
    """
    checkpoint = path / BEST if path.is_dir() else path
    _check_file(checkpoint)
    state = read_state(checkpoint.parent) if (checkpoint.parent / RUN).is_file() else None
    return checkpoint, state


def load_checkpoint(path: Path, *, classes: int | None = None, with_optimizer: bool = False) -> "keras.Model":
    """Load the model at `path`: (B, S, S, 1) float32 in, (B, K) out.

    Args:
        path: a `.keras` or `.h5` file. Keras' safe mode stays on, so that code inside a checkpoint never runs.
        classes: the expected K; None accepts any.
        with_optimizer: also load the optimizer, to resume training.

    Raises:
        ConfigError: Keras or its backend is not installed.
        ModelError: the file is missing or damaged, holds no net of standard layers, has other shapes, or weights that
            are not finite.
    """
    _check_file(path)
    try:
        with capture_native_logs():
            import keras  # noqa: PLC0415  # takes seconds to import, which a wrong path should not wait for
    except ModuleNotFoundError as error:
        raise ConfigError(f"Keras cannot be imported ({error}): {how_to_install()}") from error
    try:
        with limited_loading(path):
            check_hdf5(path)
            with readable_h5(path) as readable:
                model = keras.models.load_model(readable, compile=with_optimizer)
    except TooLargeError as error:
        raise ModelError(f"{path}: expected a .keras or .h5 checkpoint, found {error}: name a smaller net") from error
    except UnreadableHdf5Error as error:
        raise ModelError(f"{path}: expected a .keras or .h5 checkpoint, found {error}: copy it again") from error
    except Exception as error:  # of any type: Keras, its backend and h5py raise many for a wrong file
        log.debug("Keras cannot load %s: %s", path, error)
        raise ModelError(f"{path}: expected a .keras or .h5 checkpoint, found {_explain(error)}") from error
    _check_shapes(model, path, classes)
    if not all(np.isfinite(weights).all() for weights in model.get_weights()):
        raise ModelError(f"{path}: expected finite weights, found NaN or infinity: the training diverged, train again")
    return model


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise ModelError(f"{path}: expected a .keras or .h5 checkpoint, found none: name one, or a run of `train`")


def _explain(raised: Exception) -> str:
    """Return what was found and what to do, derived from Keras' message."""
    error = str(raised)
    if isinstance(raised, MemoryError) or _OUT_OF_MEMORY.search(error):
        return "a net that takes much more memory than its file holds: name another one"
    if "No model config" in error:
        return "weights without a net: build the net, load them into it, and save both with model.save('net.keras')"
    if "Lambda" in error:
        return "code in a Lambda layer, which is never run: build the net of standard layers, and save it again"
    unknown = UNKNOWN.search(error)
    if unknown:
        return f"{unknown[1]!r}, which is no standard layer or function: build the net of Keras' own, and save it again"
    return "a file Keras cannot load: train or copy it again"


def _check_shapes(model: "keras.Model", path: Path, classes: int | None) -> None:
    match getattr(model, "input_shape", None):
        case (_, int(height), int(width), 1) if height == width and height in SIDES_PX:
            pass
        case found_in:
            sides = f"{SIDES_PX[0]} to {SIDES_PX[-1]} px"
            raise ModelError(
                f"{path}: expected an input of square gray faces, {sides}, (None, S, S, 1), found {found_in}:"
                " use another net"
            )
    match getattr(model, "output_shape", None):
        case (_, int(found)) if classes in (None, found):
            return
        case found_out:
            wanted_out = (None, classes or "classes")
            raise ModelError(f"{path}: expected an output of shape {wanted_out}, found {found_out}: check the labels")
