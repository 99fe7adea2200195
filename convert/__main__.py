"""Command line of the conversion: `python -m convert [MODEL] [--data fer2013.csv]`."""

import argparse
import errno
import logging
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import msgspec

from edge.device.files import user_path
from edge.errors import ConfigError, ModelError
from edge.model.manifest import Precision
from train.checkpoint import find_checkpoint
from train.command import log_lines, program_name, run_command, run_program
from train.data.classes import parse_classes
from train.native_logs import capture_native_logs
from train.options import option_error

if TYPE_CHECKING:
    from convert.pipeline import PublishedModel

CHECKPOINT_SUFFIXES = (".keras", ".h5")

DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
"""Errors of a full or read-only disk under the work files; `convert.publish` handles those of published files."""

TABLE_HEAD = ("model", "precision", "size", "accuracy", "ECE", "latency", "")


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line; options not given are absent from the result, except `model`, `data` and `debug`."""
    parser = argparse.ArgumentParser(
        prog=program_name("convert"), description=__doc__, argument_default=argparse.SUPPRESS
    )
    parser.add_argument(
        "model",
        type=user_path,
        nargs="?",
        default=None,
        help="a run's folder (its best checkpoint is taken), or a .keras or .h5 file (default: every one in models/)",
    )
    parser.add_argument(
        "--data",
        type=user_path,
        nargs="+",
        default=None,
        help="fer2013.csv or a tree of images, several are joined: calibrate and verify on them (default: rebuild with"
        " the ranges kept beside the checkpoint)",
    )
    parser.add_argument("--name", help="name of the model (default: the run's, or the checkpoint's)")
    labels = parser.add_mutually_exclusive_group()
    labels.add_argument("--labels", nargs="+", help="a bare checkpoint's labels, in order")
    labels.add_argument("--classes", help="the same as a set: 7, 6 or 5")
    parser.add_argument(
        "--value-range", type=float, nargs=2, metavar=("BLACK", "WHITE"), help="a bare checkpoint's input range"
    )
    parser.add_argument("--out", type=user_path, help="folder to publish in (default: the run's, or runs/NAME)")
    parser.add_argument(
        "--replace-shipped",
        action="store_true",
        help="publish in models/ instead, if it beats the model that ships on the same data",
    )
    parser.add_argument(
        "--precision",
        dest="precisions",
        nargs="+",
        choices=get_args(Precision),
        help="a file for each (default: int8)",
    )
    parser.add_argument("--calibration-faces", type=int, help="faces on which ranges are measured (default: 500)")
    parser.add_argument("--max-loss", type=float, help="accuracy that a model may lose, 0 to 1 (default: 0.01)")
    parser.add_argument("--framing-scale", type=float, help="scale the detector's box by this (default: as before)")
    parser.add_argument("--framing-shift", type=float, help="then move it down by this share of its height")
    parser.add_argument(
        "--keep-calibration",
        action="store_true",
        help="with --data: rebuild the same model, and only verify and measure it again",
    )
    parser.add_argument(
        "--faces", type=user_path, metavar="FILE.npz", help="face set: measure on its fold 1 what each label is worth"
    )
    parser.add_argument(
        "--photos",
        type=user_path,
        metavar="FOLDER",
        help="photographs FOLDER/<emotion>/*: measure the whole runtime, turned heads, distance and light",
    )
    parser.add_argument(
        "--release", action="store_true", help="also evaluate on the test split: once, for a released model"
    )
    parser.add_argument("--equalise", action="store_true", help="equalise channels, for a net that loses much in int8")
    parser.add_argument("--layers", action="store_true", help="also report which layers lose most in int8")
    parser.add_argument("--seed", type=int, help="seed of the draw of calibration faces (default: 0)")
    parser.add_argument(
        "--debug", action="store_true", default=False, help="show all messages, and the traceback of an error"
    )
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> None:
    """Convert the model that the command line names, or every bundled one, and print a table of the results."""
    sources = [options.model] if options.model else find_checkpoints(Path("models"))
    for source in sources:
        find_checkpoint(source)
    for name in ("keep_calibration", "faces", "photos", "release"):
        if options.data is None and getattr(options, name, None):
            option = name.replace("_", "-")
            raise ConfigError(f"--{option}: expected it with --data, found it alone: a rebuild measures nothing")
    if getattr(options, "keep_calibration", False) and getattr(options, "replace_shipped", False):
        raise ConfigError("--keep-calibration: expected it alone, found --replace-shipped too: drop one of them")
    given = vars(options).copy()
    if "classes" in given:
        given["labels"] = parse_classes(options.classes)

    with capture_native_logs():
        # TensorFlow takes seconds to import: --help and a wrong path do not wait for it.
        from convert.pipeline import convert  # noqa: PLC0415  # imports TensorFlow
        from convert.settings import ConversionSettings  # noqa: PLC0415  # used with the pipeline alone

    try:
        settings = msgspec.convert(
            {name: value for name, value in given.items() if name in ConversionSettings.__struct_fields__},
            ConversionSettings,
        )
    except msgspec.ValidationError as error:
        raise option_error(error, options, names={"precisions": "precision"}) from error
    try:
        models = [model for source in sources for model in convert(source, options.data, settings)]
    except OSError as error:
        if error.errno not in DISK_ERRORS:
            raise
        raise ConfigError(
            f"{error.filename or tempfile.gettempdir()}: expected room to work in, found: {error.strerror}: free some,"
            " or name another folder in TMPDIR"
        ) from error
    print("\n".join(result_table(models)))  # noqa: T201  # the command's output


def find_checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints in `folder`.

    Raises:
        ModelError: there are none.
    """
    found = sorted(path for path in folder.glob("*") if path.suffix in CHECKPOINT_SUFFIXES)
    if not found:
        raise ModelError(f"{folder}: expected checkpoints here (.keras), found none: name one, or a run of `train`")
    return found


def result_table(models: Sequence["PublishedModel"]) -> list[str]:
    """Return a table of the models as lines; accuracy and calibration error are those of the manifest's first split."""
    rows = [TABLE_HEAD, *(_table_row(model) for model in models)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(TABLE_HEAD))]
    left_aligned = (0, 1, len(TABLE_HEAD) - 1)
    return [
        "  ".join(
            text.ljust(width) if column in left_aligned else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _table_row(model: "PublishedModel") -> tuple[str, ...]:
    manifest = model.manifest
    first = manifest.figures[0] if manifest.figures else None
    times = [row.median_us for row in manifest.latency if row.precision == manifest.precision]
    return (
        str(model.path),
        manifest.precision,
        f"{manifest.size_bytes / 1024:.0f} KiB",
        f"{100 * first.model_accuracy:.2f} % of {first.split}" if first else "-",
        f"{first.calibration_error:.3f}" if first else "-",
        f"{times[0]:.0f} µs" if times else "-",
        model.outcome,
    )


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code (see `edge.errors`)."""
    options = parse_arguments(arguments)
    log_lines()
    logging.getLogger("convert").setLevel(logging.DEBUG if options.debug else logging.INFO)
    stopped = "stopped; the models published before are unchanged"
    return run_command("convert", partial(run, options), stopped=stopped, debug=options.debug)


if __name__ == "__main__":
    run_program(main)
