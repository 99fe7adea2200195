"""Keeps what teachers say of the training faces: `python -m train.answers --data fer2013.csv --teachers runs/big`.

A teacher that is slow, or that lives elsewhere, then answers once instead of in every epoch. Anybody's answers can be
kept so: the file is an `.npz` with `answers` (N, K) float16 probabilities in the order of the training split, `labels`
(K,) and `faces`, the sha256 of the split's pixels.
"""

import argparse
import hashlib
import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import ConfigError, MediaError, SinkError
from train.command import run_command
from train.faces import FaceData, FaceSet
from train.quiet import quiet

log = logging.getLogger(__name__)

SUM_TOLERANCE = 0.02
"""How far the probabilities of a face may be from 1 in sum: those of half precision stay well within."""


def save_answers(path: Path, answers: NDArray[np.float32], data: FaceData) -> None:
    """Write (N, K) probabilities of the training faces.

    Raises:
        SinkError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            np.savez(file, answers=answers.astype(np.float16), labels=np.array(data.labels), faces=_digest(data))
    except OSError as error:
        raise SinkError(f"{path}: expected a file that can be written, found: {error.strerror}: see --out") from error


def read_answers(path: Path, data: FaceData) -> NDArray[np.float32]:
    """Return (N, K) float32 probabilities of the training faces; each row sums to 1.

    Raises:
        MediaError: the file is missing, or is no such file.
        ConfigError: it speaks of other labels or other faces.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            answers, labels, faces = np.float32(file["answers"]), tuple(file["labels"].tolist()), str(file["faces"])
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise MediaError(f"{path}: expected teachers' answers (.npz), found: {error}: make them anew") from error
    if labels != data.labels:
        wanted, found = ", ".join(data.labels), ", ".join(map(str, labels))
        raise ConfigError(f"{path}: expected answers for {wanted}, found {found}: make them anew")
    if faces != _digest(data) or answers.shape != data.training.targets.shape:
        raise ConfigError(f"{path}: expected answers for the faces of {data.name}, found others': make them anew")
    if not np.allclose(answers.sum(axis=1), 1, atol=SUM_TOLERANCE) or answers.min() < 0:
        raise MediaError(f"{path}: expected probabilities that sum to 1, found others: make them anew")
    whole: NDArray[np.float32] = answers / answers.sum(axis=1, keepdims=True)
    return whole


def with_answers(data: FaceData, path: Path, *, share: float) -> FaceData:
    """Return `data` whose training targets are the teachers' answers by `share`, 0 to 1, and its own by the rest.

    Raises:
        ConfigError, MediaError: see `read_answers`.
    """
    targets = (1 - share) * data.training.targets + share * read_answers(path, data)
    return replace(data, training=FaceSet(data.training.pixels, targets.astype(np.float32)))


def ask(teachers: Sequence[Path], data: FaceData) -> NDArray[np.float32]:
    """(N, K) what the teachers say on average of each training face and of its mirror image.

    Raises:
        ConfigError: a teacher has other labels.
        ModelError: a teacher is missing, damaged, or no net for our faces.
    """
    from train.predict import open_model, predict  # noqa: PLC0415  # Keras takes seconds

    pixels = data.training.pixels
    total: NDArray[np.float32] = np.zeros(data.training.targets.shape, np.float32)
    for path in teachers:
        teacher = open_model(path)
        if tuple(teacher.labels) != data.labels:
            wanted, found = ", ".join(data.labels), ", ".join(teacher.labels)
            raise ConfigError(f"{path}: expected a net that answers {wanted}, found {found}: name another")
        for view in (pixels, pixels[:, :, ::-1]):
            total += predict(teacher, np.ascontiguousarray(view))
    return total / np.float32(2 * len(teachers))


def _digest(data: FaceData) -> str:
    return hashlib.sha256(data.training.pixels.tobytes()).hexdigest()


def _answer(options: argparse.Namespace) -> None:
    from train.dataset import read_dataset  # noqa: PLC0415  # as in the other commands

    data = read_dataset(options.data)
    with quiet():
        answers = ask(options.teachers, data)
    save_answers(options.out, answers, data)
    right = float((answers.argmax(axis=1) == data.training.codes).mean())
    print(f"{options.out}: {len(answers)} answers, {right:.1%} as the labels have it")  # noqa: T201  # its answer


def main() -> int:
    """Run the command; returns the exit code (see `edge.errors`)."""
    parser = argparse.ArgumentParser(prog="python -m train.answers", description=__doc__)
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="as in training")
    parser.add_argument("--teachers", type=Path, nargs="+", required=True, help="runs, .keras, .h5 or .tflite files")
    parser.add_argument("--out", type=Path, default=Path("runs/answers.npz"), help="default: runs/answers.npz")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    return run_command(
        "answers", partial(_answer, options), stopped="stopped: nothing was written", debug=options.debug
    )


if __name__ == "__main__":
    sys.exit(main())
