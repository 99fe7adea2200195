"""Encodes frames as JPEG, blurred or left out as the privacy settings demand."""

from collections.abc import Callable
from functools import partial
from typing import Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.records import FrameWithReadings
from edge.sinks.video.annotate import draw_readings

PictureMode: TypeAlias = Literal["full", "blur", "boxes", "counts"]
"""How much of the picture the page shows; `boxes` and `counts` show none of it."""

COARSE_CELLS = 6
"""Cells of a blurred picture along its shorter side. A face that fills the whole picture, and that the detector misses,
is 6 x 9 cells large in a tall picture and 4 x 6 in a wide one.

Source: Sinha et al. 2006, "Face Recognition by Humans": familiar faces are still named at 7 x 10 pixels. Nets that are
trained on coarse pictures recognise a known few in them (McPherson et al. 2016, arXiv 1609.00408): `boxes` hides those.
"""

FACE_SCALE = 1.6
"""Size of the area painted over, relative to the detected box: a cascade's box leaves out hair, ears and chin."""

PAINT = 96
"""Gray value of the paint, 0 to 255."""


def jpeg_encoder(
    mode: PictureMode, *, width: int, quality: int, annotated: bool = False
) -> Callable[[FrameWithReadings], bytes]:
    """Return a function that encodes a frame as JPEG; it returns b"" where the mode allows nothing to be shown.

    Args:
        mode: how much of the picture to show.
        width: wider pictures are scaled down to this, px.
        quality: JPEG quality, 0 to 100.
        annotated: whether to draw boxes and captions; in mode `boxes` they are drawn on black.
    """
    return partial(_encode, mode=mode, width=width, quality=quality, annotated=annotated)


def can_show(mode: PictureMode, *, annotated: bool) -> bool:
    """Return whether a mode allows anything to be shown with or without boxes."""
    return mode in {"full", "blur"} or (mode == "boxes" and annotated)


def _encode(frame: FrameWithReadings, *, mode: PictureMode, width: int, quality: int, annotated: bool) -> bytes:
    if not can_show(mode, annotated=annotated):
        return b""
    picture = frame.frame.gray if frame.frame.color is None else frame.frame.color
    if mode == "blur":
        picture = blur(picture, frame)
    elif mode == "boxes":
        picture = np.zeros_like(picture)
    if annotated:
        is_color = picture.shape[2:] == (3,)
        picture = picture.copy() if is_color else np.asarray(cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR), np.uint8)
        draw_readings(picture, frame.observation.readings)
    if picture.shape[1] > width:
        height = max(1, round(picture.shape[0] * width / picture.shape[1]))
        picture = np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    _, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return encoded.tobytes()


def blur(picture: NDArray[np.uint8], frame: FrameWithReadings) -> NDArray[np.uint8]:
    """Return a picture of the same size that shows large areas of light and colour, and no face.

    Detected faces are painted over first, so that no pixel of them remains. Then the whole picture is made so coarse
    that an undetected face, such as one in profile, is too coarse for people to recognise even if it fills the picture.

    Args:
        picture: (H, W) or (H, W, 3) uint8.
        frame: the frame with its readings, whose boxes are painted over.
    """
    height, width = picture.shape[:2]
    painted = picture.copy()
    for reading in frame.observation.readings:
        box = reading.box.expanded(FACE_SCALE).clipped(width, height)
        painted[box.y : box.y + box.h, box.x : box.x + box.w] = PAINT
    cells_per_px = COARSE_CELLS / min(height, width)
    columns, rows = (max(1, round(side * cells_per_px)) for side in (width, height))
    coarse = cv2.resize(painted, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
