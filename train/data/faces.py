"""Labelled faces as arrays: one split (`FaceSet`) and a whole data set (`FaceData`)."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge.errors import MediaError

FACE_PX = 48
"""Side of a face in FER2013, and of every model's input, px."""

Split = Literal["validation", "test"]
"""A held-out split: every choice is made on validation; test is measured once, for a released model."""


@dataclass(frozen=True, slots=True, eq=False)
class FaceSet:
    """Faces of one split with their targets.

    Attributes:
        wide: (N, S, S) uint8 luma, S even and at least 48; each face is the middle 48x48, the rest is margin that
            augmentation may bring in.
        targets: (N, K) float32, each row sums to 1: one-hot, or shares of votes.
        weights: (N,) how often an epoch shows each face, 1 on average; None shows each face once.
    """

    wide: NDArray[np.uint8]
    targets: NDArray[np.float32]
    weights: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.wide)

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """(N, 48, 48) uint8 luma: the faces without their margin."""
        return without_margin(self.wide)

    @property
    def codes(self) -> NDArray[np.int64]:
        """(N,) most probable class of each face, as an index into the labels."""
        return np.asarray(self.targets.argmax(axis=1), dtype=np.int64)

    def where(self, mask: NDArray[np.bool_]) -> "FaceSet":
        """Return the faces at which `mask` is true."""
        return FaceSet(self.wide[mask], self.targets[mask], None if self.weights is None else self.weights[mask])

    def counts(self) -> NDArray[np.int64]:
        """Return the number of faces of each class, (K,)."""
        return np.bincount(self.codes, minlength=self.targets.shape[1])

    def class_shares(self) -> NDArray[np.float64]:
        """Return the share of each class in the targets of an epoch, (K,), which sums to 1."""
        return np.asarray(np.average(self.targets, axis=0, weights=self.weights), dtype=np.float64)


def without_margin(wide: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a view of the middle 48x48 of (N, S, S) faces."""
    margin = (wide.shape[1] - FACE_PX) // 2
    return wide[:, margin : margin + FACE_PX, margin : margin + FACE_PX] if margin else wide


@dataclass(frozen=True, slots=True, eq=False)
class FaceData:
    """A data set, divided into training, validation and test.

    Attributes:
        name: the name under which results are reported.
        labels: class names, in the order of the targets' columns.
        split_names: what the data set's authors call training, validation and test.
        default_split: the split that an evaluation measures unless told otherwise: test if the set defines a test
            split and no validation split, as many trees of images do; its validation faces are drawn from training.
    """

    name: str
    labels: tuple[str, ...]
    training: FaceSet
    validation: FaceSet
    test: FaceSet
    split_names: tuple[str, str, str] = ("training", "validation", "test")
    default_split: Split = "validation"

    def held_out(self, split: Split) -> FaceSet:
        """Return the faces of a held-out split.

        Raises:
            MediaError: there are none; only a face set may lack a test split.
        """
        faces = self.test if split == "test" else self.validation
        if not len(faces):
            raise MediaError(f"{self.name}: expected a {split} split, found none: measure --split validation")
        return faces


def unseen(faces: FaceSet, training: FaceSet) -> NDArray[np.bool_]:
    """Return which faces have no pixel-for-pixel copy in `training`, (N,).

    FER2013 leaks: 280 faces of PublicTest and 288 of PrivateTest are also in Training.
    """
    known = {face.tobytes() for face in training.pixels}
    return np.array([face.tobytes() not in known for face in faces.pixels], dtype=np.bool_)
