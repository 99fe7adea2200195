"""Reads a tree of images by emotion: `train/<emotion>/*` and `test/<emotion>/*`, or `<emotion>/*` alone."""

import logging
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import numpy as np
from tqdm import tqdm

from edge.errors import MediaError
from edge.labels import EMOTIONS
from edge.sources.folder import find_images
from edge.sources.images import ImageReader
from edge.vision.crop import resize_face
from train.data.classes import EMOTION_LIST, NO_MERGES, emotion_of, near_emotion, plain_name
from train.data.faces import FACE_PX
from train.data.raw import TEST, TRAINING, VALIDATION, RawFaces

log = logging.getLogger(__name__)

SPLIT_NAMES = {
    "train": TRAINING,
    "training": TRAINING,
    "validation": VALIDATION,
    "valid": VALIDATION,
    "val": VALIDATION,
    "test": TEST,
    "testing": TEST,
}
"""Folder names of the splits, in lower case."""

LabelledImage = tuple[Path, int, int]
"""Path, emotion code and split code of an image."""


def list_tree(root: Path, merges: Mapping[str, str] = NO_MERGES) -> list[LabelledImage]:
    """List the images of the tree at `root`, always in the same order.

    The tree has `train/` and `test/`, optionally also `validation/`, or only folders of emotions. If `validation/` is
    the only held-out folder, it is the test split. Folders whose name begins with a dot or two underscores
    (`.ipynb_checkpoints`, `__MACOSX`) are ignored. A folder that names another emotion, such as `contempt`, is left
    out with a warning and a count, unless it is merged.

    Args:
        root: the tree.
        merges: emotion that is none of ours to the one that its images count as.

    Raises:
        MediaError: there are no folders of emotions, a folder's name is a misspelt emotion, or `train/` or `test/` is
            missing.
    """
    folders = _folders(root)
    splits = {folder: SPLIT_NAMES[name] for folder in folders if (name := folder.name.casefold()) in SPLIT_NAMES}
    held_out = set(splits.values()) - {TRAINING}
    if not splits:
        splits = {root: TRAINING}
    elif TRAINING not in splits.values() or not held_out:
        found = ", ".join(folder.name for folder in splits)
        raise MediaError(
            f"{root}: expected train/ and test/, found only {found}: complete it, or name a folder with one folder for "
            "each emotion, which is then split"
        )
    elif held_out == {VALIDATION}:
        splits = {folder: TEST if split == VALIDATION else split for folder, split in splits.items()}
    return [
        (image, code, split)
        for folder, split in splits.items()
        for emotion, code in _emotions(folder, merges)
        for image in find_images(emotion)
    ]


def read_images(images: list[LabelledImage]) -> RawFaces:
    """Decode the images as gray faces; images that cannot be decoded are reported as broken."""
    faces, rows, broken = [], [], []
    with closing(ImageReader("images")) as reader:
        for row, (path, _, _) in enumerate(tqdm(images, unit=" faces", delay=2, leave=False, disable=None)):
            try:
                image = reader.read(path)
            except MediaError as error:
                broken.append(str(error))
            else:
                faces.append(resize_face(image, size=FACE_PX))
                rows.append(row)
    kept = np.array(rows, dtype=np.int64)
    codes, splits = (np.array([image[place] for image in images], dtype=np.int64)[kept] for place in (1, 2))
    pixels = np.stack(faces) if faces else np.empty((0, FACE_PX, FACE_PX), dtype=np.uint8)
    return RawFaces(pixels, codes, splits, kept, tuple(broken))


def _folders(root: Path) -> list[Path]:
    try:
        return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith((".", "__")))
    except OSError as error:
        raise MediaError(f"{root}: expected a readable folder of images, found: {error.strerror}") from error


def _emotions(folder: Path, merges: Mapping[str, str]) -> list[tuple[Path, int]]:
    """Return the folders of emotions with their codes; several folders may have the same code."""
    known = []
    unknown = []
    for path in _folders(folder):
        emotion = emotion_of(path.name) or merges.get(plain_name(path.name))
        near = near_emotion(path.name)
        if emotion is not None:
            known.append((path, EMOTIONS.index(emotion)))
        elif near is not None:
            raise MediaError(f"{path}: expected folders named {EMOTION_LIST}, found another: did you mean {near}?")
        else:
            unknown.append(path)
    if not known:
        named = unknown[0] if unknown else folder
        raise MediaError(
            f"{named}: expected folders named {EMOTION_LIST} (or similar), found {'another' if unknown else 'none'}"
        )
    for path in unknown:
        plain = plain_name(path.name)
        hint = f": --merge {plain}=NAME counts them as another emotion" if plain else ""
        log.warning(
            "%s: left out %d images, since the folder names none of %s%s",
            *(path, len(find_images(path)), EMOTION_LIST, hint),
        )
    return known
