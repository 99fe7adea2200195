"""Paints what is behind the faces: a plain or a busy wall, the same for the same seed, without a face."""

import functools
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.records import Color
from edge.scenes.clutter import fill_wall

Clutter = Literal["plain", "busy"]
"""How much there is to see behind the faces: plaster and panels, or a furnished room."""

_CLOUD_CELLS = ((3, 26.0), (9, 11.0), (26, 6.0), (64, 4.0))
"""(cells along the picture's height, their contrast in grey levels): from large stains to fine plaster."""

_ROOM = 0
"""Which of the rooms goes with a seed. This one gives seed 0 a typical photograph's cost, see `fill_wall`."""

_BASE_BGR = (126, 138, 142)
_TINTS_BGR = ((14, -2, -10), (-12, 2, 12), (4, 8, -6), (-16, -14, -10))


@functools.lru_cache(maxsize=8)
def paint_background(width: int, height: int, *, seed: int, clutter: Clutter) -> Color:
    """Return a wall, (height, width, 3) uint8 BGR, read-only; the same array for the same arguments.

    Stains and plaster of several sizes give a motion gate and a cascade something to look at, panels with straight
    edges give gradients. Contrast stays low, so that a cascade finds no face in it; it also finds it easy, so a busy
    wall is there to measure speed on.
    """
    random = np.random.default_rng(seed)
    wall = np.empty((height, width, 3), dtype=np.float32)
    wall[:] = _BASE_BGR
    for _ in range(6):
        _add_panel(wall, random)
    for cells, contrast in _CLOUD_CELLS:
        wall += contrast * _clouds(width, height, cells, random)[..., np.newaxis]
    if clutter == "busy":
        fill_wall(wall, np.random.default_rng((seed, _ROOM)))
    painted = np.clip(wall, 0, 255).astype(np.uint8)
    painted.flags.writeable = False
    return painted


def _add_panel(wall: NDArray[np.float32], random: np.random.Generator) -> None:
    """Tint a rectangle that runs from the floor or the ceiling, with a thin dark edge."""
    height, width = wall.shape[:2]
    left = int(random.uniform(-0.1, 0.9) * width)
    right = left + int(random.uniform(0.1, 0.35) * width)
    if random.random() < 0.5:  # noqa: PLR2004  # one in two hangs from the ceiling
        top, bottom = -1, int(random.uniform(0.2, 0.7) * height)
    else:
        top, bottom = int(random.uniform(0.3, 0.8) * height), height
    tint = np.asarray(_TINTS_BGR[int(random.integers(len(_TINTS_BGR)))], dtype=np.float32)
    wall[max(top, 0) : bottom, max(left, 0) : right] += tint
    edge = wall[max(top, 0), max(left, 0)] - 22
    thickness = max(1, round(height / 240))
    cv2.rectangle(wall, (left, top), (right, bottom), [float(value) for value in edge], thickness)


def _clouds(width: int, height: int, cells: int, random: np.random.Generator) -> NDArray[np.float32]:
    """Smoothed noise of (height, width) float32 with deviation 0.5 or less; `cells` blobs along the height."""
    across = max(2, round(cells * width / height))
    noise = random.uniform(-1, 1, size=(max(2, cells), across)).astype(np.float32)
    return np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.float32)
