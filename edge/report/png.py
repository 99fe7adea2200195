"""Draws a chart as PNG, with OpenCV: it is there wherever this program is, and a plotting library is not."""

import cv2
import numpy as np

from edge.report.canvas import GROUND, INK, WIDTH, Anchor
from edge.sinks.colors import Rgb

SCALE = 2
"""Pixels of the file for each of a page: sharp on a small screen, and in print."""

_FINER = 2
"""It is drawn so much larger still, and shrunk: OpenCV's letters are made of lines."""

_FONT = cv2.FONT_HERSHEY_DUPLEX
_UNIT_PX = 30.0
"""Size of that font at scale 1: what a page calls font-size."""


class PngCanvas:
    """height: px of a page."""

    def __init__(self, *, height: int) -> None:
        self._factor = SCALE * _FINER
        self._picture = np.full((height * self._factor, WIDTH * self._factor, 3), GROUND[::-1], np.uint8)

    def rect(self, x: float, y: float, w: float, h: float, color: Rgb, *, hint: str = "") -> None:  # noqa: ARG002  # a file has none
        """Fill a rectangle."""
        left, top, right, bottom = (round(value * self._factor) for value in (x, y, x + w, y + h))
        self._picture[top:bottom, left:right] = color[::-1]

    def line(self, x1: float, y1: float, x2: float, y2: float, color: Rgb) -> None:
        """Draw a thin line."""
        start, end = self._point(x1, y1), self._point(x2, y2)
        cv2.line(self._picture, start, end, color[::-1], self._factor, cv2.LINE_AA)

    def text(
        self, x: float, y: float, words: str, *, size: float = 13, color: Rgb = INK, anchor: Anchor = "start"
    ) -> None:
        """Write `words`; y is their base line."""
        scale = size / _UNIT_PX * self._factor
        (width, _), _ = cv2.getTextSize(words, _FONT, scale, self._factor)
        shift = {"start": 0, "middle": width / 2, "end": width}[anchor] / self._factor
        cv2.putText(
            self._picture, words, self._point(x - shift, y), _FONT, scale, color[::-1], self._factor, cv2.LINE_AA
        )

    def finish(self) -> bytes:
        """The file's content."""
        height, width = self._picture.shape[:2]
        small = cv2.resize(self._picture, (width // _FINER, height // _FINER), interpolation=cv2.INTER_AREA)
        _, content = cv2.imencode(".png", small, [cv2.IMWRITE_PNG_COMPRESSION, 9])
        return content.tobytes()

    def _point(self, x: float, y: float) -> tuple[int, int]:
        return round(x * self._factor), round(y * self._factor)
