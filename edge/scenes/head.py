"""The head that every scene shows, at any size."""

import functools
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import MediaError
from edge.records import Box

FACE_PICTURE = Path(__file__).parents[1] / "assets" / "astronaut_face.png"
"""Blue, green, red, opacity; see assets/README.md for its origin."""

FACE_IN_PICTURE = Box(28, 54, 97, 97)
"""The face's box within that picture, px.

Source: what OpenCV's haarcascade_frontalface_alt2 finds with scale 1.1 and 3 neighbours on the whole photograph
(512x512, box 177 66 97 97), so that the true boxes are framed as the detector frames them.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """The head at one size. color: (h, w, 3) float32, times its opacity. clear: (h, w, 1) float32, 1 - opacity."""

    color: NDArray[np.float32]
    clear: NDArray[np.float32]
    face: Box


@functools.lru_cache(maxsize=64)
def scaled_head(face_px: int, mirrored: bool) -> Head:
    """Return the head at the size at which its face is `face_px` wide; `mirrored` swaps left and right."""
    picture = _read_head()
    scale = face_px / FACE_IN_PICTURE.w
    size = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
    opacity = picture[..., 3:].astype(np.float32) / 255
    # Colour goes through the scaling already weighted, so that none of what was cut away comes back at the edge.
    weighted = np.dstack([picture[..., :3] * opacity, opacity])
    scaled = cv2.resize(weighted, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    x, y = round(FACE_IN_PICTURE.x * scale), round(FACE_IN_PICTURE.y * scale)
    if mirrored:
        scaled, x = scaled[:, ::-1], size[0] - x - face_px
    color = np.clip(scaled[..., :3], 0, 255)
    clear = 1 - np.clip(scaled[..., 3:], 0, 1)
    return Head(np.ascontiguousarray(color), np.ascontiguousarray(clear), Box(x, y, face_px, face_px))


@functools.cache
def _read_head() -> NDArray[np.uint8]:
    """Read the head, (177, 156, 4) uint8."""
    picture = cv2.imread(str(FACE_PICTURE), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise MediaError(f"{FACE_PICTURE}: expected the face that ships with the project: install it again")
    return np.asarray(picture, dtype=np.uint8)
