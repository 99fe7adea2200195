"""Scales the heads that scenes show: the photograph of an astronaut, or a drawing."""

import functools
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import MediaError
from edge.records import Box
from edge.scenes.drawn_head import FACE_BOX as DRAWN_FACE_BOX
from edge.scenes.drawn_head import Expression, draw_head

HEAD_IMAGE = Path(__file__).parents[1] / "assets" / "astronaut_face.png"
"""Cut-out head, BGR with alpha; assets/README.md names its origin."""

FACE_BOX = Box(28, 54, 97, 97)
"""The face's box in `HEAD_IMAGE`, px.

Source: OpenCV's haarcascade_frontalface_alt2 with scale 1.1 and 3 neighbours on the whole photograph (512x512, box
177 66 97 97), so that the ground truth frames a face as the detector does.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """The head at one size, ready for alpha blending.

    Attributes:
        color: (h, w, 3) float32 BGR, premultiplied by alpha.
        transparency: (h, w, 1) float32, 1 - alpha.
        face: the face's box in `color`, px.
    """

    color: NDArray[np.float32]
    transparency: NDArray[np.float32]
    face: Box


@functools.lru_cache(maxsize=64)
def scaled_head(face_px: int, mirrored: bool, expression: Expression | None = None) -> Head:
    """Return a head, scaled so that its face is `face_px` wide.

    Args:
        face_px: width of the face, px.
        mirrored: whether to swap left and right.
        expression: that of the drawn head; None for the photograph, which has one expression only.
    """
    image, face = (_read_head(), FACE_BOX) if expression is None else (draw_head(expression), DRAWN_FACE_BOX)
    scale = face_px / face.w
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    alpha = image[..., 3:].astype(np.float32) / 255
    # Scaling premultiplied colors keeps the background that was cut away from bleeding into the edge.
    premultiplied = np.dstack([image[..., :3] * alpha, alpha])
    scaled = cv2.resize(premultiplied, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    x, y = round(face.x * scale), round(face.y * scale)
    if mirrored:
        scaled, x = scaled[:, ::-1], size[0] - x - face_px
    color = np.clip(scaled[..., :3], 0, 255)
    transparency = 1 - np.clip(scaled[..., 3:], 0, 1)
    return Head(np.ascontiguousarray(color), np.ascontiguousarray(transparency), Box(x, y, face_px, face_px))


@functools.cache
def _read_head() -> NDArray[np.uint8]:
    """Read `HEAD_IMAGE`, (177, 156, 4) uint8."""
    image = cv2.imread(str(HEAD_IMAGE), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise MediaError(f"{HEAD_IMAGE}: expected the face that ships with the project: install it again")
    return np.asarray(image, dtype=np.uint8)
