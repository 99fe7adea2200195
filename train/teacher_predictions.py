"""Saves teachers' predictions for the training faces: `python -m train.teacher_predictions --data … --teachers …`.

A teacher that is slow, or that runs elsewhere, then predicts once instead of in every epoch. It predicts the augmented
faces that the net will see: those of the first epochs (the views) of a run with this seed, batch size and augmentation.
The run then repeats these views. Predictions of any other origin can be saved as well (`render_view` gives the faces).
The file is an `.npz` with `answers`, (V, N, K) float16 probabilities by view in the order of the training split;
`labels` (K,); `faces`, the sha256 of the split's pixels; and `shown`, the `ViewSettings` as JSON.
"""

import argparse
import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray
from tqdm import trange

from edge.device.files import user_path
from edge.errors import ConfigError, MediaError, SinkError, printable
from train.augment import Augmentation
from train.command import log_lines, program_name, run_command, run_program
from train.data.dataset import read_dataset
from train.data.faces import FaceData
from train.data.npz import UnreadableArraysError, read_arrays
from train.native_logs import capture_native_logs
from train.options import add_options, given_options, option_error
from train.settings import RunSettings

SUM_TOLERANCE = 0.02
"""Largest deviation of a prediction's sum from 1; half precision stays well within it."""

VIEWS = 10

MAX_BYTES = 1 << 30
"""Largest predictions that are read, bytes; ten views of FER2013 have 4 MB."""


class ViewSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings that determine, to the pixel, which faces a run's epochs show."""

    seed: Annotated[int, Meta(ge=0, description="seed of the run that will use the predictions")] = 0
    batch_size: Annotated[int, Meta(ge=1, description="batch size of that run")] = 128
    augmentation: Augmentation | None = Augmentation(mixup=0.0)


def save_predictions(path: Path, predictions: NDArray[np.float32], data: FaceData, views: ViewSettings) -> None:
    """Save (V, N, K) predictions for the training faces.

    Raises:
        SinkError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            np.savez(
                file,
                answers=predictions.astype(np.float16),
                labels=np.array(data.labels),
                faces=_digest(data),
                shown=msgspec.json.encode(views).decode(),
            )
    except OSError as error:
        raise SinkError(f"{path}: expected a writable file, found: {error.strerror}: choose another --out") from error


def load_predictions(path: Path, data: FaceData, views: ViewSettings) -> NDArray[np.float32]:
    """Load (V, N, K) float32 predictions for the training faces; each row sums to 1.

    Raises:
        MediaError: the file is missing or damaged, or contains no probabilities.
        ConfigError: the predictions are for other labels, other faces or other views of them.
    """
    try:
        arrays = read_arrays(path, ("answers", "labels", "faces", "shown"), most_bytes=MAX_BYTES)
        predictions: NDArray[np.float32] = arrays["answers"].astype(np.float32)
        labels, faces = tuple(arrays["labels"].tolist()), str(arrays["faces"])
        saved_views = msgspec.json.decode(str(arrays["shown"]), type=ViewSettings)
    except (UnreadableArraysError, ValueError, TypeError, RecursionError, msgspec.MsgspecError) as error:
        raise MediaError(f"{path}: expected teachers' predictions (.npz), found: {error}: make them again") from error
    if labels != data.labels:
        wanted, found = ", ".join(data.labels), ", ".join(map(str, labels))
        raise ConfigError(f"{path}: expected predictions of {wanted}, found {found}: make them again")
    if faces != _digest(data) or len(predictions) == 0 or predictions.shape[1:] != data.training.targets.shape:
        raise ConfigError(f"{path}: expected predictions for the faces of {data.name}, found others: make them again")
    _check_views(path, saved_views, views)
    if not np.allclose(predictions.sum(axis=2), 1, atol=SUM_TOLERANCE) or predictions.min() < 0:
        raise MediaError(f"{path}: expected probabilities that sum to 1, found others: make them again")
    normalized: NDArray[np.float32] = predictions / predictions.sum(axis=2, keepdims=True)
    return normalized


def _check_views(path: Path, saved: ViewSettings, wanted: ViewSettings) -> None:
    """Refuse predictions for other views than the run's."""
    saved_options, wanted_options = _flatten(saved), _flatten(wanted)
    for name in {**saved_options, **wanted_options}:
        expected, found = (options.get(name, "none") for options in (saved_options, wanted_options))
        if found != expected:
            raise ConfigError(
                f"--{name.replace('_', '-')}: expected {expected} as in {path}, found {found}: give the same, or make "
                "the predictions again"
            )


def _flatten(views: ViewSettings) -> dict[str, Any]:
    return {"seed": views.seed, "batch_size": views.batch_size, **msgspec.to_builtins(views.augmentation or {})}


def view_settings(settings: RunSettings) -> ViewSettings:
    """Return the view settings of a run."""
    return ViewSettings(seed=settings.seed, batch_size=settings.batch_size, augmentation=settings.augmentation)


def render_view(data: FaceData, views: ViewSettings, view: int) -> NDArray[np.uint8]:
    """Return the training faces as epoch `view`, counted from 0, shows them: (N, S, S), in the order of the split.

    The few faces of the last, smaller batch, which training leaves out, are unchanged.
    """
    from train.batches import Batches  # noqa: PLC0415  # imports Keras, which takes seconds

    faces = data.training.pixels.copy()
    batches = Batches(data.training, batch_size=views.batch_size, seed=views.seed, augmentation=views.augmentation)
    batches.start_epoch(view)
    for batch in range(len(batches)):
        faces[batches.rows(batch)] = np.rint(batches[batch][0][..., 0] * 255)
    return faces


def predict_views(teachers: Sequence[Path], data: FaceData, views: ViewSettings, *, count: int) -> NDArray[np.float32]:
    """Return the teachers' mean predictions for each training face in each of `count` views, (V, N, K).

    Raises:
        ConfigError: a teacher has other labels, or mixup is on.
        ModelError: a teacher is missing or damaged, or takes other inputs.
    """
    from train.evaluation.predict import open_model, predict  # noqa: PLC0415  # Keras takes seconds to import

    if views.augmentation is not None and views.augmentation.mixup > 0:
        raise ConfigError(
            f"--mixup: expected 0, since a blend of two faces has no class, found {views.augmentation.mixup:g}: drop it"
        )
    opened = [open_model(path) for path in teachers]
    for path, teacher in zip(teachers, opened, strict=True):
        if tuple(teacher.labels) != data.labels:
            wanted, found = ", ".join(data.labels), ", ".join(teacher.labels)
            raise ConfigError(f"{path}: expected a net that predicts {wanted}, found {found}: name another")
    predictions = np.empty((count, *data.training.targets.shape), np.float32)
    for view in trange(count, desc="views", delay=2, leave=False, disable=None):
        faces = render_view(data, views, view)
        predictions[view] = sum(predict(teacher, faces) for teacher in opened) / np.float32(len(opened))
    return predictions


def _digest(data: FaceData) -> str:
    return hashlib.sha256(data.training.pixels.tobytes()).hexdigest()


def _parse_views(options: argparse.Namespace) -> ViewSettings:
    """Return the view settings that the command line gives."""
    augmentation = {**msgspec.to_builtins(Augmentation(mixup=0.0)), **given_options(options, Augmentation)}
    try:
        return msgspec.convert({**given_options(options, ViewSettings), "augmentation": augmentation}, ViewSettings)
    except msgspec.ValidationError as error:
        raise option_error(error, options, names={}) from error


def _predict(options: argparse.Namespace) -> None:
    views = _parse_views(options)
    if options.views < 1:
        raise ConfigError(f"--views: expected 1 or more, found {options.views}: choose another value")
    data = read_dataset(options.data)
    with capture_native_logs():
        predictions = predict_views(options.teachers, data, views, count=options.views)
    save_predictions(options.out, predictions, data, views)
    accuracy = float((predictions.argmax(axis=2) == data.training.codes).mean())
    print(printable(f"{options.out}: {predictions[..., 0].size} predictions, accuracy {accuracy:.1%}"))  # noqa: T201  # the output


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return the exit code (see `edge.errors`)."""
    parser = argparse.ArgumentParser(prog=program_name("train.teacher_predictions"), description=__doc__)
    parser.add_argument("--data", type=user_path, nargs="+", required=True, help="the training data, as for `train`")
    parser.add_argument("--teachers", type=user_path, nargs="+", required=True, help="runs, .keras, .h5, .tflite")
    parser.add_argument("--views", type=int, default=VIEWS, help=f"views of each face (default: {VIEWS})")
    parser.add_argument("--out", type=user_path, default=Path("runs/answers.npz"), help="default: runs/answers.npz")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    add_options(parser, ViewSettings, title="the run that will use the predictions")
    add_options(parser, Augmentation, title="augmentation")
    options = parser.parse_args(arguments)
    log_lines()
    body = partial(_predict, options)
    return run_command("teacher_predictions", body, stopped="stopped: nothing was written", debug=options.debug)


if __name__ == "__main__":
    run_program(main)
