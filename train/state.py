"""How far a training run has come, as it stands in the run's folder."""

from pathlib import Path

import msgspec

from edge.errors import ConfigError
from train.provenance import Provenance
from train.replace import replace_file
from train.settings import RunSettings

__all__ = ["BEST", "LAST", "RUN", "RunSettings", "RunState", "read_state", "write_state"]

BEST = "best.keras"
LAST = "last.keras"
RUN = "run.json"


class RunState(msgspec.Struct, kw_only=True):
    """How far a run has come.

    history: one row of figures for each finished epoch. best_accuracy: highest validation accuracy of those.
    seconds: spent on them. provenance: what a result needs to be made again, beside the settings; None in old runs.
    """

    settings: RunSettings
    epochs_done: int = 0
    best_accuracy: float = 0.0
    seconds: float = 0.0
    provenance: Provenance | None = None
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
    """Replace the state in `folder` atomically.

    Raises:
        SinkError: it cannot be written; the old one stays.
    """
    content = msgspec.json.format(msgspec.json.encode(state))
    replace_file(folder / RUN, lambda partial: partial.write_bytes(content))
