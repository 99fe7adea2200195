"""Turns images and boxes: by quarter turns as a whole, and by any angle a square that is cut out upright."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.records import Box, Gray

Affine = NDArray[np.float64]
"""(2, 3): maps (x, y, 1) to (x, y); coordinates count from the top left corner of the first pixel."""


def upright_to_image(center: tuple[float, float], *, side: int, scale: float, roll_deg: float) -> Affine:
    """Return the map from an upright cut to the image.

    Args:
        center: x and y of the cut's center in the image, px.
        side: side of the cut, px.
        scale: image px for each px of the cut.
        roll_deg: how far the square is turned in the image, degrees, clockwise.
    """
    angle = math.radians(roll_deg)
    cos, sin = math.cos(angle) * scale, math.sin(angle) * scale
    (x, y), half = center, side / 2
    return np.array([[cos, -sin, x - half * (cos - sin)], [sin, cos, y - half * (sin + cos)]])


def map_points(points: NDArray[np.float64], to_image: Affine) -> NDArray[np.float64]:
    """Map points, (N, 2), to the image.

    Without `@`, since BLAS would reserve memory for it, and wait for ever where there is none.
    """
    return np.asarray(np.einsum("ij,kj->ik", points, to_image[:, :2]) + to_image[:, 2])


def cut_upright(gray: Gray, to_image: Affine, *, side: int, is_sharp: bool = False) -> Gray:
    """Return the cut as (side, side) uint8; outside the image its edge is replicated.

    Args:
        gray: (H, W) uint8.
        to_image: from `upright_to_image`.
        side: side of the cut, px.
        is_sharp: whether to interpolate between 16 pixels instead of 4, which blurs less.
    """
    # OpenCV counts from the middle of the first pixel.
    to_pixels = to_image.copy()
    to_pixels[:, 2] += 0.5 * (to_image[:, 0] + to_image[:, 1]) - 0.5
    flags = (cv2.INTER_CUBIC if is_sharp else cv2.INTER_LINEAR) | cv2.WARP_INVERSE_MAP
    cut = cv2.warpAffine(gray, to_pixels, (side, side), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cut, dtype=np.uint8)


def turn_image(gray: Gray, turn: int) -> Gray:
    """Return the image, turned by 0, 90, 180 or 270 degrees, clockwise; the image itself at 0."""
    codes = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}
    return np.asarray(cv2.rotate(gray, codes[turn]), dtype=np.uint8) if turn else gray


def turn_box(box: Box, turn: int, width: int, height: int) -> Box:
    """Return the box in an image that was turned.

    Args:
        box: in the image before the turn.
        turn: 0, 90, 180, 270 or 360 degrees, clockwise.
        width: width of the image before the turn, px.
        height: height of the image before the turn, px.
    """
    right, bottom = width - box.x - box.w, height - box.y - box.h
    places = {90: (bottom, box.x), 180: (right, bottom), 270: (box.y, right)}
    x, y = places.get(turn, (box.x, box.y))
    w, h = (box.h, box.w) if turn in {90, 270} else (box.w, box.h)
    return Box(x, y, w, h)
