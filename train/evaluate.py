"""Evaluates a model and writes a report: `python -m train.evaluate MODEL --data fer2013.csv --faces faces.npz`."""

import argparse
import importlib.metadata
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, get_args

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.device.files import user_path
from edge.errors import ConfigError, printable
from edge.model.manifest import Measurement, read_model
from edge.vision.classify import EmotionClassifier
from train.checkpoint import Checkpoint
from train.command import log_lines, program_name, run_command, run_program
from train.data.classes import parse_classes, parse_merges
from train.data.dataset import read_dataset, read_fold, read_majority_faces
from train.data.faces import FaceData, Split
from train.data.formats import find_votes
from train.evaluation.compare import ModelComparison, compare_predictions
from train.evaluation.measurements import FOLDS, ROLLS_DEG, majorities_name, measure_faces, measure_photos
from train.evaluation.page import check_folder, write_report
from train.evaluation.photos import check_photos
from train.evaluation.predict import find_model, open_model, predict, training_prior
from train.evaluation.report import EvaluationReport, report_sections, section_lines
from train.evaluation.split_metrics import measure_split, select_classes, split_name

REPORTS = Path("reports")
"""Folder of the reports."""

METRICS_PACKAGES = ("numpy", "scikit-learn")
"""Packages that compute the metrics, whatever the model."""


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog=program_name("train.evaluate"), description=__doc__)
    parser.add_argument(
        "model",
        type=user_path,
        help="a run's folder, a .keras or .h5 checkpoint, a .tflite, or the name of a bundled model",
    )
    parser.add_argument(
        "--data",
        type=user_path,
        nargs="+",
        action="extend",
        default=[],
        help="fer2013.csv (plain, .xz, .zip), a tree of images by emotion, or a face set (.npz); several are joined",
    )
    parser.add_argument(
        "--split",
        choices=get_args(Split),
        help="of --data (default: validation; test of a tree that has test/, but no validation/ of its own)",
    )
    parser.add_argument(
        "--faces",
        metavar="FILE.npz",
        type=user_path,
        help="a face set in the mixture of everyday life, such as python -m train.faces makes",
    )
    parser.add_argument(
        "--fold",
        type=int,
        choices=FOLDS,
        default=1,
        help="its fold: 0 is for training, 1 for validation, 2 for test (default: 1)",
    )
    parser.add_argument(
        "--photos",
        metavar="FOLDER",
        type=user_path,
        help="photographs FOLDER/<emotion>/*, on which the whole runtime is measured (.tflite only)",
    )
    parser.add_argument(
        "--rolls",
        type=float,
        nargs="*",
        metavar="DEGREES",
        help="also turn the photographs by so much (default without a value: 15 30 45)",
    )
    parser.add_argument(
        "--fer-plus",
        action="store_true",
        help="also measure against the majority of votes in fer2013new.csv next to the table of --data",
    )
    parser.add_argument(
        "--classes", metavar="LIST", help="some of the model's: 7, 6, 5 or names separated by commas (default: all)"
    )
    parser.add_argument(
        "--merge",
        nargs="+",
        metavar="EMOTION=CLASS",
        help="faces of a left-out emotion join a class of --data (default: they are dropped)",
    )
    parser.add_argument(
        "--both-ways",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="average each prediction with that for the mirrored face, as the runtime does; the overview always does",
    )
    parser.add_argument("--pooled", action="store_true", help="redraw the splits, as a run with --pooled does")
    parser.add_argument("--against", metavar="MODEL", type=user_path, help="another one, on the same --data")
    parser.add_argument("--report", metavar="FOLDER", type=user_path, help="of the report (default: reports/NAME…)")
    parser.add_argument("--labels", nargs="+", help="classes of a checkpoint without a run, in its order")
    parser.add_argument(
        "--value-range",
        nargs=2,
        type=float,
        metavar=("BLACK", "WHITE"),
        help="input values of a foreign checkpoint for black and white, such as -1 1 (default: 0 1)",
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args(arguments)


def report_folder(options: argparse.Namespace, split: Split | None) -> Path:
    """Return the report's folder: as given, or named by what is measured, so that no report overwrites another.

    Args:
        options: the command line.
        split: the measured split of `--data`; None without it.
    """
    if options.report:
        return Path(options.report)
    parts = [_name(options.model), *([f"against-{_name(options.against)}"] if options.against else [])]
    if split:
        parts.append(split)
    else:
        parts += [path.resolve().stem for path in (options.faces, options.photos) if path]
    if options.classes:
        parts.append(f"{options.classes}-classes" if options.classes.isdigit() else options.classes.replace(",", "-"))
    if not options.both_ways:
        parts.append("one-way")
    return REPORTS / "-".join(parts)


def _name(model: Path) -> str:
    return model.resolve().name if model.is_dir() else model.stem


def evaluate_model(options: argparse.Namespace) -> None:
    """Evaluate the model and write its report."""
    given, given_other = str(options.model), str(options.against)
    options.model = find_model(options.model)
    options.against = find_model(options.against) if options.against else None
    _check(options)
    model = _open(options.model, options)
    other = _open(options.against, options) if options.against else None
    labels = parse_classes(options.classes) if options.classes else model.labels
    data = _read(options, model, labels) if options.data else None
    split: Split | None = (options.split or data.default_split) if data else None
    measurements = _measure_everyday(options, model, labels)
    evaluation = comparison = predictions = faces = None
    if data and split:
        faces = data.held_out(split)
        averaged, one_way = _predict_both(model, faces.pixels, labels)
        predictions = averaged if options.both_ways else one_way
        name = f"{data.name} {split_name(data, split)}"
        if options.fer_plus:
            measurements += _measure_majorities(options, model, labels, split=split)
        prior = training_prior(model)
        measurements += measure_faces(averaged, faces, labels, kind="labels", dataset=name, training_prior=prior)
        evaluation = measure_split(predictions, data, split=split)
        comparison = _compare(predictions, other, given_other, data, options, split=split) if other else None
    report = EvaluationReport(
        model=given,
        model_labels=model.labels,
        both_ways=options.both_ways,
        date=datetime.now(tz=UTC).date().isoformat(),
        versions={name: importlib.metadata.version(name) for name in _packages(model)},
        measurements=measurements,
        evaluation=evaluation,
        comparison=comparison,
        history=model.state.history if isinstance(model, Checkpoint) and model.state else [],
    )
    from train.evaluation.plots import draw_report  # noqa: PLC0415  # Matplotlib takes a second to import

    page = write_report(report, draw_report(report, predictions, faces), report_folder(options, split))
    lines = [line for section in report_sections(report) for line in section_lines(section)]
    if data and split and not options.split:
        lines.insert(0, f"{data.name}: measuring {split_name(data, split)}; --split chooses another split\n")
    print("\n".join([*lines, printable(f"report: {page}")]))  # noqa: T201  # the command's output


def _check(options: argparse.Namespace) -> None:
    """Refuse, before any work, options that contradict each other and sets that cannot be read.

    Raises:
        ConfigError: there is nothing to measure, an option needs another, or the report cannot be written.
        MediaError: there are no photographs.
    """
    if not (options.data or options.faces or options.photos):
        raise ConfigError("expected --data, --faces or --photos, found none: name what to measure")
    for name, needed in (("split", "data"), ("fer_plus", "data"), ("against", "data"), ("rolls", "photos")):
        given = getattr(options, name)
        if given not in (None, False) and not getattr(options, needed):
            raise ConfigError(
                f"--{name.replace('_', '-')}: expected it with --{needed}, found it alone: add --{needed}"
            )
    check_folder(options.report or REPORTS)
    if options.photos:
        check_photos(options.model, options.photos)


def _open(path: Path, options: argparse.Namespace) -> Checkpoint | EmotionClassifier:
    """Open a model; `--labels` and `--value-range` apply to the first model, not to `--against`."""
    if path != options.model:
        return open_model(path)
    value_range = tuple(options.value_range) if options.value_range else None
    return open_model(path, labels=options.labels, value_range=value_range)


def _read(options: argparse.Namespace, model: Checkpoint | EmotionClassifier, labels: Sequence[str]) -> FaceData:
    """Read the data with the settings of the model's run, if known; other splits could contain its training faces."""
    run = _run_settings(model, options.model)
    if options.merge is not None:
        merges = parse_merges(options.merge, labels)
    else:
        merges = run.get("merges", {}) if tuple(labels) == model.labels else {}
    pooled = options.pooled or run.get("pooled", False)
    return read_dataset(options.data, labels=labels, merges=merges, pooled=pooled)


def _run_settings(model: Checkpoint | EmotionClassifier, path: Path) -> dict[str, Any]:
    """Return the settings of the run that the model comes from; empty if unknown."""
    if isinstance(model, Checkpoint):
        return msgspec.to_builtins(model.state.settings) if model.state else {}
    return read_model(path)[1].training_run or {}


def _measure_everyday(
    options: argparse.Namespace, model: Checkpoint | EmotionClassifier, labels: Sequence[str]
) -> list[Measurement]:
    """Measure on the face set and on the photographs, if there are any."""
    measurements = []
    if options.faces:
        faces = read_fold(options.faces, labels=labels, fold=options.fold)
        averaged, _ = _predict_both(model, faces.pixels, labels)
        prior = training_prior(model)
        name = f"{options.faces.stem} fold {options.fold}"
        measurements += measure_faces(averaged, faces, labels, kind="everyday", dataset=name, training_prior=prior)
    if options.photos:
        rolls_deg = (0.0,) if options.rolls is None else (0.0, *(options.rolls or ROLLS_DEG))
        measurements += measure_photos(
            options.model, options.photos, labels, rolls_deg=rolls_deg, training_prior=training_prior(model)
        )
    return measurements


def _measure_majorities(
    options: argparse.Namespace, model: Checkpoint | EmotionClassifier, labels: Sequence[str], *, split: Split
) -> list[Measurement]:
    path = next(filter(find_votes, options.data), options.data[0])
    faces = read_majority_faces(path, labels=labels, split=split)
    averaged, _ = _predict_both(model, faces.pixels, labels)
    return measure_faces(
        averaged,
        faces,
        labels,
        kind="majorities",
        dataset=majorities_name(split),
        training_prior=training_prior(model),
    )


def _predict_both(
    model: Checkpoint | EmotionClassifier, pixels: NDArray[np.uint8], labels: Sequence[str]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return (N, K) probabilities of `labels`: averaged over face and mirror image, and of the face alone."""
    one_way = predict(model, pixels)
    averaged = (one_way + predict(model, pixels[:, :, ::-1])) / np.float32(2)
    if tuple(labels) == model.labels:
        return averaged, one_way
    return select_classes(averaged, model.labels, labels), select_classes(one_way, model.labels, labels)


def _compare(
    predictions: NDArray[np.float32],
    other: Checkpoint | EmotionClassifier,
    name: str,
    data: FaceData,
    options: argparse.Namespace,
    *,
    split: Split,
) -> ModelComparison:
    averaged, one_way = _predict_both(other, data.held_out(split).pixels, data.labels)
    theirs = averaged if options.both_ways else one_way
    official, clean = compare_predictions(predictions, theirs, data, split=split)
    return ModelComparison(name, measure_split(theirs, data, split=split), official, clean)


def _packages(model: Checkpoint | EmotionClassifier) -> tuple[str, ...]:
    return (model.package if isinstance(model, EmotionClassifier) else "keras", *METRICS_PACKAGES)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return the exit code (see `edge.errors`)."""
    options = parse_arguments(arguments)
    log_lines()
    return run_command("evaluate", partial(evaluate_model, options), stopped="stopped", debug=options.debug)


if __name__ == "__main__":
    run_program(main)
