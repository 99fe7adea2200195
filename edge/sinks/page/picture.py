"""Makes of a frame what the privacy setting lets the page show."""

from collections.abc import Callable
from functools import partial
from typing import Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.records import Shown

Shows: TypeAlias = Literal["full", "blur", "boxes", "counts"]
"""What of a picture is shown; with `boxes` and `counts` it is none."""

COARSE_COLUMNS = 24
"""A blurred picture has so many columns. A face that was not found and fills a third of its width is 8 wide.

Source: Sinha et al. 2006, "Face Recognition by Humans": well known faces are still named at 7 x 10 pixels, not below.
"""

FACE_SHARE = 1.6
"""What is painted over, of a found face's box: a cascade's box leaves out hair, ears and chin."""

PAINT = 96
"""Grey, 0 to 255."""


def image_maker(shows: Shows, *, width: int, quality: int) -> Callable[[Shown], bytes]:
    """Return a function that makes JPEG of a frame, or nothing where no picture is shown.

    width: a wider picture is shrunk to this, px. quality: JPEG's, 0 to 100.
    """
    return partial(_make_image, shows=shows, width=width, quality=quality)


def _make_image(shown: Shown, *, shows: Shows, width: int, quality: int) -> bytes:
    if shows not in {"full", "blur"}:
        return b""
    frame = shown.frame
    picture = frame.gray if frame.color is None else frame.color
    if shows == "blur":
        picture = blur(picture, shown)
    if picture.shape[1] > width:
        height = max(1, round(picture.shape[0] * width / picture.shape[1]))
        picture = np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    _, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return encoded.tobytes()


def blur(picture: NDArray[np.uint8], shown: Shown) -> NDArray[np.uint8]:
    """Return a picture of the same size that nobody is recognised in: (H, W) or (H, W, 3) uint8.

    Faces that were found are painted over first, so that not a pixel of them is left. The whole is then made coarse,
    since a face that was not found, seen from the side for one, must not be shown either.
    """
    height, width = picture.shape[:2]
    painted = picture.copy()
    for reading in shown.observation.readings:
        box = reading.box.expanded(FACE_SHARE).clipped(width, height)
        painted[box.y : box.y + box.h, box.x : box.x + box.w] = PAINT
    rows = max(1, round(COARSE_COLUMNS * height / width))
    coarse = cv2.resize(painted, (COARSE_COLUMNS, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
