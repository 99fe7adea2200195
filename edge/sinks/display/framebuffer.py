"""Drives a display through a Linux framebuffer."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import SinkError
from edge.records import Color
from edge.settings.sinks import DisplaySettings
from edge.sinks.display.panel import darken

_CONVERSIONS = {16: cv2.COLOR_BGR2BGR565, 32: cv2.COLOR_BGR2BGRA}
"""Conversion from BGR by bits per pixel; 24 bits are BGR.

Source: the kernel's documentation of fb_var_screeninfo, for a Pi.
"""

_ROTATIONS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


class Framebuffer:
    """A framebuffer, of which the whole visible area is used.

    luma's own framebuffer driver converts every pixel in Python, which takes a second on a large screen.

    Attributes:
        width: width in the orientation in which it is viewed, px.
        height: height in that orientation, px.
        colored: True.
    """

    colored = True

    def __init__(self, settings: DisplaySettings, *, root: Path = Path("/")) -> None:
        """Open the framebuffer and clear it.

        Args:
            settings: the `[display]` section.
            root: folder that contains /dev and /sys.

        Raises:
            SinkError: it cannot be opened, or its pixel format is not supported.
        """
        self._path = settings.framebuffer
        self._rotation = _ROTATIONS.get(settings.rotate)
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
        if self._bits not in (*_CONVERSIONS, 24) or self._size[0] * self._bits // 8 > self._stride:
            self._file.close()
            raise SinkError(
                f"{self._path}: expected 16, 24 or 32 bits and {self._size[0]} px a line, found {self._bits} bits and "
                f"{self._stride} bytes: set display.width, or another mode of the driver"
            )
        self._clear()

    def show(self, picture: Color) -> None:
        """Show a picture, (height, width, 3) uint8 BGR.

        Raises:
            SinkError: the framebuffer cannot be written.
        """
        if self._dimmed:
            picture = darken(picture)
        if self._rotation is not None:
            picture = np.asarray(cv2.rotate(picture, self._rotation), np.uint8)
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
        """Return the picture in the pixel format of the framebuffer, (H, stride), each line padded to the stride."""
        pixels = cv2.cvtColor(picture, _CONVERSIONS[self._bits]) if self._bits in _CONVERSIONS else picture
        lines = np.ascontiguousarray(pixels, np.uint8).reshape(picture.shape[0], -1)
        return np.pad(lines, ((0, 0), (0, self._stride - lines.shape[1])))

    def dim(self, *, dimmed: bool) -> None:
        """Dim the display, or restore its normal brightness, from the next picture on."""
        self._dimmed = dimmed

    def close(self) -> None:
        """Clear the framebuffer and close it.

        Raises:
            SinkError: the framebuffer cannot be written.
        """
        try:
            self._clear()
        finally:
            self._file.close()

    def _clear(self) -> None:
        self.show(np.zeros((self.height, self.width, 3), np.uint8))
