"""Keeps what teachers say of the training faces: `python -m train.answers --data fer2013.csv --teachers runs/big`.

A teacher that is slow, or that lives elsewhere, then answers once instead of in every epoch. It is asked of the very
faces that the net will see: those that the first epochs of a run with this seed, batch size and augmentation show. The
run shows them again and again. Anybody's answers can be kept so (`shown_faces` gives the faces): the file is an `.npz`
with `answers` (V, N, K) float16 probabilities, view by view in the order of the training split, `labels` (K,), `faces`,
the sha256 of the split's pixels, and `shown`, a `Shown` as JSON.
"""

import argparse
import hashlib
import logging
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray
from tqdm import trange

from edge.errors import ConfigError, MediaError, SinkError
from train.augment import Augmentation
from train.command import run_command
from train.faces import FaceData
from train.options import add_options, given_options, option_error
from train.quiet import quiet
from train.settings import RunSettings

log = logging.getLogger(__name__)

SUM_TOLERANCE = 0.02
"""How far the probabilities of a face may be from 1 in sum: those of half precision stay well within."""

VIEWS = 10


class Shown(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a run shows the faces: what follows from these is the same to the pixel."""

    seed: Annotated[int, Meta(ge=0, description="that of the run to come")] = 0
    batch_size: Annotated[int, Meta(ge=1, description="likewise")] = 128
    augmentation: Augmentation | None = Augmentation(mixup=0.0)


def save_answers(path: Path, answers: NDArray[np.float32], data: FaceData, shown: Shown) -> None:
    """Write (V, N, K) probabilities of the training faces.

    Raises:
        SinkError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            np.savez(
                file,
                answers=answers.astype(np.float16),
                labels=np.array(data.labels),
                faces=_digest(data),
                shown=msgspec.json.encode(shown).decode(),
            )
    except OSError as error:
        raise SinkError(f"{path}: expected a file that can be written, found: {error.strerror}: see --out") from error


def read_answers(path: Path, data: FaceData, shown: Shown) -> NDArray[np.float32]:
    """Return (V, N, K) float32 probabilities of the training faces; each row sums to 1.

    Raises:
        MediaError: the file is missing, or is no such file.
        ConfigError: it speaks of other labels or other faces, or they were shown otherwise.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            answers: NDArray[np.float32] = file["answers"].astype(np.float32)
            labels, faces = tuple(file["labels"].tolist()), str(file["faces"])
            theirs = msgspec.json.decode(str(file["shown"]), type=Shown)
    except (OSError, ValueError, KeyError, EOFError, msgspec.MsgspecError) as error:
        raise MediaError(f"{path}: expected teachers' answers (.npz), found: {error}: make them anew") from error
    if labels != data.labels:
        wanted, found = ", ".join(data.labels), ", ".join(map(str, labels))
        raise ConfigError(f"{path}: expected answers for {wanted}, found {found}: make them anew")
    if faces != _digest(data) or len(answers) == 0 or answers.shape[1:] != data.training.targets.shape:
        raise ConfigError(f"{path}: expected answers for the faces of {data.name}, found others': make them anew")
    _check_shown(path, theirs, shown)
    if not np.allclose(answers.sum(axis=2), 1, atol=SUM_TOLERANCE) or answers.min() < 0:
        raise MediaError(f"{path}: expected probabilities that sum to 1, found others: make them anew")
    whole: NDArray[np.float32] = answers / answers.sum(axis=2, keepdims=True)
    return whole


def _check_shown(path: Path, theirs: Shown, ours: Shown) -> None:
    """Refuse answers to faces that the run would show otherwise."""
    wanted, found = _options(theirs), _options(ours)
    for name in {**wanted, **found}:
        value = wanted.get(name, "none")
        if found.get(name, "none") != value:
            raise ConfigError(
                f"--{name.replace('_', '-')}: expected {value}, as {path} has it, found {found.get(name, 'none')}:"
                " give the same, or make the answers anew"
            )


def _options(shown: Shown) -> dict[str, Any]:
    return {"seed": shown.seed, "batch_size": shown.batch_size, **msgspec.to_builtins(shown.augmentation or {})}


def shown_by(settings: RunSettings) -> Shown:
    """Return how a run of these settings shows the faces."""
    return Shown(seed=settings.seed, batch_size=settings.batch_size, augmentation=settings.augmentation)


def shown_faces(data: FaceData, shown: Shown, view: int) -> NDArray[np.uint8]:
    """(N, S, S) the training faces as epoch `view`, counted from 0, shows them, in the order of the split.

    The few that its last, smaller batch leaves out are as they are.
    """
    from train.batches import Batches  # noqa: PLC0415  # Keras takes seconds

    faces = data.training.pixels.copy()
    batches = Batches(data.training, batch_size=shown.batch_size, seed=shown.seed, augmentation=shown.augmentation)
    batches.start_epoch(view)
    for batch in range(len(batches)):
        faces[batches.rows(batch)] = np.rint(batches[batch][0][..., 0] * 255)
    return faces


def ask(teachers: Sequence[Path], data: FaceData, shown: Shown, *, views: int) -> NDArray[np.float32]:
    """(V, N, K) what the teachers say on average of each training face in each of `views` views.

    Raises:
        ConfigError: a teacher has other labels, or faces are blended with each other.
        ModelError: a teacher is missing, damaged, or no net for our faces.
    """
    from train.predict import open_model, predict  # noqa: PLC0415  # as above

    if shown.augmentation is not None and shown.augmentation.mixup > 0:
        raise ConfigError(
            f"--mixup: expected 0, since a blend of two faces is no face, found {shown.augmentation.mixup:g}: drop it"
        )
    opened = [open_model(path) for path in teachers]
    for path, teacher in zip(teachers, opened, strict=True):
        if tuple(teacher.labels) != data.labels:
            wanted, found = ", ".join(data.labels), ", ".join(teacher.labels)
            raise ConfigError(f"{path}: expected a net that answers {wanted}, found {found}: name another")
    answers = np.empty((views, *data.training.targets.shape), np.float32)
    for view in trange(views, desc="views", delay=2, leave=False, disable=None):
        faces = shown_faces(data, shown, view)
        answers[view] = sum(predict(teacher, faces) for teacher in opened) / np.float32(len(opened))
    return answers


def _digest(data: FaceData) -> str:
    return hashlib.sha256(data.training.pixels.tobytes()).hexdigest()


def _shown(options: argparse.Namespace) -> Shown:
    """How the command line says that the faces are shown."""
    augmentation = {**msgspec.to_builtins(Augmentation(mixup=0.0)), **given_options(options, Augmentation)}
    try:
        return msgspec.convert({**given_options(options, Shown), "augmentation": augmentation}, Shown)
    except msgspec.ValidationError as error:
        raise option_error(error, options, names={}) from error


def _answer(options: argparse.Namespace) -> None:
    from train.dataset import read_dataset  # noqa: PLC0415  # as in the other commands

    shown = _shown(options)
    if options.views < 1:
        raise ConfigError(f"--views: expected 1 or more, found {options.views}: choose another value")
    data = read_dataset(options.data)
    with quiet():
        answers = ask(options.teachers, data, shown, views=options.views)
    save_answers(options.out, answers, data, shown)
    right = float((answers.argmax(axis=2) == data.training.codes).mean())
    print(f"{options.out}: {answers[..., 0].size} answers, {right:.1%} as the labels have it")  # noqa: T201  # its answer


def main() -> int:
    """Run the command; returns the exit code (see `edge.errors`)."""
    parser = argparse.ArgumentParser(prog="python -m train.answers", description=__doc__)
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="as in training")
    parser.add_argument("--teachers", type=Path, nargs="+", required=True, help="runs, .keras, .h5 or .tflite files")
    parser.add_argument("--views", type=int, default=VIEWS, help=f"of each face (default: {VIEWS})")
    parser.add_argument("--out", type=Path, default=Path("runs/answers.npz"), help="default: runs/answers.npz")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    add_options(parser, Shown, title="how the run will show the faces")
    add_options(parser, Augmentation, title="augmentation")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    return run_command(
        "answers", partial(_answer, options), stopped="stopped: nothing was written", debug=options.debug
    )


if __name__ == "__main__":
    sys.exit(main())
