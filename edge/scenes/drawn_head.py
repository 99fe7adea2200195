"""Draws the head of a person who does not exist, with an expression: scenes can show more than one person."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.records import Box

FACE_BOX = Box(28, 51, 96, 96)
"""The face's box in the drawing, px: in between those in which the Haar cascade and BlazeFace find it."""

_WIDTH, _HEIGHT = 156, 177
_CENTER_X, _EYE_Y, _NOSE_Y, _MOUTH_Y = 76, 87, 109, 127
"""Where the parts of the face lie, px."""

_SCALE = 2
"""Factor by which the head is drawn larger and then shrunk, which smooths its edges."""

_STEPS = 8
"""Number of drawings for the change from one expression to the next."""

Bgr = tuple[float, float, float]
Points = Sequence[tuple[float, float]]

_SKIN: Bgr = (120, 150, 200)
_HAIR: Bgr = (30, 40, 60)
_LIP: Bgr = (86, 93, 172)
_MOUTH: Bgr = (35, 30, 60)
_TEETH: Bgr = (225, 232, 236)
_EYEBALL: Bgr = (215, 222, 228)
_IRIS: Bgr = (45, 50, 60)


@dataclass(frozen=True, slots=True)
class Expression:
    """The shape of the parts of a face that show its expression.

    Attributes:
        eyes: height of the eyes; 1 is wide awake.
        brows: how far the brows are raised, px.
        smile: how far the corners of the mouth are raised, px.
        mouth_open: how far the mouth is open, px.
        mouth_width: half its width, px.
        teeth: share of the open mouth that shows teeth, 0 to 1.
    """

    eyes: float = 0.65
    brows: float = 0.0
    smile: float = 0.0
    mouth_open: float = 0.0
    mouth_width: float = 17.0
    teeth: float = 0.0

    def interpolate(self, other: "Expression", share: float) -> "Expression":
        """Return the expression at `share` (0.0 here, 1.0 there) of the way to `other`."""
        pairs = zip(astuple(self), astuple(other), strict=True)
        return Expression(*(before + share * (after - before) for before, after in pairs))


NEUTRAL = Expression()
HAPPY = Expression(eyes=0.45, brows=-1.0, smile=7.0, mouth_open=4.0, mouth_width=23.0, teeth=1.0)
SURPRISED = Expression(eyes=1.5, brows=7.0, mouth_open=13.0, mouth_width=11.0)

ExpressionMotion = Callable[[float], Expression]
"""Maps the time, s, to the expression."""


def expression_keyframes(*keyframes: tuple[float, Expression]) -> ExpressionMotion:
    """Return an expression that changes between keyframes and is constant before the first and after the last.

    Args:
        *keyframes: Time in s and expression, in order of rising time.
    """

    def motion(time_s: float) -> Expression:
        before = keyframes[0]
        for after in keyframes:
            if time_s < after[0]:
                share = (time_s - before[0]) / (after[0] - before[0]) if after is not before else 0.0
                return before[1].interpolate(after[1], round(max(0.0, share) * _STEPS) / _STEPS)
            before = after
        return before[1]

    return motion


@functools.lru_cache(maxsize=64)
def draw_head(expression: Expression) -> NDArray[np.uint8]:
    """Return the head with an expression, (177, 156, 4) uint8 BGR with alpha."""
    canvas = _Canvas()
    for side in (-1, 1):
        _draw_eye(canvas, side, expression)
        canvas.ellipse((_CENTER_X + 25 * side, _EYE_Y + 25 - 0.3 * expression.smile), (11, 9), _shade(1.13), 5, 0.5)
        if expression.smile > 0:
            fold = [(_CENTER_X + dx * side, _EYE_Y + dy) for dx, dy in ((11, 24), (18, 31), (22, 40))]
            canvas.line(fold, 1.6, _shade(0.6), 1.2, 0.08 * expression.smile)
    _draw_nose(canvas)
    _draw_mouth(canvas, expression)
    return canvas.cut_out()


def _shade(factor: float) -> Bgr:
    """Return the color of the skin, darker or lighter."""
    blue, green, red = _SKIN
    return blue * factor, green * factor, red * factor


def _draw_eye(canvas: "_Canvas", side: int, expression: Expression) -> None:
    x, height = _CENTER_X + 18 * side, 4.2 * expression.eyes
    canvas.ellipse((x, _EYE_Y - 1), (13, 9), _shade(0.62), 4, 0.75)
    brow = [
        (
            _CENTER_X + side * (8 + 20 * share),
            _EYE_Y - 15 - expression.brows - 3.2 * np.sin(np.pi * (0.15 + 0.7 * share)),
        )
        for share in np.linspace(0, 1, 14)
    ]
    canvas.line(brow, 3.6, _HAIR, 0.7, 0.9)
    canvas.ellipse((x, _EYE_Y), (8.5, height), _EYEBALL, 0.5, 0.95)
    canvas.ellipse((x, _EYE_Y - 0.2), (3.9, min(3.9, height)), _IRIS, 0.4)
    canvas.ellipse((x - 1.2, _EYE_Y - 1.4), (1, 1), _EYEBALL, 0.3, 0.9)
    arch = [(share, 1 - share * share) for share in np.linspace(-1, 1, 15)]
    canvas.line([(x + 9.5 * dx, _EYE_Y + 0.4 - 1.05 * height * dy) for dx, dy in arch], 1.7, _IRIS, 0.5, 0.9)
    canvas.line([(x + 9.5 * dx, _EYE_Y - 3.1 - 1.05 * height * dy) for dx, dy in arch], 1.1, _shade(0.55), 0.8, 0.6)
    canvas.line([(x + 8.5 * dx, _EYE_Y + 0.6 + height * dy) for dx, dy in arch], 1.0, _shade(0.55), 0.7, 0.6)


def _draw_nose(canvas: "_Canvas") -> None:
    canvas.line([(_CENTER_X + 6, _EYE_Y + 2), (_CENTER_X + 5, _EYE_Y + 18)], 3, _shade(0.7), 2.5, 0.5)
    canvas.line([(_CENTER_X - 1, _EYE_Y), (_CENTER_X - 1, _EYE_Y + 20)], 4, _shade(1.2), 2.5, 0.6)
    canvas.ellipse((_CENTER_X, _NOSE_Y), (9, 5), _shade(0.72), 2.2, 0.7)
    for side in (-1, 1):
        canvas.ellipse((_CENTER_X + 4.5 * side, _NOSE_Y + 2.5), (2.4, 1.5), _shade(0.35), 0.7, 0.85)
    canvas.ellipse((_CENTER_X, _NOSE_Y - 3), (4.5, 4), _shade(1.2), 2, 0.7)


def _draw_mouth(canvas: "_Canvas", expression: Expression) -> None:
    shares = np.linspace(-1, 1, 31)
    x = _CENTER_X + shares * expression.mouth_width
    middle = _MOUTH_Y + expression.smile * (0.3 - shares**2)
    upper = middle - (2.6 + 0.5 * expression.mouth_open) * (1 - shares**2) ** 0.8 * (
        1 - 0.25 * np.exp(-((shares / 0.18) ** 2))
    )
    lower = middle + (4.2 + expression.mouth_open) * (1 - shares**2) ** 0.7
    canvas.polygon(_between(x, upper, lower), _LIP, 0.6, 0.95)
    if expression.mouth_open > 0:
        top, bottom = (upper + 1.6)[2:-2], np.maximum(lower - 2.6, upper + 1.6)[2:-2]
        canvas.polygon(_between(x[2:-2], top, bottom), _MOUTH, 0.5, 0.95)
        teeth = np.minimum(top + 0.9 * expression.teeth * expression.mouth_open, bottom)
        canvas.polygon(_between(x[3:-3], top[1:-1], teeth[1:-1]), _TEETH, 0.4, 0.95)
    else:
        canvas.line(list(zip(x, middle, strict=True)), 1.4, _shade(0.3), 0.5, 0.95)
    canvas.ellipse((_CENTER_X, _MOUTH_Y + 11 + expression.mouth_open), (10, 3), _shade(0.7), 2.2, 0.5)


def _between(x: NDArray[np.float64], upper: NDArray[np.float64], lower: NDArray[np.float64]) -> Points:
    """Return the outline of the area between two curves."""
    return [*zip(x, upper, strict=True), *zip(x[::-1], lower[::-1], strict=True)]


class _Canvas:
    """A head without a face, to which soft shapes are added; lengths are in px of the finished drawing."""

    def __init__(self) -> None:
        rows, columns = np.mgrid[0 : _HEIGHT * _SCALE, 0 : _WIDTH * _SCALE].astype(np.float32) / _SCALE
        off_center = (columns - _CENTER_X) / 44
        light = np.clip(1.12 - 0.32 * (off_center**2 + ((rows - 100) / 58) ** 2) - 0.1 * off_center, 0.5, 1.2)
        self._color = np.array(_SKIN, np.float32) * light[..., None]

    def ellipse(
        self, center: tuple[float, float], radii: tuple[float, float], color: Bgr, blur: float, opacity: float = 1.0
    ) -> None:
        """Add an ellipse."""
        self.polygon(_outline(center, radii), color, blur, opacity)

    def polygon(self, points: Points, color: Bgr, blur: float, opacity: float) -> None:
        """Add a polygon."""
        self._add(points, 0.0, color, blur, opacity)

    def line(self, points: Points, width: float, color: Bgr, blur: float, opacity: float) -> None:
        """Add a line."""
        self._add(points, width, color, blur, opacity)

    def _add(self, points: Points, width: float, color: Bgr, blur: float, opacity: float) -> None:
        """Add a line of some width, or a polygon if it is 0, within the part of the drawing that it reaches."""
        pixels = _scaled(points)
        margin = round((3 * blur + width) * _SCALE) + 1
        left, top = np.maximum(pixels.min(axis=0) - margin, 0)
        right, bottom = pixels.max(axis=0) + margin
        region = self._color[top:bottom, left:right]
        shape = np.zeros(region.shape[:2], np.float32)
        if width:
            cv2.polylines(shape, [pixels - (left, top)], False, [1.0], max(1, round(width * _SCALE)), cv2.LINE_AA)
        else:
            cv2.fillPoly(shape, [pixels - (left, top)], [1.0], cv2.LINE_AA)
        share = opacity * _blurred(shape, blur)[..., None]
        region += share * (np.array(color, np.float32) - region)

    def cut_out(self) -> NDArray[np.uint8]:
        """Add the hair, and return the head with its surroundings transparent."""
        light, hair, hair_color, opacity = _head_and_hair()
        self._color *= light
        self._color += hair * (hair_color - self._color)
        whole = np.dstack([np.clip(self._color, 0, 255), opacity])
        return cv2.resize(whole, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_AREA).astype(np.uint8)


@functools.cache
def _head_and_hair() -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return what all expressions share, each (H, W, ...) float32, larger by `_SCALE`.

    Returns:
        The light towards the head's edge, 0 to 1; the opacity of the hair, 0 to 1; its color, BGR; and the opacity of
        the whole, 0 to 255.
    """
    head = _filled(_outline((_CENTER_X, 92), (43, 60)))
    for side in (-1, 1):
        head = np.maximum(head, _filled(_outline((_CENTER_X + 43 * side, 92), (6, 12))))
    light = 0.55 + 0.45 * np.clip(1.15 * _blurred(head, 5), 0, 1)
    top, sides = (_outline((_CENTER_X, y), (47, height), half=True) for y, height in ((66, 50), (84, 34)))
    hair = np.maximum(_filled(top), _filled(sides)) - _filled(_outline((_CENTER_X, 98), (38, 52)))
    hair = _blurred(np.clip(hair, 0, 1), 0.9)
    strands = np.random.default_rng(3).normal(1, 0.06, (_HEIGHT * _SCALE // 2, _WIDTH * _SCALE // 8))
    texture = cv2.resize(strands.astype(np.float32), (_WIDTH * _SCALE, _HEIGHT * _SCALE))
    fade = np.linspace(1.27, 0.74, _HEIGHT * _SCALE, dtype=np.float32)[:, None]
    hair_color = (texture * fade)[..., None] * np.array(_HAIR, np.float32)
    opacity = 255 * np.clip(np.maximum(_blurred(head, 0.8), hair), 0, 1)
    return light[..., None], hair[..., None], hair_color, opacity


def _outline(center: tuple[float, float], radii: tuple[float, float], *, half: bool = False) -> Points:
    """Return the outline of an ellipse, or of its upper half."""
    angles = np.linspace(np.pi, 2 * np.pi if half else 3 * np.pi, 40)
    return [(center[0] + radii[0] * np.cos(angle), center[1] + radii[1] * np.sin(angle)) for angle in angles]


def _filled(points: Points) -> NDArray[np.float32]:
    """Return the area of a polygon in the whole drawing, 0 to 1."""
    shape = np.zeros((_HEIGHT * _SCALE, _WIDTH * _SCALE), np.float32)
    cv2.fillPoly(shape, [_scaled(points)], [1.0], cv2.LINE_AA)
    return shape


def _blurred(shape: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(shape, (0, 0), sigma * _SCALE), dtype=np.float32)


def _scaled(points: Points) -> NDArray[np.int32]:
    return np.asarray(np.rint(np.array(points) * _SCALE), dtype=np.int32)
