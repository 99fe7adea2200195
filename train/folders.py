"""Reads a tree of pictures by emotion: `train/<emotion>/*` and `test/<emotion>/*`, or `<emotion>/*` alone."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edge.errors import MediaError
from edge.labels import EMOTIONS
from edge.sources.pictures import find_pictures
from edge.vision.crop import resize_face
from train.faces import FACE_PX
from train.labelled import TEST, TRAINING, VALIDATION, LabelledFaces
from train.names import KNOWN, emotion_of

SPLIT_NAMES = {
    "train": TRAINING,
    "training": TRAINING,
    "validation": VALIDATION,
    "valid": VALIDATION,
    "val": VALIDATION,
    "test": TEST,
    "testing": TEST,
}
"""What folders of splits are called, in lower case."""

Picture = tuple[Path, int, int]
"""Its path, the code of its emotion, its split."""


def list_tree(root: Path) -> list[Picture]:
    """Return the pictures of the tree at `root`, in an order that does not change.

    Beside `train/` there is `test/`, and `validation/` if the tree has one; the only folder beside `train/` is test,
    whatever its name. A folder whose name begins with a dot or two underscores is a program's own and does not count.

    Raises:
        MediaError: there are no folders of emotions, one is no emotion, or `train/` stands alone.
    """
    folders = _folders(root)
    splits = {folder: SPLIT_NAMES[name] for folder in folders if (name := folder.name.casefold()) in SPLIT_NAMES}
    held_out = set(splits.values()) - {TRAINING}
    if not splits:
        splits = {root: TRAINING}
    elif TRAINING not in splits.values() or not held_out:
        found = ", ".join(folder.name for folder in splits)
        raise MediaError(
            f"{root}: expected train/ and test/, found only {found}: complete it, or give a folder with one folder for "
            "each emotion, which is then split"
        )
    elif held_out == {VALIDATION}:
        splits = {folder: TEST if split == VALIDATION else split for folder, split in splits.items()}
    return [
        (picture, code, split)
        for folder, split in splits.items()
        for emotion, code in _emotions(folder)
        for picture in find_pictures(emotion)
    ]


def read_pictures(pictures: list[Picture]) -> LabelledFaces:
    """Decode the pictures as grey faces. One that cannot be decoded is left out as broken."""
    faces, rows, broken = [], [], []
    for row, (path, _, _) in enumerate(tqdm(pictures, unit=" faces", delay=2, leave=False, disable=None)):
        picture = _decode(path)
        if picture is None:
            broken.append(f"{path}: not a picture that can be decoded")
        else:
            faces.append(resize_face(picture, size=FACE_PX))
            rows.append(row)
    kept = np.array(rows, dtype=np.int64)
    codes, splits = (np.array([picture[place] for picture in pictures], dtype=np.int64)[kept] for place in (1, 2))
    pixels = np.stack(faces) if faces else np.empty((0, FACE_PX, FACE_PX), dtype=np.uint8)
    return LabelledFaces(pixels, codes, splits, kept, tuple(broken))


def _folders(root: Path) -> list[Path]:
    try:
        return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith((".", "__")))
    except OSError as error:
        raise MediaError(f"{root}: expected a folder of pictures, which cannot be read: {error.strerror}") from error


def _emotions(folder: Path) -> list[tuple[Path, int]]:
    """Return the folders of emotions with their codes; two may mean the same."""
    found = [(path, emotion_of(path.name)) for path in _folders(folder)]
    unknown = [path for path, emotion in found if emotion is None]
    if unknown or not found:
        named = unknown[0] if unknown else folder
        raise MediaError(
            f"{named}: expected folders named {KNOWN} (or alike), found {'another' if unknown else 'none'}"
        )
    return [(path, EMOTIONS.index(emotion)) for path, emotion in found if emotion is not None]


def _decode(path: Path) -> NDArray[np.uint8] | None:
    """Return (H, W) uint8 luma, or None. From memory, since OpenCV then refuses a picture that is cut short."""
    try:
        content = np.frombuffer(path.read_bytes(), dtype=np.uint8)
        picture = cv2.imdecode(content, cv2.IMREAD_GRAYSCALE)
    except (OSError, cv2.error):  # not permitted, gone; or empty, or more pixels than OpenCV is willing to decode
        return None
    return None if picture is None else np.asarray(picture, dtype=np.uint8)
