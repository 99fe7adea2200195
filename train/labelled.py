"""Faces as the files of a data set have them, before classes are chosen and missing splits drawn."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import MediaError

log = logging.getLogger(__name__)

TRAINING, VALIDATION, TEST = range(3)
"""Codes of the splits."""

BROKEN_SHARE = 0.01
BROKEN_FACES = 10
"""With more broken faces than either of these, something is wrong with the whole set rather than with a few files."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelledFaces:
    """Faces with the emotion and the split that their files give them.

    pixels: (N, 48, 48) uint8 luma. codes: (N,) int64 positions in `EMOTIONS`.
    splits: (N,) int64 TRAINING, VALIDATION or TEST; a split that the files do not have is drawn later.
    rows: (N,) int64 positions among all rows of the file, the broken ones included.
    broken: one line for each face that could not be read.
    """

    pixels: NDArray[np.uint8]
    codes: NDArray[np.int64]
    splits: NDArray[np.int64]
    rows: NDArray[np.int64]
    broken: tuple[str, ...]

    @property
    def total(self) -> int:
        """Faces and broken ones together."""
        return len(self.pixels) + len(self.broken)


def check_broken(faces: LabelledFaces, path: Path) -> None:
    """Name each broken face of the set at `path`, and how many were left out.

    Raises:
        MediaError: there are too many to go on without them, or nothing but them.
    """
    count = len(faces.broken)
    if faces.total == 0:
        raise MediaError(f"{path}: expected faces, found none: take a complete set")
    if count == faces.total or count > max(BROKEN_FACES, BROKEN_SHARE * faces.total):
        raise MediaError(
            f"{path}: expected readable faces, found {count} of {faces.total} broken: mend the set; {faces.broken[0]}"
        )
    for line in faces.broken:
        log.warning("%s: skipped", line)
    if count:
        log.warning("%s: %d of %d faces are broken and left out", path, count, faces.total)
