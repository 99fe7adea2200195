"""Trains a net: `python -m train --data fer2013.csv`."""

import argparse
import logging
import os
import shlex
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from edge.device.files import user_path
from edge.errors import ConfigError, printable
from edge.labels import EMOTIONS
from train.augment import Augmentation
from train.command import log_lines, program_name, run_command, run_program
from train.data.classes import parse_classes, parse_merges
from train.data.dataset import read_dataset
from train.data.summary import summary_lines
from train.models import model_names
from train.native_logs import capture_native_logs
from train.options import add_options, given_options, option_error
from train.run_folder import BEST, TrainingState, read_state
from train.settings import RunSettings, check_settings

CALLED_BY_MAKE = "EDGE_EMOTION_MAKE"
"""Environment variable by which the Makefile says that the user's command was `make train`."""

OPTIONS = {"labels": "classes", "merges": "merge"}
"""Settings whose options have another name, with that name."""


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog=program_name("train"), description=__doc__)
    parser.add_argument(
        "--data",
        type=user_path,
        nargs="+",
        action="extend",
        required=True,
        help="fer2013.csv (plain, .xz, .zip), a tree of images by emotion, or a face set (.npz); several are joined",
    )
    parser.add_argument("--classes", metavar="LIST", help="7, 6, 5 or names separated by commas (default: 7)")
    parser.add_argument(
        "--merge", nargs="+", metavar="EMOTION=CLASS", help="the class that a left-out emotion joins (default: none)"
    )
    parser.add_argument("--out", type=user_path, help="folder of the run (default: runs/MODEL)")
    parser.add_argument("--resume", action="store_true", help="continue the run in --out with its settings")
    parser.add_argument("--like", type=user_path, metavar="RUN", help="take over the settings of the run there")
    parser.add_argument("--devices", type=int, default=1, help="number of devices to train on, 0 for all (default: 1)")
    parser.add_argument("--no-augmentation", action="store_true", help="train on unchanged faces")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    add_options(parser, RunSettings, title="training")
    add_options(parser, Augmentation, title="augmentation")
    return parser.parse_args(arguments)


def given_settings(options: argparse.Namespace, base: RunSettings | None) -> dict[str, Any]:
    """Return the settings that the command line gives, named as in `RunSettings`.

    Args:
        options: the command line.
        base: settings for what the command line does not give.
    """
    given = given_options(options, RunSettings)
    del given["data"]  # `options.data` has paths; the settings store their names
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
        base: settings of another run, for what the command line does not give.

    Raises:
        ConfigError: an option has an invalid value, or contradicts another.
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
    """Refuse options that differ from the settings of the run to resume, which would mix two runs.

    Raises:
        ConfigError: an option differs.
    """
    saved = msgspec.to_builtins(settings)
    for name, value in msgspec.to_builtins(given_settings(options, settings)).items():
        if value != saved[name]:
            option = f"--{OPTIONS.get(name, name).replace('_', '-')}"
            raise ConfigError(
                f"{option}: expected {saved[name]}, the run's own setting, found {value}: drop it, or start another "
                "run with --like and another --out"
            )


def begin(options: argparse.Namespace, folder: Path) -> TrainingState:
    """Return the state from which training starts: of a new run, or of the run in `folder` to resume.

    Raises:
        ConfigError: the options contradict each other or the run, or there already is a run.
    """
    if options.resume:
        if options.like:
            raise ConfigError("--like: expected a new run, found --resume: drop one of them")
        state = read_state(folder)
        check_resumed(options, state.settings)
        return state
    if (folder / BEST).exists():
        raise ConfigError(f"{folder}: expected no run, found one: continue it with --resume, or choose another --out")
    return TrainingState(settings=new_settings(options, read_state(options.like).settings if options.like else None))


def train(options: argparse.Namespace) -> None:
    """Train, or resume training, as the command line says."""
    folder = options.out or Path("runs") / getattr(options, "model", "edge_small")
    state = begin(options, folder)
    settings = state.settings
    with capture_native_logs():
        from train.fit import fit  # noqa: PLC0415  # Keras takes seconds to import; usage errors come first

    data = read_dataset(
        options.data,
        labels=settings.labels,
        merges=settings.merges,
        votes_share=settings.votes_share,
        choose_by_votes=settings.choose_by_votes,
        shares=settings.shares,
        balance=settings.balance,
        pooled=settings.pooled,
    )
    for line in summary_lines(data):
        logging.getLogger("train").info("%s", line)
    try:
        state = fit(data, folder, state, devices=options.devices)
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(
            f"stopped after epoch {state.epochs_done}; continue with: {resume_command(options, folder)}"
        ) from stop
    print(printable(f"best validation accuracy {state.best_accuracy:.4f}: {folder / BEST}"))  # noqa: T201  # the command's output


def resume_command(options: argparse.Namespace, folder: Path) -> str:
    """Return the command that resumes the run, called as this one was; the settings come from the run's folder."""
    first, *others = map(str, options.data)
    more = ["--data", *others] if others else []
    more += ["--resume"]
    if options.devices != 1:
        more += ["--devices", str(options.devices)]
    if os.environ.get(CALLED_BY_MAKE):
        model = [f"MODEL={options.model}"]  # the Makefile always gives one
        return shlex.join(["make", "train", f"DATA={first}", *model, f"RUN={folder}", f"ARGS={shlex.join(more)}"])
    return f"{program_name('train', as_called=True)} {shlex.join(['--data', first, '--out', str(folder), *more])}"


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return the exit code (see `edge.errors`)."""
    options = parse_arguments(arguments)
    log_lines()
    return run_command("train", partial(train, options), stopped="stopped before training began", debug=options.debug)


if __name__ == "__main__":
    run_program(main)
