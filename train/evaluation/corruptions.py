"""Corrupts photographs of faces: smaller, darker, brighter, noisy, blurred; and turns them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.records import Box, Gray

CorruptionKind = Literal["face size", "brightness", "noise", "blur"]

QUARTER_TURN = 90.0
"""Degrees."""

FACE_PX = (24, 32, 40, 48, 64, 96, 128, 200)
BRIGHTNESS = (0.1, 0.2, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8)
NOISE = (0.0, 5.0, 10.0, 20.0, 30.0, 45.0)
BLUR = (0.0, 0.01, 0.02, 0.03, 0.04, 0.06)

AXIS_LABELS: Mapping[CorruptionKind, str] = {
    "face size": "side of the face, px of the frame",
    "brightness": "luma, times what it was",
    "noise": "standard deviation of noise, levels of luma",
    "blur": "deviation of a Gaussian blur, shares of the face's side",
}
"""Meaning and unit of each corruption's value."""


class PhotoFace(msgspec.Struct, frozen=True):
    """A photograph with its largest face.

    Attributes:
        gray: the whole photograph.
        box: the face in it.
        roll_deg: rotation of the head, degrees, clockwise.
        code: index of its emotion in `EMOTIONS`.
    """

    gray: Gray
    box: Box
    roll_deg: float
    code: int


Corruption = Callable[[PhotoFace, float, np.random.Generator], tuple[Gray, Box]]
"""Takes a face, the corruption's value and a generator; returns the corrupted photograph and the face's box in it."""


def shrink(face: PhotoFace, side: float, _rng: np.random.Generator) -> tuple[Gray, Box]:
    """Scale the photograph so that the face is `side` px wide; faces are never enlarged, which would add no detail."""
    factor = min(1.0, side / face.box.w)
    gray = cv2.resize(face.gray, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return np.asarray(gray, dtype=np.uint8), face.box.scaled(factor)


def brighten(face: PhotoFace, factor: float, _rng: np.random.Generator) -> tuple[Gray, Box]:
    """Multiply luma by `factor`; below 1 darkens."""
    return _to_uint8(face.gray * np.float32(factor)), face.box


def add_noise(face: PhotoFace, deviation: float, rng: np.random.Generator) -> tuple[Gray, Box]:
    """Add Gaussian noise with a standard deviation of `deviation` levels."""
    return _to_uint8(face.gray + rng.normal(0, deviation, face.gray.shape)), face.box


def blur(face: PhotoFace, share: float, _rng: np.random.Generator) -> tuple[Gray, Box]:
    """Apply a Gaussian blur with a standard deviation of `share` of the face's side."""
    gray = cv2.GaussianBlur(face.gray, (0, 0), share * face.box.w) if share else face.gray
    return np.asarray(gray, dtype=np.uint8), face.box


def _to_uint8(values: NDArray[np.floating]) -> Gray:
    return np.asarray(np.clip(np.round(values), 0, 255), dtype=np.uint8)


CORRUPTIONS: Mapping[CorruptionKind, tuple[Corruption, Sequence[float]]] = {
    "face size": (shrink, FACE_PX),
    "brightness": (brighten, BRIGHTNESS),
    "noise": (add_noise, NOISE),
    "blur": (blur, BLUR),
}
"""Each corruption with the values at which models are measured."""


def turn_image(image: NDArray[np.uint8], degrees: float) -> NDArray[np.uint8]:
    """Turn an image, (H, W) or (H, W, 3), clockwise about its middle.

    A quarter turn swaps the sides. By any other angle the image keeps its size, and its edge is repeated into the
    corners.
    """
    if degrees % QUARTER_TURN == 0:
        return np.ascontiguousarray(np.rot90(image, -round(degrees / QUARTER_TURN)))
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), -degrees, 1.0)
    turned = cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(turned, np.uint8)
