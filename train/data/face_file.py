"""Reads and writes `.npz` face sets: gray faces of photographs with a margin around each, for augmentation."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.device.files import atomic_write
from edge.errors import MediaError, SinkError
from train.data.faces import FACE_PX
from train.data.npz import UnreadableArraysError, read_arrays
from train.data.raw import TEST, TRAINING, VALIDATION, RawFaces

SUFFIX = ".npz"

MAX_FACES = 1_000_000
MAX_SIDE_PX = 256

HINT = "make one with python -m train.faces"


def read_face_file(path: Path) -> RawFaces:
    """Read the face set at `path`.

    The file has three arrays: `faces` (N, S, S) uint8 luma, the face being the middle 48x48 and the rest margin;
    `label` (N,), indices into `EMOTIONS`; and `fold` (N,): 0 for training, 1 for validation, 2 for test. Other arrays
    are ignored. Without `fold`, all faces are for training. `python -m train.faces` writes such files.

    Raises:
        MediaError: the file cannot be read, or its arrays have other shapes, types or values.
    """
    limit = MAX_FACES * FACE_PX * FACE_PX
    try:
        arrays = read_arrays(path, ("faces", "label"), optional=("fold",), most_bytes=limit)
    except UnreadableArraysError as error:
        raise MediaError(
            f"{path}: expected a face set with the arrays faces, label and fold, found {error}: {HINT}"
        ) from error
    faces, codes = arrays["faces"], arrays["label"]
    folds = arrays.get("fold", np.zeros(codes.shape, dtype=np.int64))
    _check_arrays(path, faces, codes, folds)
    rows = np.arange(len(faces), dtype=np.int64)
    return RawFaces(faces, codes.astype(np.int64), folds.astype(np.int64), rows, ())


def _check_arrays(path: Path, faces: NDArray[np.uint8], codes: NDArray[np.int64], folds: NDArray[np.int64]) -> None:
    expected_sides = range(FACE_PX, MAX_SIDE_PX + 1, 2)
    if faces.ndim != 3 or faces.dtype != np.uint8 or faces.shape[1] != faces.shape[2]:  # noqa: PLR2004  # axes
        raise MediaError(f"{path}: expected faces as (N, S, S) uint8, found {faces.shape} {faces.dtype}: {HINT}")
    if faces.shape[1] not in expected_sides:
        raise MediaError(
            f"{path}: expected faces of an even side from {FACE_PX} to {MAX_SIDE_PX} px, found {faces.shape[1]}: {HINT}"
        )
    for name, values, largest in (("label", codes, 6), ("fold", folds, max(TRAINING, VALIDATION, TEST))):
        if values.shape != (len(faces),) or values.dtype.kind not in "iu":
            raise MediaError(
                f"{path}: expected {name} as ({len(faces)},) integers, found {values.shape} {values.dtype}: {HINT}"
            )
        if len(values) and not 0 <= values.min() <= values.max() <= largest:
            raise MediaError(
                f"{path}: expected {name} from 0 to {largest}, found {values.min()} to {values.max()}: {HINT}"
            )


def write_face_file(
    path: Path,
    *,
    faces: NDArray[np.uint8],
    codes: NDArray[np.int64],
    folds: NDArray[np.int64],
    persons: NDArray[np.uint32],
) -> None:
    """Write the face set of N faces at `path`; an old file stays until the new one is complete.

    Args:
        path: of the file.
        faces: (N, S, S) uint8 luma, S even; each face is the middle 48x48.
        codes: (N,) indices into `EMOTIONS`.
        folds: (N,) TRAINING, VALIDATION or TEST.
        persons: (N,) a number for each person.

    Raises:
        SinkError: the file cannot be written.
    """
    try:
        with atomic_write(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(
                file, faces=faces, label=codes.astype(np.uint8), fold=folds.astype(np.uint8), person=persons
            )
    except OSError as error:
        raise SinkError(
            f"{path}: expected to write the face set, found: {error.strerror}: free some space, or name another file"
        ) from error
