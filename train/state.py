"""How far a training run has come, as it stands in the run's folder."""

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from edge.errors import ConfigError

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
    seed: Annotated[int, Meta(ge=0)] = 0


class RunState(msgspec.Struct, kw_only=True):
    """How far a run has come. history: one row of figures for each finished epoch."""

    settings: RunSettings
    epochs_done: int = 0
    best_accuracy: float = 0.0
    seconds: float = 0.0
    history: list[dict[str, float]] = []


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


def write_state(folder: Path, state: RunState) -> None:
    """Replace the state in `folder` atomically."""
    partial = folder / f"{RUN}.partial"
    partial.write_bytes(msgspec.json.format(msgspec.json.encode(state)))
    partial.replace(folder / RUN)
