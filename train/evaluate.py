"""Command line of the evaluation: `python -m train.evaluate MODEL --data fer2013.csv`."""

import argparse
import logging
import sys
from functools import partial
from pathlib import Path
from typing import get_args

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.errors import ConfigError
from train.command import run_command
from train.dataset import read_dataset
from train.faces import FaceData, Split, unseen
from train.metrics import Figures, measure
from train.photos import PhotoFigures, compare_photos, photo_lines
from train.predict import open_model, predict

COLUMN = 9


class Evaluation(msgspec.Struct, frozen=True):
    """A model's figures on one split.

    split: as the data set's makers call it.
    official: on the whole split. unseen: on its faces that do not stand, pixel for pixel, in the training split;
    None where there are none.
    """

    dataset: str
    split: str
    labels: tuple[str, ...]
    official: Figures
    unseen: Figures | None


class Report(msgspec.Struct, frozen=True):
    """What the command writes as JSON. photos: only where a log of photographs was given."""

    model: str
    evaluation: Evaluation
    photos: PhotoFigures | None


def evaluate(probabilities: NDArray[np.float32], data: FaceData, *, split: Split) -> Evaluation:
    """Measure the (N, K) answers for the faces of `split`."""
    faces = data.held_out(split)
    name = data.split_names[2 if split == "test" else 1]
    clean = unseen(faces, data.training)
    return Evaluation(
        dataset=data.name,
        split=name,
        labels=data.labels,
        official=measure(probabilities, faces.codes, data.labels),
        unseen=measure(probabilities[clean], faces.codes[clean], data.labels) if clean.any() else None,
    )


def evaluation_lines(evaluation: Evaluation) -> list[str]:
    """Return the figures as the lines of a table."""
    head = f"{evaluation.dataset} {evaluation.split}, {len(evaluation.labels)} classes"
    lines = [head, "", f"{'':22}{'whole split':>14}{'not in training':>18}"]
    rows = [
        ("faces", "faces", "{:d}"),
        ("accuracy", "accuracy", "{:.4f}"),
        ("balanced accuracy", "balanced_accuracy", "{:.4f}"),
        ("calibration error", "calibration_error", "{:.4f}"),
    ]
    sets = (evaluation.official, evaluation.unseen)
    for title, field, form in rows:
        values = [form.format(getattr(figures, field)) if figures else "-" for figures in sets]
        lines.append(f"{title:22}{values[0]:>14}{values[1]:>18}")
    for name in evaluation.labels:
        values = [f"{figures.recall[name]:.4f}" if figures and name in figures.recall else "-" for figures in sets]
        lines.append(f"{'recall ' + name:22}{values[0]:>14}{values[1]:>18}")
    lines += ["", "whole split: a row for each true class, a column for each answer"]
    lines.append(" " * COLUMN + "".join(f"{name:>{COLUMN}}" for name in evaluation.labels))
    for name, counts in zip(evaluation.labels, evaluation.official.confusion, strict=True):
        lines.append(f"{name:{COLUMN}}" + "".join(f"{count:>{COLUMN}}" for count in counts))
    return lines


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m train.evaluate", description=__doc__)
    parser.add_argument("model", type=Path, help="a run's folder, a .keras checkpoint, or a .tflite with its manifest")
    parser.add_argument(
        "--data", type=Path, required=True, help="fer2013.csv (plain, .xz, .zip), or a tree train/ test/"
    )
    parser.add_argument(
        "--split", choices=get_args(Split), default="validation", help="test is for released models only"
    )
    parser.add_argument("--labels", nargs="+", help="a bare checkpoint's labels, in order")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--photos-log", type=Path, help="also read the runtime's log of a folder of photographs")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args(arguments)


def report(options: argparse.Namespace) -> Report:
    """Do what the command line asks for."""
    model = open_model(options.model, labels=options.labels)
    data = read_dataset(options.data, labels=model.labels)
    faces = data.held_out(options.split)
    photos = compare_photos(options.photos_log) if options.photos_log else None
    evaluation = evaluate(predict(model, faces.pixels), data, split=options.split)
    return Report(str(options.model), evaluation, photos)


def write_report(result: Report, path: Path) -> None:
    """Write the figures as JSON.

    Raises:
        ConfigError: the file cannot be written.
    """
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(result)) + b"\n")
    except OSError as error:
        raise ConfigError(
            f"{path}: expected a file that can be written: {error.strerror}: give another --json"
        ) from error


def evaluate_model(options: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    result = report(options)
    if options.json:
        write_report(result, options.json)
    lines = evaluation_lines(result.evaluation)
    if result.photos:
        lines += ["", *photo_lines(result.photos)]
    print("\n".join(lines))  # noqa: T201  # the command's answer


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code (see `edge.errors`)."""
    options = parse_arguments(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    return run_command("evaluate", partial(evaluate_model, options), stopped="stopped", debug=options.debug)


if __name__ == "__main__":
    sys.exit(main())
