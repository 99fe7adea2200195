"""The files in a training run's folder: its state (`run.json`), history table and curves."""

import csv
import io
import logging
import platform
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import msgspec

from edge import __version__
from edge.device.files import atomic_write, read_limited
from edge.errors import ConfigError, SinkError
from train.data.faces import FaceData
from train.data.summary import DataSummary, summarize
from train.settings import RunSettings

log = logging.getLogger(__name__)

BEST = "best.keras"
"""The checkpoint of the epoch with the highest validation accuracy."""

LAST = "last.keras"
"""The checkpoint of the last epoch, with the optimizer, from which a run resumes."""

RUN = "run.json"
MAX_STATE_BYTES = 16 << 20
"""Largest state that is read, bytes; a hundred epochs have 50 kB."""

TABLE = "history.csv"
CURVES = "curves.png"

PACKAGES = ("keras", "numpy", "opencv-python-headless")
"""Packages whose versions can influence a run's numbers, besides the backend."""


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """What is needed to reproduce a run, besides its settings.

    Attributes:
        command: the command line.
        platform: operating system and machine.
        backend: Keras' backend.
        versions: of Python and the packages that take part in the computation.
        data: the training data.
    """

    command: str
    platform: str
    backend: str
    versions: dict[str, str]
    data: DataSummary


class TrainingState(msgspec.Struct, kw_only=True):
    """A run's settings and progress, as saved in `run.json`.

    Attributes:
        settings: the run's settings.
        epochs_done: number of finished epochs.
        best_accuracy: highest validation accuracy so far.
        seconds: time spent on the finished epochs.
        provenance: how to reproduce the run; None in runs of old versions.
        history: one row of metrics for each finished epoch.
    """

    settings: RunSettings
    epochs_done: int = 0
    best_accuracy: float = 0.0
    seconds: float = 0.0
    provenance: Provenance | None = None
    history: list[dict[str, float]] = []


def read_state(folder: Path) -> TrainingState:
    """Read the state of the run in `folder`.

    Raises:
        ConfigError: there is no run, or its state cannot be read.
    """
    path = folder / RUN
    try:
        return msgspec.json.decode(read_limited(path, MAX_STATE_BYTES), type=TrainingState)
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: expected a training run here, found none: start one without --resume") from error
    except (OSError, ValueError, RecursionError, msgspec.DecodeError) as error:
        raise ConfigError(f"{path}: expected a run's state, found a file that cannot be read: {error}") from error


def write_state(folder: Path, state: TrainingState) -> None:
    """Replace the state in `folder` atomically.

    Raises:
        SinkError: it cannot be written; the old state stays.
    """
    content = msgspec.json.format(msgspec.json.encode(state))
    write_run_file(folder / RUN, lambda temporary: temporary.write_bytes(content))


def write_run_file(path: Path, write: Callable[[Path], object]) -> None:
    """Replace a file of a run atomically.

    Args:
        path: the file.
        write: writes the new content; gets the path of a temporary file with the suffix of `path`.

    Raises:
        SinkError: there is no space or no permission to write; the old file stays.
    """
    try:
        with atomic_write(path) as temporary:
            write(temporary)
    except OSError as error:
        reason = error.strerror or str(error)
        raise SinkError(
            f"{path}: expected space and permission to write, found '{reason}': the last finished epoch is kept; free "
            "some space or choose another --out, then continue with --resume"
        ) from error


def write_history_table(folder: Path, history: Sequence[Mapping[str, float]]) -> None:
    """Replace `history.csv` atomically: a row for each finished epoch, counted from 1.

    Raises:
        SinkError: it cannot be written; the old table stays.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, ["epoch", *history[0]], lineterminator="\n")
    writer.writeheader()
    writer.writerows({"epoch": number, **row} for number, row in enumerate(history, start=1))
    write_run_file(folder / TABLE, lambda temporary: temporary.write_text(text.getvalue()))


def draw_history_curves(folder: Path, history: Sequence[Mapping[str, float]]) -> None:
    """Replace `curves.png`: loss and accuracy by epoch. If that fails, the run continues with a warning."""
    from train.evaluation.plots import draw_history  # noqa: PLC0415  # Matplotlib takes a second to import

    try:
        write_run_file(folder / CURVES, lambda temporary: draw_history(history).savefig(temporary))
    except SinkError as error:
        log.warning("%s", error)


def collect_provenance(data: FaceData) -> Provenance:
    """Collect the provenance of a run that this process starts on `data`."""
    import keras  # noqa: PLC0415  # takes seconds to import, and reading a run's state does not need it

    backend = keras.backend.backend()
    return Provenance(
        command=shlex.join([sys.executable, *sys.argv]),
        platform=platform.platform(),
        backend=backend,
        versions={
            "edge-emotion": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in PACKAGES},
            backend: str(getattr(sys.modules.get(backend), "__version__", "unknown")),
        },
        data=summarize(data),
    )


def check_same_data(before: Provenance, now: Provenance) -> None:
    """Refuse to resume a run on other faces; warn of other package versions, which may change its numbers.

    Raises:
        ConfigError: the training faces differ.
    """
    if now.data.sha256 != before.data.sha256:
        counts = [sum(next(iter(data.counts.values())).values()) for data in (before.data, now.data)]
        raise ConfigError(
            f"--data: expected the run's own data ({before.data.name}, {counts[0]} training faces), found other "
            f"faces ({now.data.name}, {counts[1]}): name the same data, or start another run with --like"
        )
    changed = [
        f"{name} {before.versions.get(name)} is now {version}"
        for name, version in now.versions.items()
        if before.versions.get(name) != version
    ]
    if changed:
        log.warning("the run started with other versions, so results may differ slightly: %s", ", ".join(changed))
