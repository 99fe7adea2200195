"""Makes a face set for training and evaluation from photographs: `python -m train.faces FOLDER OUT.npz`."""

import argparse
import hashlib
import os
import re
from contextlib import closing
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edge.device.files import user_path
from edge.errors import ConfigError, MediaError
from edge.labels import EMOTIONS
from edge.model.bundled import model_path
from edge.model.manifest import Framing, read_model
from edge.settings.schema import Settings
from edge.sources.images import ImageReader
from edge.vision.crop import crop_face
from edge.vision.detectors import open_scanner
from train.command import log_lines, program_name, run_command, run_program
from train.data.face_file import SUFFIX, write_face_file
from train.data.faces import FACE_PX
from train.data.photographs import Photograph, Skipped, list_photographs
from train.data.splits import draw_by_person, number_persons

MARGIN_PX = 12
"""Margin on each side of a face, px: a quarter of its side, enough to turn it by 20 degrees."""

SIDE_PX = FACE_PX + 2 * MARGIN_PX


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog=program_name("train.faces"),
        description="Detect the largest face of each photograph as the runtime does, and save it with its label and a"
        " margin for augmentation. docs/training-data.md describes the file.",
    )
    parser.add_argument("folder", type=user_path, help="photographs in folders by emotion, or those that --table names")
    parser.add_argument("out", type=user_path, metavar="OUT.npz", help="the face set; replaced if it exists")
    parser.add_argument(
        "--table", type=user_path, metavar="CSV", help="columns name (below FOLDER), label, optionally person"
    )
    parser.add_argument(
        "--person",
        metavar="PATTERN",
        help="regular expression that finds the person in a photograph's name, such as '(.+)_[0-9]+'"
        " (default: each photograph shows another person)",
    )
    parser.add_argument(
        "--validation-share", type=float, default=0.2, help="share of persons in fold 1, 0 to 1 (default: 0.2)"
    )
    parser.add_argument("--model", default="", help="the model for whose framing faces are cut (default: edge_small)")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args(arguments)


def make_face_set(options: argparse.Namespace) -> None:
    """Make the face set, and print what it holds and what was left out."""
    pattern = _check(options)
    _, manifest = read_model(model_path(options.model))
    photographs, skipped = list_photographs(options.folder, options.table, pattern)
    faces, kept = cut_faces(photographs, manifest.framing, skipped)
    if not kept:
        raise MediaError(
            f"{options.folder}: expected photographs with a face, found none: {'; '.join(skipped.lines())}"
        )
    codes = np.array([photograph.code for photograph in kept], dtype=np.int64)
    persons = [photograph.person for photograph in kept]
    folds = draw_by_person(persons, codes, share=options.validation_share)
    write_face_file(options.out, faces=faces, codes=codes, folds=folds, persons=number_persons(persons))
    lines = [
        f"{options.out}: {len(faces)} faces of {len(set(persons))} persons",
        f"{'':10}{'training':>10}{'validation':>12}",
        *(
            f"{name:10}{((codes == code) & (folds == 0)).sum():10}{((codes == code) & (folds == 1)).sum():12}"
            for code, name in enumerate(EMOTIONS)
        ),
        *skipped.lines(),
    ]
    print("\n".join(lines))  # noqa: T201  # the command's output


def _check(options: argparse.Namespace) -> re.Pattern[str] | None:
    """Check the options before any work; return the pattern of `--person`."""
    if not 0 <= options.validation_share <= 1:
        raise ConfigError(f"--validation-share: expected a share from 0 to 1, found {options.validation_share:g}")
    if options.out.suffix.casefold() != SUFFIX:
        raise ConfigError(f"{options.out}: expected a file that ends with {SUFFIX}, found another: rename it")
    if options.out.is_dir() or not os.access(options.out.absolute().parent, os.W_OK | os.X_OK):
        raise ConfigError(f"{options.out}: expected a file in a writable folder, found none: choose another")
    try:
        return re.compile(options.person) if options.person else None
    except re.error as error:
        raise ConfigError(f"--person: expected a regular expression, found {options.person!r}: {error}") from error


def cut_faces(
    photographs: list[Photograph], framing: Framing, skipped: Skipped
) -> tuple[NDArray[np.uint8], list[Photograph]]:
    """Detect and cut the largest face of each photograph.

    Args:
        photographs: the photographs.
        framing: of the model; the middle of each result is the crop that the runtime would classify.
        skipped: counts the photographs that are left out.

    Returns:
        (N, `SIDE_PX`, `SIDE_PX`) uint8 luma, and the N photographs that they are from.
    """
    settings = Settings()
    cv2.setNumThreads(settings.detect.threads)
    scanner = open_scanner(settings, is_still_images=True)
    wide = Framing(framing.scale * SIDE_PX / FACE_PX, framing.shift_y)
    faces, kept, known = [], [], set()
    with closing(ImageReader("photographs")) as reader:
        for photograph in tqdm(photographs, desc="cutting faces", unit=" photographs", leave=False, disable=None):
            try:
                gray = reader.read(photograph.path)
            except (MediaError, ValueError):  # ValueError: a table can hold names that no file system allows
                skipped.add("no image that can be decoded", photograph.name)
                continue
            digest = hashlib.sha256(gray.tobytes()).digest()
            if digest in known:
                skipped.add("a copy of another photograph", photograph.name)
                continue
            known.add(digest)
            found = scanner.scan(gray)
            if not found:
                skipped.add("no face found", photograph.name)
            elif min(found[0].box.w, found[0].box.h) < settings.classify.min_face_px:
                skipped.add(f"face smaller than {settings.classify.min_face_px} px", photograph.name)
            else:
                faces.append(
                    crop_face(gray, found[0].box, framing=wide, size=SIDE_PX, roll_deg=found[0].roll_deg or 0.0)
                )
                kept.append(photograph)
    return np.stack(faces) if faces else np.empty((0, SIDE_PX, SIDE_PX), dtype=np.uint8), kept


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return the exit code (see `edge.errors`)."""
    options = parse_arguments(arguments)
    log_lines()
    body = partial(make_face_set, options)
    return run_command("faces", body, stopped="stopped: nothing was written", debug=options.debug)


if __name__ == "__main__":
    run_program(main)
