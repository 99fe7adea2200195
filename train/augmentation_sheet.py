"""Draws a sheet of augmented faces, to check augmentation by eye: `python -m train.augmentation_sheet --data …`."""

import argparse
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

import cv2
import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from edge.device.files import user_path
from edge.errors import ConfigError, printable
from train.augment import Augmentation, augment
from train.command import log_lines, program_name, run_command, run_program
from train.data.classes import parse_classes
from train.data.dataset import read_dataset
from train.data.faces import FACE_PX, FaceData, FaceSet
from train.options import add_options, given_options, option_error

ENLARGED = 2
TILE_PX = FACE_PX * ENLARGED
GAP_PX = 6
CAPTION_PX = 14
"""Height of the line of text under each face."""

LABEL_PX = 90
"""Width of the column of labels on the left."""

WHITE = 255
BLACK = (0,)
MIN_SHARE = 0.005
"""Smallest share of another class that is written under a face; smaller ones round to 0 %."""

Settings = TypeVar("Settings", bound=msgspec.Struct)


class SheetSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Size and seed of the sheet."""

    faces: Annotated[
        int, Meta(ge=1, le=100, description="rows: faces of the training split, from each class in turn")
    ] = 8
    variants: Annotated[int, Meta(ge=1, le=100, description="columns: augmented variants of each face")] = 10
    seed: Annotated[int, Meta(ge=0, description="seed of the choice of faces and of the augmentation")] = 0


def choose_faces(data: FaceData, count: int, *, seed: int) -> FaceSet:
    """Choose up to `count` different training faces, from each class in turn."""
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
    """Draw each face as it is, then variants of it as training gets them; mixup blends faces of the sheet.

    Under a variant, the sheet gives the class and the share of the face that mixup blended in.

    Returns:
        The sheet, (H, W) uint8.
    """
    column, row = TILE_PX + GAP_PX, TILE_PX + CAPTION_PX
    sheet = np.full((CAPTION_PX + len(chosen) * row, LABEL_PX + (1 + variants) * column), WHITE, dtype=np.uint8)
    for number in range(1 + variants):
        faces, targets = chosen.pixels, chosen.targets
        if number:
            floats, targets = augment(faces, targets, augmentation, np.random.default_rng((seed, number)))
            faces = np.rint(floats * 255).astype(np.uint8)
        left = LABEL_PX + number * column
        _write(sheet, str(number) if number else "as it is", left, CAPTION_PX)
        for index, (face, target) in enumerate(zip(faces, targets, strict=True)):
            top = CAPTION_PX + index * row
            sheet[top : top + TILE_PX, left : left + TILE_PX] = face.repeat(ENLARGED, axis=0).repeat(ENLARGED, axis=1)
            blended = target * (np.arange(len(labels)) != chosen.codes[index]) if number else np.zeros(1)
            if blended.max() >= MIN_SHARE:
                _write(sheet, f"+ {blended.max():.0%} {labels[int(blended.argmax())]}", left, top + row)
    for index, code in enumerate(chosen.codes):
        _write(sheet, labels[code], GAP_PX, CAPTION_PX + index * row + TILE_PX // 2)
    return sheet


def _write(sheet: NDArray[np.uint8], text: str, left: int, bottom: int) -> None:
    cv2.putText(sheet, text, (left, bottom - 4), cv2.FONT_HERSHEY_SIMPLEX, 0.36, BLACK, 1, cv2.LINE_AA)


def save_sheet(sheet: NDArray[np.uint8], path: Path) -> None:
    """Write the sheet as PNG.

    Raises:
        ConfigError: `path` cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cv2.imencode(".png", sheet)[1].tobytes())
    except OSError as error:
        raise ConfigError(f"{path}: expected a writable file, found: {error.strerror}: choose another --out") from error


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog=program_name("train.augmentation_sheet"), description=__doc__)
    parser.add_argument(
        "--data", type=user_path, nargs="+", required=True, help="fer2013.csv or a tree of images; several are joined"
    )
    parser.add_argument(
        "--classes", default="7", metavar="LIST", help="7, 6, 5 or names separated by commas (default: 7)"
    )
    parser.add_argument(
        "--out", type=user_path, default=Path("runs/sheet.png"), help="PNG to write (default: runs/sheet.png)"
    )
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
    """Draw and save the sheet."""
    settings, augmentation = _settings(options, SheetSettings), _settings(options, Augmentation)
    data = read_dataset(options.data, labels=parse_classes(options.classes))
    chosen = choose_faces(data, settings.faces, seed=settings.seed)
    sheet = draw_sheet(chosen, data.labels, augmentation, variants=settings.variants, seed=settings.seed)
    save_sheet(sheet, options.out)
    print(printable(str(options.out)))  # noqa: T201  # the command's output


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return the exit code (see `edge.errors`)."""
    options = parse_arguments(arguments)
    log_lines()
    return run_command("sheet", partial(draw, options), stopped="stopped", debug=options.debug)


if __name__ == "__main__":
    run_program(main)
