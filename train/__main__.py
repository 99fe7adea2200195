"""Command line of the training stage: `python -m train --data fer2013.csv`."""

import argparse
import logging
import shlex
import sys
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from edge.errors import ConfigError
from edge.labels import EMOTIONS
from train.augment import Augmentation
from train.classes import parse_classes, parse_merges
from train.command import run_command
from train.models import model_names
from train.options import add_options, given_options, option_error
from train.quiet import quiet
from train.settings import RunSettings, check_settings
from train.state import BEST, RunState, read_state

OPTIONS = {"labels": "classes", "merges": "merge"}
"""Settings whose options have another name."""


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m train", description=__doc__)
    parser.add_argument(
        "--data",
        type=Path,
        nargs="+",
        action="extend",
        required=True,
        help="fer2013.csv (plain, .xz, .zip) or a tree of pictures by emotion; several are joined",
    )
    parser.add_argument("--classes", metavar="LIST", help="7, 6, 5 or names with commas between them (default: 7)")
    parser.add_argument(
        "--merge", nargs="+", metavar="EMOTION=CLASS", help="a left-out emotion counts as a class; else it is dropped"
    )
    parser.add_argument("--out", type=Path, help="folder of the run (default: runs/MODEL)")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out, with its settings")
    parser.add_argument("--like", type=Path, metavar="RUN", help="begin with the settings of the run in this folder")
    parser.add_argument(
        "--devices", type=int, default=1, help="train on so many devices at once, 0 is all (default: 1)"
    )
    parser.add_argument("--no-augmentation", action="store_true", help="train on the faces as they are")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    add_options(parser, RunSettings, title="training")
    add_options(parser, Augmentation, title="augmentation")
    return parser.parse_args(arguments)


def given_settings(options: argparse.Namespace, base: RunSettings | None) -> dict[str, Any]:
    """Return the settings that the command line gives, as `RunSettings` has them.

    Args:
        options: the command line.
        base: settings that hold where nothing else is given.
    """
    given = given_options(options, RunSettings)
    del given["data"]  # paths; the settings hold their names
    if options.classes is not None:
        given["labels"] = parse_classes(options.classes)
    if options.merge is not None:
        given["merges"] = parse_merges(options.merge, given.get("labels", base.labels if base else EMOTIONS))
    changed = given_options(options, Augmentation)
    if changed and options.no_augmentation:
        raise ConfigError(f"--no-augmentation: expected it alone, found --{next(iter(changed))} too: drop one")
    if options.no_augmentation:
        given["augmentation"] = None
    elif changed:
        before = (base and base.augmentation) or Augmentation()
        given["augmentation"] = {**msgspec.to_builtins(before), **changed}
    return given


def new_settings(options: argparse.Namespace, base: RunSettings | None) -> RunSettings:
    """Return the settings of a new run.

    Args:
        options: the command line.
        base: settings of another run that hold where nothing else is given.

    Raises:
        ConfigError: an option's value cannot be, or contradicts another.
    """
    defaults = msgspec.to_builtins(base) if base else {"labels": EMOTIONS}
    wanted = {**defaults, **given_settings(options, base), "data": " + ".join(path.name for path in options.data)}
    try:
        settings = msgspec.convert(wanted, RunSettings)
    except msgspec.ValidationError as error:
        raise option_error(error, options, names=OPTIONS) from error
    if settings.model not in model_names():
        raise ConfigError(f"--model: expected one of {', '.join(model_names())}, found {settings.model}")
    check_settings(settings)
    return settings


def check_resumed(options: argparse.Namespace, settings: RunSettings) -> None:
    """Refuse an option that contradicts the run that is gone on with: its result would be neither's.

    Raises:
        ConfigError: there is one.
    """
    kept = msgspec.to_builtins(settings)
    for name, value in msgspec.to_builtins(given_settings(options, settings)).items():
        if value != kept[name]:
            option = f"--{OPTIONS.get(name, name).replace('_', '-')}"
            raise ConfigError(
                f"{option}: expected {kept[name]} as the run began, found {value}: leave it out, or start another run "
                "with --like and another --out"
            )


def begin(options: argparse.Namespace, folder: Path) -> RunState:
    """Return the state that training starts from: of a new run, or of the one in `folder`.

    Raises:
        ConfigError: the options do not allow it.
    """
    if options.resume:
        if options.like:
            raise ConfigError("--like: expected a new run, found --resume: drop one of them")
        state = read_state(folder)
        check_resumed(options, state.settings)
        return state
    if (folder / BEST).exists():
        raise ConfigError(f"{folder}: a run is already here: go on with --resume, or choose another --out")
    return RunState(settings=new_settings(options, read_state(options.like).settings if options.like else None))


def train(options: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    folder = options.out or Path("runs") / getattr(options, "model", "edge_small")
    state = begin(options, folder)
    settings = state.settings
    from train.balance import balance_lines  # noqa: PLC0415  # as below
    from train.dataset import read_dataset  # noqa: PLC0415  # as below

    with quiet():
        from train.fit import fit  # noqa: PLC0415  # Keras takes seconds: a wrong option is answered before

    data = read_dataset(
        options.data,
        labels=settings.labels,
        merges=settings.merges,
        votes_share=settings.votes_share,
        pooled=settings.pooled,
    )
    for line in balance_lines(data):
        logging.getLogger("train").info("%s", line)
    try:
        state = fit(data, folder, state, devices=options.devices)
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(
            f"stopped after epoch {state.epochs_done}; go on with: {go_on(options, folder)}"
        ) from stop
    print(f"best validation accuracy {state.best_accuracy:.4f}: {folder / BEST}")  # noqa: T201  # the command's answer


def go_on(options: argparse.Namespace, folder: Path) -> str:
    """Return the command that goes on with the run; its settings stand in the folder."""
    words = ["python", "-m", "train", "--data", *map(str, options.data), "--out", str(folder), "--resume"]
    if options.devices != 1:
        words += ["--devices", str(options.devices)]
    return shlex.join(words)


def main() -> int:
    """Run the command; returns the exit code (see `edge.errors`)."""
    options = parse_arguments()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    return run_command("train", partial(train, options), stopped="stopped before training began", debug=options.debug)


if __name__ == "__main__":
    sys.exit(main())
