"""The faces of one split, as arrays."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FACE_PX = 48
"""Side of a face in FER2013, and of every model's input."""

Split = Literal["validation", "test"]
"""What a model is measured on: validation for every choice, test once for a released model."""


@dataclass(frozen=True, slots=True, eq=False)
class FaceSet:
    """Faces of one split with their answers.

    pixels: (N, 48, 48) uint8 luma.
    targets: (N, K) float32, each row sums to 1: one-hot, or shares of votes.
    """

    pixels: NDArray[np.uint8]
    targets: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def codes(self) -> NDArray[np.int64]:
        """(N,) the likeliest class of each face, as an index into the labels."""
        return np.asarray(self.targets.argmax(axis=1), dtype=np.int64)

    def where(self, mask: NDArray[np.bool_]) -> "FaceSet":
        """Only the faces at which `mask` is true."""
        return FaceSet(self.pixels[mask], self.targets[mask])

    def counts(self) -> NDArray[np.int64]:
        """(K,) number of faces by class."""
        return np.bincount(self.codes, minlength=self.targets.shape[1])


@dataclass(frozen=True, slots=True, eq=False)
class FaceData:
    """A data set in its official splits.

    name: what figures call it. split_names: what its makers call training, validation and test.
    """

    name: str
    labels: tuple[str, ...]
    training: FaceSet
    validation: FaceSet
    test: FaceSet
    split_names: tuple[str, str, str] = ("training", "validation", "test")

    def held_out(self, split: Split) -> FaceSet:
        """Return the faces of the split that is measured on."""
        return self.test if split == "test" else self.validation


def unseen(faces: FaceSet, training: FaceSet) -> NDArray[np.bool_]:
    """(N,) true where a face does not stand, pixel for pixel, in `training` as well.

    FER2013 leaks: 280 faces of PublicTest and 288 of PrivateTest are also in Training.
    """
    known = {face.tobytes() for face in training.pixels}
    return np.array([face.tobytes() not in known for face in faces.pixels], dtype=np.bool_)
