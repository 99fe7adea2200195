"""Faces as the files of a data set hold them, before classes are chosen and missing splits drawn."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import MediaError

log = logging.getLogger(__name__)

TRAINING, VALIDATION, TEST = range(3)
"""Codes of the splits."""

MAX_BROKEN_SHARE = 0.01
MAX_BROKEN_FACES = 10
"""Above both limits, the whole copy of the data set is assumed to be bad, rather than a few files."""


@dataclass(frozen=True, slots=True, eq=False)
class RawFaces:
    """Faces with the emotion and the split that their files give them.

    Attributes:
        pixels: (N, S, S) uint8 luma; the face is the middle 48x48, and only face sets (`.npz`) have a margin around it.
        codes: (N,) int64 indices into `EMOTIONS`.
        splits: (N,) int64 TRAINING, VALIDATION or TEST; a split that the files lack is drawn later.
        rows: (N,) int64 positions among all rows of the file, broken ones included.
        broken: one line for each face that could not be read.
    """

    pixels: NDArray[np.uint8]
    codes: NDArray[np.int64]
    splits: NDArray[np.int64]
    rows: NDArray[np.int64]
    broken: tuple[str, ...]

    @property
    def total(self) -> int:
        """Number of faces, readable and broken."""
        return len(self.pixels) + len(self.broken)


def check_broken(faces: RawFaces, path: Path) -> None:
    """Warn of each broken face of the data set at `path`, and of their number.

    Raises:
        MediaError: too many faces are broken, or there are no others.
    """
    count = len(faces.broken)
    if faces.total == 0:
        raise MediaError(f"{path}: expected faces, found none: use a complete data set")
    if count == faces.total or count > max(MAX_BROKEN_FACES, MAX_BROKEN_SHARE * faces.total):
        raise MediaError(
            f"{path}: expected readable faces, found {count} of {faces.total} broken: repair the set; {faces.broken[0]}"
        )
    for line in faces.broken:
        log.warning("%s: skipped", line)
    if count:
        log.warning("%s: skipped %d broken of %d faces", path, count, faces.total)
