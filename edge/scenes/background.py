"""Paints the wall behind the faces, plain or as a furnished room: reproducible from a seed, and free of faces."""

import functools
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.records import Color

Clutter = Literal["plain", "busy"]
"""Amount of detail behind the faces: plaster and panels, or a furnished room."""

Wall = NDArray[np.float32]
"""(H, W, 3) float32 BGR, 0 black to 255 white."""

_NOISE_LAYERS = ((3, 26.0), (9, 11.0), (26, 6.0), (64, 4.0))
"""(blobs along the image's height, contrast in grey levels): from large stains to fine plaster."""

_ROOM_SEED = 0
"""Second seed of the room: with 0, the room of seed 0 costs a cascade as much as a typical photograph (`_furnish`)."""

_BASE_BGR = (126, 138, 142)
_TINTS_BGR = ((14, -2, -10), (-12, 2, 12), (4, 8, -6), (-16, -14, -10))
_SHELF_BGR = (62, 84, 104)
_PAPER_BGR = (196, 206, 208)
_LEAF_BGR = (58, 112, 74)
_GRAIN_LEVELS = 2.0
"""Standard deviation of a small camera's noise in room light, grey levels.

Source: chosen, typical of 8-bit webcam frames.
"""


@functools.lru_cache(maxsize=8)
def paint_background(width: int, height: int, *, seed: int, clutter: Clutter) -> Color:
    """Paint a wall; the same arguments return the same array.

    Stains and plaster of several sizes give a motion gate and a cascade some texture, panels with straight edges give
    them gradients. The contrast stays low, so that a cascade finds no face. That also makes the plain wall cheap to
    scan; speed is measured on the busy one.

    Returns:
        (height, width, 3) uint8 BGR, read-only.
    """
    random = np.random.default_rng(seed)
    wall = np.empty((height, width, 3), dtype=np.float32)
    wall[:] = _BASE_BGR
    for _ in range(6):
        _add_panel(wall, random)
    for blobs, contrast in _NOISE_LAYERS:
        wall += contrast * _smooth_noise(width, height, blobs, random)[..., np.newaxis]
    if clutter == "busy":
        _furnish(wall, np.random.default_rng((seed, _ROOM_SEED)))
    painted = np.clip(wall, 0, 255).astype(np.uint8)
    painted.flags.writeable = False
    return painted


def _add_panel(wall: Wall, random: np.random.Generator) -> None:
    """Tint a rectangle that extends from the floor or the ceiling, with a thin dark edge."""
    height, width = wall.shape[:2]
    left = int(random.uniform(-0.1, 0.9) * width)
    right = left + int(random.uniform(0.1, 0.35) * width)
    if random.random() < 0.5:  # noqa: PLR2004  # every other panel, on average, hangs from the ceiling
        top, bottom = -1, int(random.uniform(0.2, 0.7) * height)
    else:
        top, bottom = int(random.uniform(0.3, 0.8) * height), height
    tint = np.asarray(_TINTS_BGR[int(random.integers(len(_TINTS_BGR)))], dtype=np.float32)
    wall[max(top, 0) : bottom, max(left, 0) : right] += tint
    edge = wall[max(top, 0), max(left, 0)] - 22
    thickness = max(1, round(height / 240))
    cv2.rectangle(wall, (left, top), (right, bottom), [float(value) for value in edge], thickness)


def _smooth_noise(width: int, height: int, blobs: int, random: np.random.Generator) -> NDArray[np.float32]:
    """Return smooth noise, (height, width) float32, standard deviation at most 0.5, `blobs` blobs along the height."""
    across = max(2, round(blobs * width / height))
    noise = random.uniform(-1, 1, size=(max(2, blobs), across)).astype(np.float32)
    return np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class _Brush:
    """Draws on a wall, with random sizes and shades."""

    wall: Wall
    random: np.random.Generator

    @property
    def unit(self) -> float:
        """One hundredth of the image's height, px."""
        return float(self.wall.shape[0]) / 100

    def between(self, low: float, high: float) -> float:
        return float(self.random.uniform(low, high))

    def rectangle(self, x: float, y: float, w: float, h: float, color: tuple[float, float, float]) -> None:
        """Fill a rectangle; x, y, w and h in px."""
        cv2.rectangle(self.wall, (round(x), round(y)), (round(x + w) - 1, round(y + h) - 1), color, cv2.FILLED)

    def shade(self, color: tuple[float, float, float], spread: float) -> tuple[float, float, float]:
        """Return the color, lighter or darker by up to `spread` grey levels."""
        change = self.between(-spread, spread)
        return color[0] + change, color[1] + change, color[2] + change


def _furnish(wall: Wall, random: np.random.Generator) -> None:
    """Draw a room's furniture over `wall`, in place.

    All sizes are relative to the image's height, so a larger image shows the same room in more detail. The amount of
    furniture gives a cascade as much work as a photograph does.

    Source: measured on one x86-64 core with OpenCV 4.14 at 640x480, minSize 30, as CPU ms of a full frame with
    frontalface_default at 1.3/5, at 1.1/3 and frontalface_alt2 at 1.1/3. Median of six of scikit-image's photographs
    (coffee, motorcycle_left, chelsea, rocket, astronaut, brick; 14 to 57 ms at 1.3/5): 34, 82, 83. The room of seed 0:
    32, 78, 80. The plain wall: 9, 22, 28.
    """
    brush = _Brush(wall, random)
    height, width = wall.shape[:2]
    left = brush.between(-20, 10) * brush.unit
    while left < width:
        across = brush.between(28, 44) * brush.unit
        top = brush.between(-6, 8) * brush.unit
        _draw_shelves(brush, left, top, across, brush.between(32, 66) * brush.unit)
        left += across + brush.between(30, 66) * brush.unit
    _draw_blind(brush, brush.between(0.1, 0.7) * width, 0, 30 * brush.unit, brush.between(22, 40) * brush.unit)
    for _ in range(2):
        _draw_poster(brush, brush.between(0, 0.85) * width, brush.between(0, 0.6) * height)
    for _ in range(2):
        _draw_plant(brush, brush.between(0, 1) * width, brush.between(0.55, 1.0) * height)
    _draw_desk(brush, brush.between(82, 90) * brush.unit)
    wall += random.normal(0, _GRAIN_LEVELS, wall.shape[:2]).astype(np.float32)[..., np.newaxis]


def _draw_shelves(brush: _Brush, x: float, y: float, w: float, h: float) -> None:
    """Draw a bookcase: boards, each with a row of books of many widths and some empty places."""
    brush.rectangle(x, y, w, h, brush.shade((44, 54, 62), 12))
    row = y
    while row < y + h:
        tall = brush.between(11, 17) * brush.unit
        book = x + brush.unit
        while book < x + w - 2 * brush.unit:
            thick = brush.between(1.0, 4.2) * brush.unit
            if brush.random.random() < 0.88:  # noqa: PLR2004  # about one place in eight is empty
                _draw_book(brush, book, row + tall * brush.between(0.08, 0.35), thick, row + tall)
            book += thick + brush.between(0.0, 0.3) * brush.unit
        brush.rectangle(x, row + tall, w, 1.4 * brush.unit, _SHELF_BGR)
        row += tall + 1.4 * brush.unit


def _draw_book(brush: _Brush, x: float, top: float, thick: float, bottom: float) -> None:
    """Draw the spine of a book, in most cases with lettering."""
    gray = brush.between(34, 186)
    color = (gray + brush.between(-26, 26), gray + brush.between(-22, 22), gray + brush.between(-24, 34))
    brush.rectangle(x, top, thick, bottom - top, color)
    brush.rectangle(x, top, 0.35 * brush.unit, bottom - top, (color[0] - 28, color[1] - 28, color[2] - 28))
    if brush.random.random() < 0.7:  # noqa: PLR2004  # the rest have a blank spine
        ink = brush.shade((128, 136, 140), 90)
        at = top + (bottom - top) * brush.between(0.12, 0.5)
        for _ in range(int(brush.random.integers(2, 7))):
            long = brush.between(0.4, 1.3) * brush.unit
            brush.rectangle(x + 0.3 * thick, at, 0.45 * thick, long, ink)
            at += long + 0.4 * brush.unit


def _draw_poster(brush: _Brush, x: float, y: float) -> None:
    """Draw a framed sheet with slanted strokes above lines of words."""
    w, h = brush.between(14, 26) * brush.unit, brush.between(18, 32) * brush.unit
    brush.rectangle(
        x - brush.unit, y - brush.unit, w + 2 * brush.unit, h + 2 * brush.unit, brush.shade((70, 74, 80), 30)
    )
    brush.rectangle(x, y, w, h, brush.shade(_PAPER_BGR, 24))
    for _ in range(9):
        start = (round(x + brush.between(0, 1) * w), round(y + brush.between(0, 0.45) * h))
        end = (round(x + brush.between(0, 1) * w), round(y + brush.between(0, 0.45) * h))
        cv2.line(
            brush.wall,
            start,
            end,
            brush.shade((110, 110, 120), 80),
            max(1, round(brush.between(0.3, 1.8) * brush.unit)),
        )
    line = y + 0.52 * h
    while line < y + 0.95 * h:
        word = x + 0.08 * w
        while word < x + 0.85 * w:
            long = brush.between(0.6, 3.2) * brush.unit
            brush.rectangle(word, line, long, 0.8 * brush.unit, brush.shade((70, 70, 74), 20))
            word += long + 0.7 * brush.unit
        line += 1.9 * brush.unit


def _draw_plant(brush: _Brush, x: float, y: float) -> None:
    """Draw leaves around a center, each with a lit and a shaded half."""
    for _ in range(90):
        reach, angle = brush.between(0, 14) * brush.unit, brush.between(0, 360)
        at = (round(x + reach * np.cos(np.radians(angle))), round(y + 0.8 * reach * np.sin(np.radians(angle))))
        axes = (
            max(1, round(brush.between(1.4, 4.2) * brush.unit)),
            max(1, round(brush.between(0.4, 1.3) * brush.unit)),
        )
        turn, color = brush.between(0, 180), brush.shade(_LEAF_BGR, 55)
        cv2.ellipse(brush.wall, at, axes, turn, 0, 360, color, cv2.FILLED)
        cv2.ellipse(brush.wall, at, axes, turn, 0, 180, brush.shade(color, 35), cv2.FILLED)


def _draw_blind(brush: _Brush, x: float, y: float, w: float, h: float) -> None:
    """Draw a window behind the slats of a blind."""
    brush.rectangle(x, y, w, h, (208, 204, 196))
    slat = y
    while slat < y + h:
        brush.rectangle(x, slat, w, 0.9 * brush.unit, brush.shade((142, 146, 146), 14))
        slat += 2.1 * brush.unit


def _draw_desk(brush: _Brush, y: float) -> None:
    """Draw a desk along the bottom, with boxes and sheets of paper on it."""
    height, width = brush.wall.shape[:2]
    brush.rectangle(0, y, width, height - y, (84, 108, 128))
    brush.rectangle(0, y, width, 0.8 * brush.unit, (50, 66, 80))
    for _ in range(14):
        w, h = brush.between(2, 12) * brush.unit, brush.between(1.5, 7) * brush.unit
        brush.rectangle(
            brush.between(0, 1) * width, y - brush.between(-4, 5) * brush.unit, w, h, brush.shade((120, 120, 124), 80)
        )
