"""Command line of the evaluation: `python -m train.evaluate MODEL --data fer2013.csv`."""

import argparse
import importlib.metadata
import logging
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, get_args

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.errors import ConfigError
from edge.manifest import read_model
from edge.vision.classify import EmotionClassifier
from train.checkpoint import Checkpoint
from train.classes import parse_classes, parse_merges
from train.command import run_command
from train.compare import Comparison, compare_answers
from train.dataset import read_dataset
from train.evaluation import choose_classes, evaluate
from train.faces import FaceData, Split
from train.ferplus import majority_faces
from train.page import check_folder, write_report
from train.photos import PhotoFigures, answer_photos, check_photos, measure_photos
from train.predict import open_model, predict
from train.report import Majority, Report
from train.sections import report_sections, section_lines

MEASURING = ("numpy", "scikit-learn")
"""Packages that answer or measure, whatever the model."""


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m train.evaluate", description=__doc__)
    parser.add_argument("model", type=Path, help="a run's folder, a .keras or .h5 checkpoint, or a .tflite")
    parser.add_argument(
        "--data",
        type=Path,
        nargs="+",
        action="extend",
        required=True,
        help="fer2013.csv (plain, .xz, .zip) or a tree of pictures by emotion; several are joined",
    )
    parser.add_argument(
        "--split", choices=get_args(Split), default="validation", help="test is for released models only"
    )
    parser.add_argument(
        "--classes", metavar="LIST", help="some of the model's: 7, 6, 5 or names with commas between (default: all)"
    )
    parser.add_argument(
        "--merge", nargs="+", metavar="EMOTION=CLASS", help="a left-out emotion counts as a class; else it is dropped"
    )
    parser.add_argument(
        "--both-ways",
        action="store_true",
        help="average each answer with that to the mirrored face, as the runtime does",
    )
    parser.add_argument("--pooled", action="store_true", help="draw the splits anew, as a run with --pooled did")
    parser.add_argument(
        "--fer-plus", action="store_true", help="also measure against the majority of fer2013new.csv beside the table"
    )
    parser.add_argument("--against", metavar="MODEL", type=Path, help="another model, compared on the same faces")
    parser.add_argument(
        "--photos", metavar="FOLDER", type=Path, help="also measure the whole path on FOLDER/<emotion>/* (.tflite only)"
    )
    parser.add_argument("--report", metavar="FOLDER", type=Path, help="where it is written (default: reports/NAME…)")
    parser.add_argument("--labels", nargs="+", help="what a bare checkpoint's answers mean, in order")
    parser.add_argument(
        "--value-range",
        nargs=2,
        type=float,
        metavar=("BLACK", "WHITE"),
        help="what a checkpoint of others takes for black and white, such as -1 1 (default: 0 1)",
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args(arguments)


def report_folder(options: argparse.Namespace) -> Path:
    """Return where the report goes: as asked for, or by what is measured, so that none hides another."""
    if options.report:
        return Path(options.report)
    parts = [_name(options.model), *([f"against-{_name(options.against)}"] if options.against else [])]
    parts.append(options.split)
    if options.classes:
        parts.append(f"{options.classes}-classes" if options.classes.isdigit() else options.classes.replace(",", "-"))
    if options.both_ways:
        parts.append("both-ways")
    return Path("reports", "-".join(parts))


def _name(model: Path) -> str:
    return model.resolve().name if model.is_dir() else model.stem


def evaluate_model(options: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    folder = report_folder(options)
    check_folder(folder)
    if options.photos:
        check_photos(options.model, options.photos)
    model = _open(options.model, options)
    other = _open(options.against, options) if options.against else None
    labels = parse_classes(options.classes) if options.classes else model.labels
    data = _read(options, model, labels)
    faces = data.held_out(options.split)
    answers = _answers(model, faces.pixels, labels, both_ways=options.both_ways)
    report = Report(
        model=str(options.model),
        model_labels=model.labels,
        both_ways=options.both_ways,
        date=datetime.now(tz=UTC).date().isoformat(),
        versions={name: importlib.metadata.version(name) for name in _packages(model)},
        evaluation=evaluate(answers, data, split=options.split),
        comparison=_compare(answers, other, data, options) if other else None,
        fer_plus=_fer_plus(options, model, labels) if options.fer_plus else None,
        photos=_photos(options, labels) if options.photos else None,
        history=model.state.history if isinstance(model, Checkpoint) and model.state else [],
    )
    from train.drawings import draw_report  # noqa: PLC0415  # matplotlib takes a second to load

    page = write_report(report, draw_report(report, answers, faces), folder)
    lines = [line for section in report_sections(report) for line in section_lines(section)]
    print("\n".join([*lines, f"report: {page}"]))  # noqa: T201  # the command's answer


def _open(path: Path, options: argparse.Namespace) -> Checkpoint | EmotionClassifier:
    """Open a model; what a bare checkpoint means is said by options for the first one alone."""
    if path != options.model:
        return open_model(path)
    value_range = tuple(options.value_range) if options.value_range else None
    return open_model(path, labels=options.labels, value_range=value_range)


def _read(options: argparse.Namespace, model: Checkpoint | EmotionClassifier, labels: Sequence[str]) -> FaceData:
    """Read the data as the run did, where it is known: splits drawn otherwise would measure on what was trained on."""
    run = _run_settings(model, options.model)
    if options.merge is not None:
        merges = parse_merges(options.merge, labels)
    else:
        merges = run.get("merges", {}) if tuple(labels) == model.labels else {}
    pooled = options.pooled or run.get("pooled", False)
    return read_dataset(options.data, labels=labels, merges=merges, pooled=pooled)


def _run_settings(model: Checkpoint | EmotionClassifier, path: Path) -> dict[str, Any]:
    """Return the settings of the run that the model comes from; none where it does not say."""
    if isinstance(model, Checkpoint):
        return msgspec.to_builtins(model.state.settings) if model.state else {}
    return read_model(path)[1].training_run or {}


def _answers(
    model: Checkpoint | EmotionClassifier, pixels: NDArray[np.uint8], labels: Sequence[str], *, both_ways: bool
) -> NDArray[np.float32]:
    """Return (N, K) probabilities of `labels`, which may be some of the model's, in any order."""
    answers = predict(model, pixels, both_ways=both_ways)
    return answers if tuple(labels) == model.labels else choose_classes(answers, model.labels, labels)


def _compare(
    answers: NDArray[np.float32],
    other: Checkpoint | EmotionClassifier,
    data: FaceData,
    options: argparse.Namespace,
) -> Comparison:
    theirs = _answers(other, data.held_out(options.split).pixels, data.labels, both_ways=options.both_ways)
    official, clean = compare_answers(answers, theirs, data, split=options.split)
    return Comparison(str(options.against), evaluate(theirs, data, split=options.split), official, clean)


def _fer_plus(options: argparse.Namespace, model: Checkpoint | EmotionClassifier, labels: Sequence[str]) -> Majority:
    if len(options.data) > 1:
        raise ConfigError(f"--fer-plus: expected FER2013 alone, found {len(options.data)} data sets: give one --data")
    faces = majority_faces(options.data[0], labels=labels, split=options.split)
    right = _answers(model, faces.pixels, labels, both_ways=options.both_ways).argmax(axis=1) == faces.codes
    return Majority(len(faces), float(right.mean()))


def _photos(options: argparse.Namespace, labels: Sequence[str]) -> PhotoFigures:
    return measure_photos(answer_photos(options.model, options.photos), options.photos, labels)


def _packages(model: Checkpoint | EmotionClassifier) -> tuple[str, ...]:
    return (model.package if isinstance(model, EmotionClassifier) else "keras", *MEASURING)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code (see `edge.errors`)."""
    options = parse_arguments(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    return run_command("evaluate", partial(evaluate_model, options), stopped="stopped", debug=options.debug)


if __name__ == "__main__":
    sys.exit(main())
