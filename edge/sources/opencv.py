"""What the sources share of OpenCV: its own messages kept off the terminal, and luma from what it decodes."""

import functools
import os

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.records import Color, Gray


@functools.cache
def quiet_opencv() -> None:
    """Keep OpenCV's and FFmpeg's own lines off the terminal; called before anything is opened.

    They name neither the file nor a remedy, and would break the live table. What goes wrong is said by our errors and
    warnings instead. Whoever looks for a fault in OpenCV itself sets OPENCV_LOG_LEVEL or OPENCV_FFMPEG_LOGLEVEL, and
    is obeyed.
    """
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # FFmpeg's AV_LOG_QUIET
    if "OPENCV_LOG_LEVEL" not in os.environ:
        # OpenCV up to 4.11 has the function at the top, newer ones have it in `utils.logging`.
        home = cv2 if hasattr(cv2, "setLogLevel") else getattr(cv2.utils, "logging", None)
        if home is not None:
            home.setLogLevel(0)  # LOG_LEVEL_SILENT


def read_only(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the same array, locked: several threads look at a frame, so none may paint on it."""
    pixels.flags.writeable = False
    return pixels


def luma(color: Color) -> Gray:
    """(H, W, 3) uint8 BGR to (H, W) uint8 (BT.601 weights)."""
    return np.asarray(cv2.cvtColor(color, cv2.COLOR_BGR2GRAY), dtype=np.uint8)


def printable(name: str) -> str:
    """Return a file's name as text that any log can hold; bytes in it that are no UTF-8 become `?`."""
    return name.encode("utf-8", "replace").decode("utf-8")
