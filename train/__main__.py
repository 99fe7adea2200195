"""Command line of the training stage: `python -m train --data fer2013.csv`."""

import argparse
import logging
import sys
from functools import partial
from pathlib import Path

import msgspec

from edge.errors import ConfigError
from edge.labels import CLASS_SETS
from train.augment import Augmentation
from train.command import run_command
from train.dataset import read_dataset
from train.fit import fit
from train.models import model_names
from train.options import option_error
from train.state import BEST, RunSettings, RunState, read_state


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m train", description=__doc__)
    parser.add_argument(
        "--data", type=Path, required=True, help="fer2013.csv (plain, .xz, .zip), or a tree train/ test/"
    )
    parser.add_argument("--out", type=Path, help="folder of the run (default: runs/MODEL)")
    parser.add_argument("--model", choices=model_names(), default="edge_small")
    parser.add_argument("--classes", type=int, choices=sorted(CLASS_SETS), default=7)
    parser.add_argument(
        "--votes", type=float, default=0.0, help="share of FER+ votes in the targets, 0 to 1 (default: 0)"
    )
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-augmentation", action="store_true")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args(arguments)


def new_settings(options: argparse.Namespace) -> RunSettings:
    """Return the settings of a new run.

    Raises:
        ConfigError: an option's value cannot be.
    """
    wanted = {
        "model": options.model,
        "labels": CLASS_SETS[options.classes],
        "data": options.data.name,
        "votes_share": options.votes,
        "epochs": options.epochs,
        "seed": options.seed,
    }
    try:
        return msgspec.convert(wanted, RunSettings)
    except msgspec.ValidationError as error:
        raise option_error(error, options, names={"votes_share": "votes"}) from error


def train(options: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    folder = options.out or Path("runs") / options.model
    if options.resume:
        state = read_state(folder)
    elif (folder / BEST).exists():
        raise ConfigError(f"{folder}: a run is already here: go on with --resume, or choose another --out")
    else:
        state = RunState(settings=new_settings(options))
    settings = state.settings
    data = read_dataset(options.data, labels=settings.labels, votes_share=settings.votes_share, seed=settings.seed)
    for split, faces in (("training", data.training), ("validation", data.validation), ("test", data.test)):
        counts = ", ".join(f"{name} {count}" for name, count in zip(data.labels, faces.counts(), strict=True))
        logging.getLogger("train").info("%s: %d faces (%s)", split, len(faces), counts)
    state = fit(data, folder, state, augmentation=None if options.no_augmentation else Augmentation())
    print(f"best validation accuracy {state.best_accuracy:.4f}: {folder / BEST}")  # noqa: T201  # the command's answer


def main() -> int:
    """Run the command; returns the exit code (see `edge.errors`)."""
    options = parse_arguments()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    return run_command("train", partial(train, options), stopped="stopped; go on with --resume", debug=options.debug)


if __name__ == "__main__":
    sys.exit(main())
