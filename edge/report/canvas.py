"""What a chart is drawn on: the same strokes become a picture in a page, or a file."""

from typing import Literal, Protocol

from edge.sinks.colors import Rgb

Anchor = Literal["start", "middle", "end"]

GROUND: Rgb = (0x1E, 0x1F, 0x26)
"""Behind every chart, in a light page, too: on it each emotion's colour stands out, yellow as well as blue."""

INK: Rgb = (0xF2, 0xF2, 0xF5)
FAINT: Rgb = (0xB4, 0xB6, 0xC2)
GRID: Rgb = (0x3A, 0x3C, 0x48)
GAP: Rgb = (0x4A, 0x4D, 0x5C)

WIDTH = 960
"""Of every chart; lengths are in pixels of a page, origin at the top left."""


class Canvas(Protocol):
    """Takes strokes in the order in which they lie on each other."""

    def rect(self, x: float, y: float, w: float, h: float, color: Rgb, *, hint: str = "") -> None:
        """Fill a rectangle. hint: what a page shows when one points at it."""

    def line(self, x1: float, y1: float, x2: float, y2: float, color: Rgb) -> None:
        """Draw a thin line."""

    def text(
        self, x: float, y: float, words: str, *, size: float = 13, color: Rgb = INK, anchor: Anchor = "start"
    ) -> None:
        """Write `words`, ASCII; y is their base line."""
