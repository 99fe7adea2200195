"""A display that the kernel drives: a Linux framebuffer."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import SinkError
from edge.records import Color
from edge.sink_settings import DisplaySettings
from edge.sinks.display.panel import darken

_FORMATS = {16: cv2.COLOR_BGR2BGR565, 32: cv2.COLOR_BGR2BGRA}
"""By bits for a pixel; 24 is BGR as it is. Source: the kernel's documentation of fb_var_screeninfo, on a Pi."""

_TURNS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


class Framebuffer:
    """All of a framebuffer. luma has one as well, which turns every pixel in Python: a second for a large screen.

    width, height: px, as it is looked at.
    """

    colored = True

    def __init__(self, settings: DisplaySettings, *, root: Path = Path("/")) -> None:
        """Open it and clear it. root: where /dev and /sys are.

        Raises:
            SinkError: it cannot be opened, or has a format that is not known.
        """
        self._path = settings.framebuffer
        self._turn = _TURNS.get(settings.rotate)
        self._bgr, self._dimmed = settings.bgr, False
        facts = root / "sys/class/graphics" / Path(self._path).name
        try:
            width, height = map(int, (facts / "virtual_size").read_text().split(","))
            self._bits = int((facts / "bits_per_pixel").read_text())
            self._stride = int((facts / "stride").read_text())
            self._file = (root / self._path.lstrip("/")).open("r+b", buffering=0)
        except (OSError, ValueError) as error:
            raise SinkError(f"{self._path}: expected a framebuffer, found: {error}: is its driver loaded?") from error
        self._size = (settings.width or width, settings.height or height)
        self.width, self.height = self._size if settings.rotate % 180 == 0 else self._size[::-1]
        if self._bits not in (*_FORMATS, 24) or self._size[0] * self._bits // 8 > self._stride:
            self._file.close()
            raise SinkError(
                f"{self._path}: expected 16, 24 or 32 bits and {self._size[0]} px a line, found {self._bits} bits and "
                f"{self._stride} bytes: set display.width, or another mode of the driver"
            )
        self.show(np.zeros((self.height, self.width, 3), np.uint8))

    def show(self, picture: Color) -> None:
        """Show (height, width, 3) uint8 BGR.

        Raises:
            SinkError: it cannot be written.
        """
        if self._dimmed:
            picture = darken(picture)
        if self._turn is not None:
            picture = np.asarray(cv2.rotate(picture, self._turn), np.uint8)
        if self._bgr:
            picture = picture[..., ::-1]
        try:
            self._file.seek(0)
            self._file.write(self._packed(np.ascontiguousarray(picture)).tobytes())
        except OSError as error:
            raise SinkError(
                f"{self._path}: expected a framebuffer, found: {error.strerror}: is it still there?"
            ) from error

    def _packed(self, picture: Color) -> NDArray[np.uint8]:
        """Return the picture as the framebuffer has it, each line filled up to its length there."""
        pixels = cv2.cvtColor(picture, _FORMATS[self._bits]) if self._bits in _FORMATS else picture
        lines = np.ascontiguousarray(pixels, np.uint8).reshape(picture.shape[0], -1)
        return np.pad(lines, ((0, 0), (0, self._stride - lines.shape[1])))

    def dim(self, *, dimmed: bool) -> None:
        """Darker, or as bright as usual; holds from the next picture on."""
        self._dimmed = dimmed

    def close(self) -> None:
        """Clear it, and close it."""
        try:
            self.show(np.zeros((self.height, self.width, 3), np.uint8))
        finally:
            self._file.close()
