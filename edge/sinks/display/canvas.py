"""What a display's picture is drawn on: in colour, or in white on black."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.records import Box, Color
from edge.sinks.colors import BLACK, WHITE, Rgb

Points = Sequence[tuple[float, float]]
"""(x, y) each, in the unit of whoever draws; y goes down."""

_SUBPIXEL_BITS = 4
_FONT = cv2.FONT_HERSHEY_SIMPLEX
"""A vector font, so that it has every size. Pillow's own has but one before version 10.1; a system's may be missing."""

_CAPITAL_PX = 21.0
"""Height of a capital at scale 1. Source: `cv2.getFontScaleFromHeight(_FONT, 21)` is 1."""

_CAPITAL_SHARE = 0.65
"""Of a line's height; what hangs below it needs the rest."""

LEAST_TEXT_PX = 7
"""Capitals of less height cannot be read, px."""


class Canvas:
    """A black picture.

    pixels: (H, W, 3) uint8 BGR. colored: else every colour but black is white, and edges are hard, so that one bit for
    each pixel says it all.
    """

    def __init__(self, width: int, height: int, *, colored: bool) -> None:
        self.width, self.height, self.colored = width, height, colored
        self.pixels: Color = np.zeros((height, width, 3), np.uint8)
        self._line_type = cv2.LINE_AA if colored else cv2.LINE_8

    @property
    def box(self) -> Box:
        """All of it."""
        return Box(0, 0, self.width, self.height)

    def fill(self, points: Points, color: Rgb) -> None:
        """Fill a polygon, px."""
        cv2.fillPoly(self.pixels, [_fixed(points)], self._bgr(color), self._line_type, _SUBPIXEL_BITS)

    def stroke(self, points: Points, color: Rgb, width_px: float) -> None:
        """Draw a line through the points, px."""
        thickness = max(1, round(width_px))
        cv2.polylines(
            self.pixels, [_fixed(points)], False, self._bgr(color), thickness, self._line_type, _SUBPIXEL_BITS
        )

    def bar(self, box: Box, share: float, color: Rgb) -> None:
        """Draw a bar of which `share` is filled, 0 to 1, with a line around it."""
        x, y, w, h = box.xywh
        cv2.rectangle(self.pixels, (x, y), (x + w - 1, y + h - 1), self._bgr(color), 1)
        filled = round((w - 4) * share)
        if filled > 0 and h > 4:  # noqa: PLR2004  # the line and a gap, on both sides
            cv2.rectangle(self.pixels, (x + 2, y + 2), (x + 1 + filled, y + h - 3), self._bgr(color), cv2.FILLED)

    def text(self, text: str, box: Box, *, like: str = "", color: Rgb = WHITE, centered: bool = True) -> None:
        """Write one line as large as `box` allows, in its middle or at its left; what is too long is cut off.

        like: the longest text that stands beside it: all get the same size.
        """
        height = max(_CAPITAL_SHARE * box.h, LEAST_TEXT_PX)
        while height > LEAST_TEXT_PX and self.text_width(like or text, height) > box.w:
            height -= 0.5
        while len(text) > 1 and self.text_width(text, height) > box.w:
            text = text[:-1]
        x = box.x + (round((box.w - self.text_width(text, height)) / 2) if centered else 0)
        y = box.y + round((box.h + 0.7 * height) / 2)
        scale, thickness = height / _CAPITAL_PX, _thickness(height)
        cv2.putText(self.pixels, text, (x, y), _FONT, scale, self._bgr(color), thickness, self._line_type)

    def text_width(self, text: str, height: float = LEAST_TEXT_PX) -> int:
        """Width of a line whose capitals are `height` px high, px."""
        return int(cv2.getTextSize(text, _FONT, height / _CAPITAL_PX, _thickness(height))[0][0])

    def _bgr(self, color: Rgb) -> Rgb:
        return color[::-1] if self.colored else (WHITE if color != BLACK else BLACK)


def _thickness(height: float) -> int:
    return max(1, round(height / 10))


def _fixed(points: Points) -> NDArray[np.int32]:
    """Round to a sixteenth of a pixel, as OpenCV takes points."""
    return np.round(np.array(points) * (1 << _SUBPIXEL_BITS)).astype(np.int32)
