"""Command line of the conversion: `python -m convert RUN --data fer2013.csv`."""

import argparse
import logging
import sys
from functools import partial
from pathlib import Path

import msgspec

from train.command import run_command
from train.options import option_error

OPTIONS = {"framing.scale": "framing_scale", "framing.shift_y": "framing_shift"}
"""Setting to option, where their names differ."""


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m convert", description=__doc__)
    parser.add_argument("checkpoint", type=Path, help="a run's folder (its best checkpoint is taken), or a .keras file")
    parser.add_argument(
        "--data", type=Path, required=True, help="fer2013.csv (plain, .xz, .zip), or a tree train/ test/"
    )
    parser.add_argument("--name", help="name of the model (default: the run's, or the checkpoint's)")
    parser.add_argument("--labels", nargs="+", help="a bare checkpoint's labels, in order")
    parser.add_argument("--out", type=Path, default=Path("models"), help="folder to publish in (default: models)")
    parser.add_argument("--calibration-faces", type=int, default=500)
    parser.add_argument("--max-loss", type=float, default=0.01, help="accuracy int8 may lose, 0 to 1 (default: 0.01)")
    parser.add_argument("--framing-scale", type=float, default=1.0, help="the detector's box is scaled by this")
    parser.add_argument("--framing-shift", type=float, default=0.0, help="then moved down by this share of its height")
    parser.add_argument(
        "--release", action="store_true", help="also measure on the test split: once for a released model"
    )
    parser.add_argument("--seed", type=int, default=0, help="draws the calibration faces")
    parser.add_argument("--debug", action="store_true", help="show all messages, and the traceback of an error")
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    from convert.pipeline import Settings, convert  # noqa: PLC0415  # Keras takes seconds: --help does not wait

    wanted = {field: getattr(options, field) for field in Settings.__struct_fields__ if hasattr(options, field)}
    wanted["framing"] = {"scale": options.framing_scale, "shift_y": options.framing_shift}
    try:
        settings = msgspec.convert(wanted, Settings)
    except msgspec.ValidationError as error:
        raise option_error(error, options, names=OPTIONS) from error
    convert(options.checkpoint, options.data, settings)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code (see `edge.errors`)."""
    options = parse_arguments(arguments)
    logging.basicConfig(level=logging.DEBUG if options.debug else logging.INFO, format="%(message)s")
    stopped = "stopped; what was published before stands as it was"
    return run_command("convert", partial(run, options), stopped=stopped, debug=options.debug)


if __name__ == "__main__":
    sys.exit(main())
