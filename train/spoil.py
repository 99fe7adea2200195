"""Makes photographs of faces worse: smaller, darker, brighter, noisy, blurred."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.records import Box, Gray

Kind = Literal["face size", "brightness", "noise", "blur"]

FACE_PX = (24, 32, 40, 48, 64, 96, 128, 200)
BRIGHTNESS = (0.1, 0.2, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8)
NOISE = (0.0, 5.0, 10.0, 20.0, 30.0, 45.0)
BLUR = (0.0, 0.01, 0.02, 0.03, 0.04, 0.06)

AXES: Mapping[Kind, str] = {
    "face size": "side of the face, px of the frame",
    "brightness": "luma, times what it was",
    "noise": "standard deviation of noise, levels of luma",
    "blur": "deviation of a Gaussian blur, shares of the face's side",
}
"""What the value of each kind means."""


class Face(msgspec.Struct, frozen=True):
    """A photograph's largest face. code: of its emotion."""

    gray: Gray
    box: Box
    code: int


Change = Callable[[Face, float, np.random.Generator], tuple[Gray, Box]]


def smaller(face: Face, side: float, _rng: np.random.Generator) -> tuple[Gray, Box]:
    """The face is `side` px wide; one that is smaller stays: made larger it would hold no more."""
    factor = min(1.0, side / face.box.w)
    gray = cv2.resize(face.gray, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return np.asarray(gray, dtype=np.uint8), face.box.scaled(factor)


def brighter(face: Face, factor: float, _rng: np.random.Generator) -> tuple[Gray, Box]:
    """Luma times `factor`."""
    return _levels(face.gray * np.float32(factor)), face.box


def noisier(face: Face, deviation: float, rng: np.random.Generator) -> tuple[Gray, Box]:
    """With normal noise of `deviation` levels."""
    return _levels(face.gray + rng.normal(0, deviation, face.gray.shape)), face.box


def blurred(face: Face, share: float, _rng: np.random.Generator) -> tuple[Gray, Box]:
    """Blurred with a deviation of `share` of the face's side."""
    gray = cv2.GaussianBlur(face.gray, (0, 0), share * face.box.w) if share else face.gray
    return np.asarray(gray, dtype=np.uint8), face.box


def _levels(values: NDArray[np.floating]) -> Gray:
    return np.asarray(np.clip(np.round(values), 0, 255), dtype=np.uint8)


CHANGES: Mapping[Kind, tuple[Change, Sequence[float]]] = {
    "face size": (smaller, FACE_PX),
    "brightness": (brighter, BRIGHTNESS),
    "noise": (noisier, NOISE),
    "blur": (blurred, BLUR),
}
