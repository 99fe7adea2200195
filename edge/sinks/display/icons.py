"""Draws a sign for each state that is no face."""

from dataclasses import dataclass
from types import MappingProxyType

from edge.sinks.colors import COLORS, WHITE, Rgb
from edge.sinks.display.canvas import Canvas, Points
from edge.sinks.display.faces import arc

_STROKE = 0.1

_WARNING: Rgb = COLORS["surprise"]
_ALARM: Rgb = COLORS["angry"]


@dataclass(frozen=True, slots=True)
class Sign:
    """Lines from the middle of the sign, in half its side."""

    color: Rgb
    lines: tuple[Points, ...]


_LENS = (
    arc(0.0, 0.14, 0.3, 0.3),
    ((-0.9, -0.4), (-0.4, -0.4), (-0.24, -0.64), (0.24, -0.64), (0.4, -0.4), (0.9, -0.4)),
)
_CAMERA: tuple[Points, ...] = (*_LENS, ((-0.9, -0.4), (-0.9, 0.7), (0.9, 0.7), (0.9, -0.4)))

SIGNS: MappingProxyType[str, Sign] = MappingProxyType(
    {
        "nobody": Sign(WHITE, tuple(arc(0.0, 0.0, 0.9, 0.9, (begin, begin + 24)) for begin in range(0, 360, 45))),
        "camera": Sign(WHITE, _CAMERA),
        "camera lost": Sign(_ALARM, (*_CAMERA, ((-0.9, 0.94), (0.9, -0.86)))),
        "slow": Sign(
            _WARNING,
            (
                ((-0.2, 0.2), (-0.2, -0.7), *arc(0.0, -0.7, 0.2, 0.2, (180, 360)), (0.2, -0.7), (0.2, 0.2)),
                arc(0.0, 0.5, 0.36, 0.36, (-56, 236)),
                ((0.0, 0.5), (0.0, -0.4)),
            ),
        ),
        "page": Sign(
            COLORS["neutral"],
            (
                arc(0.0, 0.0, 0.9, 0.9),
                arc(0.0, 0.0, 0.4, 0.9),
                ((-0.9, 0.0), (0.9, 0.0)),
                ((-0.78, -0.45), (0.78, -0.45)),
                ((-0.78, 0.45), (0.78, 0.45)),
            ),
        ),
    }
)


def draw_sign(canvas: Canvas, name: str, *, x: float, y: float, radius: float) -> None:
    """Draw a sign about (x, y), px."""
    sign = SIGNS[name]
    for points in sign.lines:
        canvas.stroke([(x + radius * px, y + radius * py) for px, py in points], sign.color, _STROKE * radius)
