"""A canvas for small displays: in colour, or black and white without grey edges."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.records import Box, Color
from edge.sinks.colors import BLACK, WHITE, Rgb

Points = Sequence[tuple[float, float]]
"""(x, y) pairs; y points down. Their unit is that of the caller."""

_SUBPIXEL_BITS = 4
_FONT = cv2.FONT_HERSHEY_SIMPLEX
"""A vector font, which can be drawn at any size. Pillow's built-in font has a fixed size before version 10.1, and a
system font may be missing."""

_CAPITAL_PX = 21.0
"""Height of a capital at scale 1, px. Source: `cv2.getFontScaleFromHeight(_FONT, 21)` is 1."""

_CAPITAL_SHARE = 0.65
"""Height of a capital relative to the line; the rest is for descenders."""

MIN_TEXT_PX = 7
"""Smallest height of capitals that can be read, px."""


class Canvas:
    """A black picture to draw on.

    Attributes:
        width: px.
        height: px.
        colored: whether the picture has colours; else every colour except black becomes white, and edges are not
            anti-aliased, so that one bit per pixel is enough.
        pixels: the picture, (H, W, 3) uint8 BGR.
    """

    def __init__(self, width: int, height: int, *, colored: bool) -> None:
        self.width, self.height, self.colored = width, height, colored
        self.pixels: Color = np.zeros((height, width, 3), np.uint8)
        self._line_type = cv2.LINE_AA if colored else cv2.LINE_8

    def fill(self, points: Points, color: Rgb) -> None:
        """Fill a polygon, px."""
        cv2.fillPoly(self.pixels, [_fixed_point(points)], self._bgr(color), self._line_type, _SUBPIXEL_BITS)

    def stroke(self, points: Points, color: Rgb, width_px: float) -> None:
        """Draw a line through the points, px."""
        thickness = max(1, round(width_px))
        cv2.polylines(
            self.pixels, [_fixed_point(points)], False, self._bgr(color), thickness, self._line_type, _SUBPIXEL_BITS
        )

    def bar(self, box: Box, share: float, color: Rgb) -> None:
        """Draw an outlined bar that is filled up to `share`, 0.0 to 1.0."""
        x, y, w, h = box.xywh
        cv2.rectangle(self.pixels, (x, y), (x + w - 1, y + h - 1), self._bgr(color), 1)
        filled = round((w - 4) * share)
        if filled > 0 and h > 4:  # noqa: PLR2004  # the outline and a gap of 1 px, at the top and at the bottom
            cv2.rectangle(self.pixels, (x + 2, y + 2), (x + 1 + filled, y + h - 3), self._bgr(color), cv2.FILLED)

    def text(self, text: str, box: Box, *, size_like: str = "", color: Rgb = WHITE, centered: bool = True) -> None:
        """Write one line as large as the box allows; text that is too long even at the smallest size is cut off.

        Args:
            text: what to write.
            box: where to write it.
            size_like: a longer text whose size to use, so that several texts get the same size.
            color: colour of the letters.
            centered: centre the text horizontally, instead of aligning it to the left.
        """
        height = max(_CAPITAL_SHARE * box.h, MIN_TEXT_PX)
        while height > MIN_TEXT_PX and self.text_width(size_like or text, height) > box.w:
            height -= 0.5
        while len(text) > 1 and self.text_width(text, height) > box.w:
            text = text[:-1]
        x = box.x + (round((box.w - self.text_width(text, height)) / 2) if centered else 0)
        y = box.y + round((box.h + 0.7 * height) / 2)
        scale, thickness = height / _CAPITAL_PX, _thickness(height)
        cv2.putText(self.pixels, text, (x, y), _FONT, scale, self._bgr(color), thickness, self._line_type)

    def text_width(self, text: str, height: float = MIN_TEXT_PX) -> int:
        """Return the width of a line whose capitals are `height` px high, px."""
        return int(cv2.getTextSize(text, _FONT, height / _CAPITAL_PX, _thickness(height))[0][0])

    def _bgr(self, color: Rgb) -> Rgb:
        return color[::-1] if self.colored else (WHITE if color != BLACK else BLACK)


def _thickness(height: float) -> int:
    return max(1, round(height / 10))


def _fixed_point(points: Points) -> NDArray[np.int32]:
    """Round to a sixteenth of a pixel, as OpenCV expects with `_SUBPIXEL_BITS`."""
    return np.round(np.array(points) * (1 << _SUBPIXEL_BITS)).astype(np.int32)
