"""Opens a Keras checkpoint, with a clear word where it is none."""

import logging
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge.errors import ConfigError, ModelError
from edge.labels import CLASS_SETS, check_labels
from edge.manifest import InputSpec
from train.quiet import quiet
from train.state import BEST, RUN, RunState, read_state

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)

SIDES_PX = range(16, 257)
"""Sides of an input that a manifest can describe (see `InputSpec`)."""

UNKNOWN = re.compile(r"(?:Unknown layer:|Could not locate (?:class|function)) '([^']+)'")
"""How Keras names a layer or function that is none of its own."""


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A trained model.

    labels: what its K answers mean. state: the run it comes from, where that is known.
    input: side and value range of the faces that it takes.
    """

    path: Path
    model: "keras.Model"
    labels: tuple[str, ...]
    state: RunState | None
    input: InputSpec = field(default_factory=InputSpec)


def open_checkpoint(
    path: Path, *, labels: Sequence[str] | None = None, value_range: tuple[float, float] | None = None
) -> Checkpoint:
    """Load the checkpoint that `path` means, with its labels.

    Args:
        path: a run's folder, whose best checkpoint is meant, a `.keras` file, or a `.h5` file of standard layers.
        labels: what the answers mean. Default: what the run beside the file says, else the set of 7, 6 or 5 classes.
        value_range: what the model takes for black and for white. Default: 0.0 and 1.0, as our own do.

    Raises:
        ConfigError: the labels are none of ours, contradict the run, or cannot be told; the range is none.
        ModelError: there is no checkpoint, or it does not fit the labels.
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


def find_checkpoint(path: Path) -> tuple[Path, RunState | None]:
    """Return the checkpoint that `path` means, and the state of its run where one stands beside it.

    Args:
        path: a run's folder, whose best checkpoint is meant, or a file.

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
        path: a `.keras` or `.h5` file. Keras' safe mode stays on: code inside a checkpoint is not run.
        classes: the K expected; None takes any from 2.
        with_optimizer: also load what training goes on from.

    Raises:
        ConfigError: Keras or its backend is not installed.
        ModelError: the file is missing or damaged, holds no standard net, the model's shapes are others, or its
            weights are not numbers.
    """
    _check_file(path)
    try:
        with quiet():
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
        raise ModelError(f"{path}: expected a .keras or .h5 checkpoint, found {_explain(str(error))}") from error
    _check_shapes(model, path, classes)
    if not all(np.isfinite(weights).all() for weights in model.get_weights()):
        raise ModelError(f"{path}: expected finite weights, found NaN or infinity: the training diverged, train again")
    return model


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise ModelError(f"{path}: expected a .keras or .h5 checkpoint, found none: name one, or a run of `train`")


def _explain(error: str) -> str:
    """Return what was found and what to do, from what Keras says."""
    if "No model config" in error:
        return "weights without a net: build the net, load them into it, and keep all with model.save('net.keras')"
    if "Lambda" in error:
        return "code in a Lambda layer, which is not run: build the net of standard layers, and save it again"
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
                f"{path}: expected an input of square grey faces, {sides}, (None, S, S, 1), found {found_in}:"
                " take another net"
            )
    match getattr(model, "output_shape", None):
        case (_, int(found)) if classes in (None, found):
            return
        case found_out:
            wanted_out = (None, classes or "classes")
            raise ModelError(f"{path}: expected an output of shape {wanted_out}, found {found_out}: check the labels")
