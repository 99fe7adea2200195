"""Reads a tree of pictures by split and emotion: `train/<emotion>/*`, `test/<emotion>/*`."""

import logging
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import MediaError
from edge.labels import EMOTIONS
from edge.sources.pictures import find_pictures
from edge.vision.crop import resize_face
from train.faces import FACE_PX, FaceData, FaceSet

log = logging.getLogger(__name__)

VALIDATION_SHARE = 0.1
"""Part of `train/` that is set aside for validation, since this layout has none of its own."""


def read_folders(root: Path, *, labels: Sequence[str] = EMOTIONS, seed: int = 0) -> FaceData:
    """Read `root/train/<emotion>/*` and `root/test/<emotion>/*`.

    Every tenth picture of each class of `train/` (drawn by `seed`) becomes the validation split. A picture that cannot
    be decoded is named and skipped.

    Raises:
        MediaError: a split or a class is missing or empty, or a folder is no emotion.
    """
    whole = _read_split(root / "train", labels)
    test = _read_split(root / "test", labels)
    held_out = np.zeros(len(whole), dtype=np.bool_)
    order = np.random.default_rng(seed)
    for code in range(len(labels)):
        members = order.permutation(np.flatnonzero(whole.codes == code))
        held_out[members[: max(1, round(len(members) * VALIDATION_SHARE))]] = True
    return FaceData(root.name, tuple(labels), whole.where(~held_out), whole.where(held_out), test)


def _read_split(folder: Path, labels: Sequence[str]) -> FaceSet:
    if not folder.is_dir():
        raise MediaError(f"{folder}: expected a folder with one folder for each emotion, found none")
    unknown = sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name not in EMOTIONS)
    if unknown:
        raise MediaError(f"{folder / unknown[0]}: expected folders named {', '.join(EMOTIONS)}")
    pixels, codes = [], []
    for code, name in enumerate(labels):
        faces = _read_faces(folder / name)
        pixels += faces
        codes += [code] * len(faces)
    return FaceSet(np.stack(pixels), np.eye(len(labels), dtype=np.float32)[codes])


def _read_faces(folder: Path) -> list[NDArray[np.uint8]]:
    faces = []
    for path in find_pictures(folder):
        picture = _decode(path)
        if picture is None:
            log.warning("%s: not a picture that can be decoded: skipped", path)
        else:
            faces.append(resize_face(picture, size=FACE_PX))
    if not faces:
        raise MediaError(f"{folder}: expected at least one readable picture, found none")
    return faces


def _decode(path: Path) -> NDArray[np.uint8] | None:
    """Return (H, W) uint8 luma, or None. From memory, since OpenCV then refuses a picture that is cut short."""
    try:
        content = np.frombuffer(path.read_bytes(), dtype=np.uint8)
    except OSError:
        return None
    picture = cv2.imdecode(content, cv2.IMREAD_GRAYSCALE) if content.size else None
    return None if picture is None else np.asarray(picture, dtype=np.uint8)
