"""Command line of the conversion: `python -m convert [MODEL] [--data fer2013.csv]`."""

import argparse
import errno
import logging
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import get_args

import msgspec

from edge.errors import ConfigError, ModelError
from edge.manifest import Precision
from train.checkpoint import find_checkpoint
from train.classes import parse_classes
from train.command import run_command
from train.options import option_error
from train.quiet import quiet

SHIPPED = Path("models")
"""Where the checkpoints of what ships stand, and where models are published."""

ENDINGS = (".keras", ".h5")

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
"""What the system says of a disk that is full or read-only. Publishing answers for itself; this is for work files."""


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line. What is not given does not stand in it, but for `model`, `data` and `debug`."""
    parser = argparse.ArgumentParser(prog="python -m convert", description=__doc__, argument_default=argparse.SUPPRESS)
    parser.add_argument(
        "model",
        type=Path,
        nargs="?",
        default=None,
        help="a run's folder (its best checkpoint is taken), or a .keras or .h5 file (default: every one in models/)",
    )
    parser.add_argument(
        "--data",
        type=Path,
        nargs="+",
        default=None,
        help="fer2013.csv or a tree of pictures, several are joined: calibrates and verifies anew (default: rebuilds"
        " with the ranges kept beside the checkpoint)",
    )
    parser.add_argument("--name", help="name of the model (default: the run's, or the checkpoint's)")
    labels = parser.add_mutually_exclusive_group()
    labels.add_argument("--labels", nargs="+", help="a bare checkpoint's labels, in order")
    labels.add_argument("--classes", help="the same as a set: 7, 6 or 5")
    parser.add_argument(
        "--value-range", type=float, nargs=2, metavar=("BLACK", "WHITE"), help="what a bare checkpoint takes for each"
    )
    parser.add_argument("--out", type=Path, help="folder to publish in (default: models)")
    parser.add_argument(
        "--precision", dest="precisions", nargs="+", choices=get_args(Precision), help="a file for each (default: int8)"
    )
    parser.add_argument("--backend", choices=("tensorflow", "litert"), help="who quantizes")
    parser.add_argument("--calibration-faces", type=int, help="faces that ranges are measured on (default: 500)")
    parser.add_argument("--max-loss", type=float, help="accuracy that may be lost, 0 to 1 (default: 0.01)")
    parser.add_argument("--framing-scale", type=float, help="the detector's box is scaled by this (default: as before)")
    parser.add_argument("--framing-shift", type=float, help="then moved down by this share of its height")
    parser.add_argument(
        "--release", action="store_true", help="also measure on the test split: once for a released model"
    )
    parser.add_argument("--equalise", action="store_true", help="equalise channels, for a net that loses much in int8")
    parser.add_argument("--layers", action="store_true", help="also tell which layers lose most in int8")
    parser.add_argument("--seed", type=int, help="draws the calibration faces (default: 0)")
    parser.add_argument(
        "--debug", action="store_true", default=False, help="show all messages, and the traceback of an error"
    )
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    sources = [options.model] if options.model else find_checkpoints(SHIPPED)
    for source in sources:
        find_checkpoint(source)
    given = vars(options).copy()
    if "classes" in given:
        given["labels"] = parse_classes(options.classes)

    with quiet():  # takes seconds: --help and a wrong path do not wait
        from convert.pipeline import convert  # noqa: PLC0415
        from convert.settings import Settings  # noqa: PLC0415
        from convert.table import result_lines  # noqa: PLC0415

    try:
        settings = msgspec.convert(
            {name: value for name, value in given.items() if name in Settings.__struct_fields__}, Settings
        )
    except msgspec.ValidationError as error:
        raise option_error(error, options, names={"precisions": "precision"}) from error
    try:
        results = [result for source in sources for result in convert(source, options.data, settings)]
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise ConfigError(
            f"{error.filename or tempfile.gettempdir()}: expected room to work in, found: {error.strerror}: free some,"
            " or name another folder in TMPDIR"
        ) from error
    print("\n".join(result_lines(results)))  # noqa: T201  # the command's answer


def find_checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints of what ships.

    Raises:
        ModelError: there are none.
    """
    found = sorted(path for path in folder.glob("*") if path.suffix in ENDINGS)
    if not found:
        raise ModelError(f"{folder}: expected checkpoints here (.keras), found none: name one, or a run of `train`")
    return found


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code (see `edge.errors`)."""
    options = parse_arguments(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("convert").setLevel(logging.DEBUG if options.debug else logging.INFO)
    stopped = "stopped; what was published before stands as it was"
    return run_command("convert", partial(run, options), stopped=stopped, debug=options.debug)


if __name__ == "__main__":
    sys.exit(main())
