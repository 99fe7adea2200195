"""Command line that draws a sheet of augmented faces: `python -m train.sheet --data fer2013.csv`."""

import argparse
import logging
import sys
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

import cv2
import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from edge.errors import ConfigError
from train.augment import Augmentation, augment
from train.classes import parse_classes
from train.command import run_command
from train.dataset import read_dataset
from train.faces import FACE_PX, FaceData, FaceSet
from train.options import add_options, given_options, option_error

ENLARGED = 2
TILE_PX = FACE_PX * ENLARGED
GAP_PX = 6
CAPTION_PX = 14
"""Of a row: the line under its faces."""

NAME_PX = 90
"""The column of names on the left."""

WHITE = 255
BLACK = (0,)
SHOWN = 0.005
"""A smaller share of another class rounds to nothing, and is not written."""

Settings = TypeVar("Settings", bound=msgspec.Struct)


class SheetSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the sheet shows."""

    faces: Annotated[
        int, Meta(ge=1, le=100, description="rows: faces of the training split, of each class in turn")
    ] = 8
    variants: Annotated[int, Meta(ge=1, le=100, description="columns: how often each is varied")] = 10
    seed: Annotated[int, Meta(ge=0, description="draws the faces and what is done to them")] = 0


def choose_faces(data: FaceData, count: int, *, seed: int) -> FaceSet:
    """Return up to `count` different training faces, of each class in turn."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(data.training))
    codes = data.training.codes[order]
    turn = np.empty_like(codes)
    for code in range(len(data.labels)):
        of_class = codes == code
        turn[of_class] = np.arange(of_class.sum())
    rows = order[np.lexsort((codes, turn))][:count]
    return FaceSet(data.training.pixels[rows], data.training.targets[rows])


def draw_sheet(
    chosen: FaceSet, labels: tuple[str, ...], augmentation: Augmentation, *, variants: int, seed: int
) -> NDArray[np.uint8]:
    """Draw each face as it is, then its variants, as training is fed them; mixup blends the faces of the sheet.

    Returns (H, W) uint8. Under a face stands what of another class was blended in.
    """
    column, row = TILE_PX + GAP_PX, TILE_PX + CAPTION_PX
    sheet = np.full((CAPTION_PX + len(chosen) * row, NAME_PX + (1 + variants) * column), WHITE, dtype=np.uint8)
    for number in range(1 + variants):
        faces, targets = chosen.pixels, chosen.targets
        if number:
            floats, targets = augment(faces, targets, augmentation, np.random.default_rng((seed, number)))
            faces = np.rint(floats * 255).astype(np.uint8)
        left = NAME_PX + number * column
        _write(sheet, str(number) if number else "as it is", left, CAPTION_PX)
        for index, (face, target) in enumerate(zip(faces, targets, strict=True)):
            top = CAPTION_PX + index * row
            sheet[top : top + TILE_PX, left : left + TILE_PX] = face.repeat(ENLARGED, axis=0).repeat(ENLARGED, axis=1)
            blended = target * (np.arange(len(labels)) != chosen.codes[index]) if number else np.zeros(1)
            if blended.max() >= SHOWN:
                _write(sheet, f"+ {blended.max():.0%} {labels[int(blended.argmax())]}", left, top + row)
    for index, code in enumerate(chosen.codes):
        _write(sheet, labels[code], GAP_PX, CAPTION_PX + index * row + TILE_PX // 2)
    return sheet


def _write(sheet: NDArray[np.uint8], text: str, left: int, bottom: int) -> None:
    cv2.putText(sheet, text, (left, bottom - 4), cv2.FONT_HERSHEY_SIMPLEX, 0.36, BLACK, 1, cv2.LINE_AA)


def save_sheet(sheet: NDArray[np.uint8], path: Path) -> None:
    """Write the sheet as PNG.

    Raises:
        ConfigError: it cannot be written there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cv2.imencode(".png", sheet)[1].tobytes())
    except OSError as error:
        raise ConfigError(
            f"{path}: expected a file that can be written: {error.strerror}: give another --out"
        ) from error


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m train.sheet", description=__doc__)
    parser.add_argument(
        "--data", type=Path, nargs="+", required=True, help="fer2013.csv or a tree of pictures; several are joined"
    )
    parser.add_argument(
        "--classes", default="7", metavar="LIST", help="7, 6, 5 or names with commas between them (default: 7)"
    )
    parser.add_argument("--out", type=Path, default=Path("runs/sheet.png"), help="the sheet (default: runs/sheet.png)")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    add_options(parser, SheetSettings, title="sheet")
    add_options(parser, Augmentation, title="augmentation")
    return parser.parse_args(arguments)


def _settings(options: argparse.Namespace, kind: type[Settings]) -> Settings:
    try:
        return msgspec.convert(given_options(options, kind), kind)
    except msgspec.ValidationError as error:
        raise option_error(error, options, names={}) from error


def draw(options: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    shown, augmentation = _settings(options, SheetSettings), _settings(options, Augmentation)
    data = read_dataset(options.data, labels=parse_classes(options.classes))
    chosen = choose_faces(data, shown.faces, seed=shown.seed)
    save_sheet(draw_sheet(chosen, data.labels, augmentation, variants=shown.variants, seed=shown.seed), options.out)
    print(options.out)  # noqa: T201  # the command's answer


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code (see `edge.errors`)."""
    options = parse_arguments(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    return run_command("sheet", partial(draw, options), stopped="stopped", debug=options.debug)


if __name__ == "__main__":
    sys.exit(main())
