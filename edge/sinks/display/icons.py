"""Vector drawings for the display: a face for each emotion, and an icon for each message."""

import math
from dataclasses import dataclass
from types import MappingProxyType

from edge.labels import UNCERTAIN
from edge.sinks.colors import BLACK, COLORS, WHITE, Rgb, text_color
from edge.sinks.display.canvas import Canvas, Points

_STROKE = 0.1
"""Line width, in radii of the drawing."""


def _arc(x: float, y: float, rx: float, ry: float, turn: tuple[float, float] = (0.0, 360.0)) -> Points:
    """Return the points of an elliptic arc.

    Args:
        x: centre, to the right.
        y: centre, downwards.
        rx: horizontal radius.
        ry: vertical radius.
        turn: start and end, degrees clockwise from the right.
    """
    begin, end = turn
    steps = max(8, round(abs(end - begin) / 9))
    angles = [math.radians(begin + (end - begin) * step / steps) for step in range(steps + 1)]
    return tuple((x + rx * math.cos(angle), y + ry * math.sin(angle)) for angle in angles)


def _mirrored(points: Points) -> tuple[Points, Points]:
    """Return the points and their mirror image on the other half of the face."""
    return points, tuple((-x, y) for x, y in points)


@dataclass(frozen=True, slots=True)
class FaceDrawing:
    """The features of a face, in radii of the head from its centre.

    Attributes:
        lines: drawn as strokes.
        shapes: filled.
    """

    lines: tuple[Points, ...]
    shapes: tuple[Points, ...] = ()


_EYES = _mirrored(_arc(0.36, -0.2, 0.1, 0.14))
_WIDE_EYES = _mirrored(_arc(0.36, -0.18, 0.2, 0.24))
_FROWN = _arc(0.0, 0.68, 0.4, 0.3, (200, 340))

FACES: MappingProxyType[str, FaceDrawing] = MappingProxyType(
    {
        "angry": FaceDrawing(
            lines=(*_mirrored(((0.14, -0.34), (0.58, -0.56))), _FROWN),
            shapes=_EYES,
        ),
        "disgust": FaceDrawing(
            lines=(
                *_mirrored(((0.2, -0.3), (0.52, -0.2), (0.2, -0.1))),
                *_mirrored(((0.06, 0.12), (0.16, 0.02))),
                ((-0.46, 0.5), (-0.24, 0.36), (0.0, 0.46), (0.24, 0.36), (0.46, 0.5)),
            ),
            shapes=(((0.06, 0.46), *_arc(0.2, 0.6, 0.14, 0.2, (0, 180)), (0.34, 0.46)),),
        ),
        "fear": FaceDrawing(
            lines=(
                *_mirrored(((0.18, -0.66), (0.58, -0.52))),
                *_WIDE_EYES,
                ((-0.4, 0.46), (-0.24, 0.58), (-0.08, 0.46), (0.08, 0.58), (0.24, 0.46), (0.4, 0.58)),
            ),
            shapes=_mirrored(_arc(0.36, -0.18, 0.06, 0.07)),
        ),
        "happy": FaceDrawing(
            lines=_mirrored(_arc(0.36, -0.12, 0.18, 0.2, (190, 350))),
            shapes=(_arc(0.0, 0.18, 0.54, 0.5, (0, 180)),),
        ),
        "sad": FaceDrawing(
            lines=(*_mirrored(((0.16, -0.52), (0.56, -0.36))), _FROWN),
            shapes=(*_EYES, ((0.5, 0.06), *_arc(0.5, 0.28, 0.1, 0.12, (0, 180)))),
        ),
        "surprise": FaceDrawing(
            lines=_mirrored(_arc(0.36, -0.42, 0.22, 0.2, (200, 340))),
            shapes=(*_EYES, _arc(0.0, 0.44, 0.22, 0.3)),
        ),
        "neutral": FaceDrawing(lines=(((-0.38, 0.42), (0.38, 0.42)),), shapes=_EYES),
        UNCERTAIN: FaceDrawing(
            lines=((*_arc(0.0, -0.24, 0.3, 0.3, (190, 400)), (0.0, 0.1), (0.0, 0.26)),),
            shapes=(_arc(0.0, 0.54, 0.1, 0.1),),
        ),
    }
)
"""The face for each emotion."""


def draw_face(canvas: Canvas, emotion: str, *, x: float, y: float, radius: float) -> None:
    """Draw the face for an emotion, with its centre at (x, y), px."""
    color = COLORS[emotion]
    feature_color = text_color(color) if canvas.colored else BLACK
    canvas.fill(_placed(_arc(0.0, 0.0, 1.0, 1.0), x, y, radius), color)
    for points in FACES[emotion].shapes:
        canvas.fill(_placed(points, x, y, radius), feature_color)
    for points in FACES[emotion].lines:
        canvas.stroke(_placed(points, x, y, radius), feature_color, _STROKE * radius)


@dataclass(frozen=True, slots=True)
class IconDrawing:
    """The lines of an icon, in half its side from its centre."""

    color: Rgb
    lines: tuple[Points, ...]


_WARNING: Rgb = COLORS["surprise"]
_ALARM: Rgb = COLORS["angry"]

_CAMERA: tuple[Points, ...] = (
    _arc(0.0, 0.14, 0.3, 0.3),
    ((-0.9, -0.4), (-0.4, -0.4), (-0.24, -0.64), (0.24, -0.64), (0.4, -0.4), (0.9, -0.4)),
    ((-0.9, -0.4), (-0.9, 0.7), (0.9, 0.7), (0.9, -0.4)),
)

ICONS: MappingProxyType[str, IconDrawing] = MappingProxyType(
    {
        "nobody": IconDrawing(
            WHITE, tuple(_arc(0.0, 0.0, 0.9, 0.9, (begin, begin + 24)) for begin in range(0, 360, 45))
        ),
        "camera": IconDrawing(WHITE, _CAMERA),
        "camera lost": IconDrawing(_ALARM, (*_CAMERA, ((-0.9, 0.94), (0.9, -0.86)))),
        "throttled": IconDrawing(
            _WARNING,
            (
                ((-0.2, 0.2), (-0.2, -0.7), *_arc(0.0, -0.7, 0.2, 0.2, (180, 360)), (0.2, -0.7), (0.2, 0.2)),
                _arc(0.0, 0.5, 0.36, 0.36, (-56, 236)),
                ((0.0, 0.5), (0.0, -0.4)),
            ),
        ),
        "page": IconDrawing(
            COLORS["neutral"],
            (
                _arc(0.0, 0.0, 0.9, 0.9),
                _arc(0.0, 0.0, 0.4, 0.9),
                ((-0.9, 0.0), (0.9, 0.0)),
                ((-0.78, -0.45), (0.78, -0.45)),
                ((-0.78, 0.45), (0.78, 0.45)),
            ),
        ),
    }
)
"""The icon for each kind of message."""


def draw_icon(canvas: Canvas, name: str, *, x: float, y: float, radius: float) -> None:
    """Draw an icon with its centre at (x, y), px."""
    icon = ICONS[name]
    for points in icon.lines:
        canvas.stroke(_placed(points, x, y, radius), icon.color, _STROKE * radius)


def _placed(points: Points, x: float, y: float, radius: float) -> Points:
    return [(x + radius * px, y + radius * py) for px, py in points]
