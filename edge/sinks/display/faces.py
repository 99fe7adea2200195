"""Draws a face for each emotion."""

import math
from dataclasses import dataclass
from types import MappingProxyType

from edge.labels import UNCERTAIN
from edge.sinks.colors import BLACK, COLORS, ink
from edge.sinks.display.canvas import Canvas, Points

_STROKE = 0.1
"""Width of a line, in radii of the head."""


@dataclass(frozen=True, slots=True)
class Features:
    """What a face is made of, in radii of the head from its middle. lines: drawn. shapes: filled."""

    lines: tuple[Points, ...]
    shapes: tuple[Points, ...] = ()


def arc(x: float, y: float, rx: float, ry: float, turn: tuple[float, float] = (0.0, 360.0)) -> Points:
    """Part of an ellipse. turn: from and to, degrees, from the right by the bottom."""
    begin, end = turn
    steps = max(8, round(abs(end - begin) / 9))
    angles = [math.radians(begin + (end - begin) * step / steps) for step in range(steps + 1)]
    return tuple((x + rx * math.cos(angle), y + ry * math.sin(angle)) for angle in angles)


def _both(points: Points) -> tuple[Points, Points]:
    """Return the same on the left and on the right."""
    return points, tuple((-x, y) for x, y in points)


_EYES = _both(arc(0.36, -0.2, 0.1, 0.14))
_WIDE_EYES = _both(arc(0.36, -0.18, 0.2, 0.24))
_FROWN = arc(0.0, 0.68, 0.4, 0.3, (200, 340))

FEATURES: MappingProxyType[str, Features] = MappingProxyType(
    {
        "angry": Features(
            lines=(*_both(((0.14, -0.34), (0.58, -0.56))), _FROWN),
            shapes=_EYES,
        ),
        "disgust": Features(
            lines=(
                *_both(((0.2, -0.3), (0.52, -0.2), (0.2, -0.1))),
                *_both(((0.06, 0.12), (0.16, 0.02))),
                ((-0.46, 0.5), (-0.24, 0.36), (0.0, 0.46), (0.24, 0.36), (0.46, 0.5)),
            ),
            shapes=(((0.06, 0.46), *arc(0.2, 0.6, 0.14, 0.2, (0, 180)), (0.34, 0.46)),),
        ),
        "fear": Features(
            lines=(
                *_both(((0.18, -0.66), (0.58, -0.52))),
                *_WIDE_EYES,
                ((-0.4, 0.46), (-0.24, 0.58), (-0.08, 0.46), (0.08, 0.58), (0.24, 0.46), (0.4, 0.58)),
            ),
            shapes=_both(arc(0.36, -0.18, 0.06, 0.07)),
        ),
        "happy": Features(
            lines=_both(arc(0.36, -0.12, 0.18, 0.2, (190, 350))),
            shapes=(arc(0.0, 0.18, 0.54, 0.5, (0, 180)),),
        ),
        "sad": Features(
            lines=(*_both(((0.16, -0.52), (0.56, -0.36))), _FROWN),
            shapes=(*_EYES, ((0.5, 0.06), *arc(0.5, 0.28, 0.1, 0.12, (0, 180)))),
        ),
        "surprise": Features(
            lines=_both(arc(0.36, -0.42, 0.22, 0.2, (200, 340))),
            shapes=(*_EYES, arc(0.0, 0.44, 0.22, 0.3)),
        ),
        "neutral": Features(lines=(((-0.38, 0.42), (0.38, 0.42)),), shapes=_EYES),
        UNCERTAIN: Features(
            lines=((*arc(0.0, -0.24, 0.3, 0.3, (190, 400)), (0.0, 0.1), (0.0, 0.26)),),
            shapes=(arc(0.0, 0.54, 0.1, 0.1),),
        ),
    }
)


def draw_face(canvas: Canvas, emotion: str, *, x: float, y: float, radius: float) -> None:
    """Draw a head about (x, y), px."""

    def placed(points: Points) -> Points:
        return [(x + radius * px, y + radius * py) for px, py in points]

    color = COLORS[emotion]
    feature_color = ink(color) if canvas.colored else BLACK
    canvas.fill(placed(arc(0.0, 0.0, 1.0, 1.0)), color)
    features = FEATURES[emotion]
    for points in features.shapes:
        canvas.fill(placed(points), feature_color)
    for points in features.lines:
        canvas.stroke(placed(points), feature_color, _STROKE * radius)
