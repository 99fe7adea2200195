"""The contract of all sources, and what they share: luma from BGR, read-only arrays, silence on the terminal."""

import functools
import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.device.run_clock import RunClock
from edge.errors import CameraError
from edge.records import Color, Frame, Gray

log = logging.getLogger(__name__)

MIN_SIDE_PX = 16
"""Smallest side of a picture from a camera, px; the smallest face that can be classified is larger."""


class Source(ABC):
    """Base class of all sources: gives frames one at a time, to one thread.

    A subclass sets `name`, implements `read` and `close`, and overrides the other attributes where its frames differ
    from those of a video file.

    Attributes:
        name: Shown in logs and messages.
        live: Whether frames arrive at their own time, as a camera's do, so that only the newest matters.
        is_camera: Whether it is a camera, which may be mounted in any orientation.
        is_still_images: Whether frames are independent images, so that no state carries over from one to the next.
        left_out: Number of inputs that could not be read, by kind; a warning named each.
    """

    name: str
    live: bool = False
    is_camera: bool = False
    is_still_images: bool = False
    left_out: Mapping[str, int] = MappingProxyType({})

    @property
    def skipped(self) -> int:
        """Number of inputs that could not be read."""
        return sum(self.left_out.values())

    @abstractmethod
    def read(self) -> Frame | None:
        """Wait for the next frame and return it; None at the end and after `close`.

        Raises:
            SourceError: The source has failed and gives no more frames.
        """

    @abstractmethod
    def close(self) -> None:
        """Release the device or file; a waiting `read` returns None.

        May be called more than once, and from another thread than `read`.
        """


def camera_error(name: str, error: Exception) -> CameraError:
    """Return what a driver has raised as an error for the user; a CameraError stays as it is.

    Args:
        name: The camera's name.
        error: May be of any type: drivers and the libraries between raise what they like.
    """
    if isinstance(error, CameraError):
        return error
    reason = " ".join(str(error).split())
    found = f"{type(error).__name__}: {reason}" if reason else type(error).__name__
    translated = CameraError(f"{name}: the camera has failed ({found}): unplug the camera and plug it in again")
    translated.__cause__ = error
    return translated


class LeftOutFrames:
    """Counts the frames of a camera that cannot be used, and logs that ever more rarely."""

    def __init__(self) -> None:
        self._count = 0

    def add(self, reason: str, count: int = 1) -> None:
        """Count frames.

        Args:
            reason: Which camera, what was expected, and what the last of them was.
            count: Number of frames; may be 0.
        """
        before, self._count = self._count, self._count + count
        if before.bit_length() < self._count.bit_length():  # the 1st, 2nd, 4th, 8th
            log.warning("%s: left out (%d so far)", reason, self._count)


class PictureCheck:
    """Sorts out a live source's frames that are no pictures: empty, tiny, or of another type.

    Args:
        name: The source's name, for messages.
        patience_s: Time after which a source that gives nothing else has failed, s.
        clock: Measures that time.
    """

    def __init__(self, name: str, *, patience_s: float, clock: RunClock) -> None:
        self._left_out = LeftOutFrames()
        self._name = name
        self._patience_s = patience_s
        self._clock = clock
        self._since_s: float | None = None  # of the unusable frames without a usable one between

    def is_usable(self, frame: Frame) -> bool:
        """Return whether the frame is a picture; those that are not are logged, ever more rarely.

        Raises:
            CameraError: There was no other frame for `patience_s`.
        """
        gray = frame.gray
        if gray.ndim == 2 and min(gray.shape) >= MIN_SIDE_PX and gray.dtype == np.uint8:  # noqa: PLR2004  # rows, columns
            self._since_s = None
            return True
        size, least = "x".join(str(side) for side in reversed(gray.shape)), f"{MIN_SIDE_PX}x{MIN_SIDE_PX}"
        found = f"{frame.source or self._name}: expected pictures of at least {least} px, found {size}"
        now_s = self._clock.now_s()
        self._left_out.add(found)
        if self._since_s is None:
            self._since_s = now_s
        elif now_s - self._since_s > self._patience_s:
            self._since_s = None
            raise CameraError(f"{found} for {self._patience_s:g} s: unplug the camera and plug it in again")
        return False


@functools.cache
def silence_opencv() -> None:
    """Keep OpenCV's and FFmpeg's own messages off the terminal; call this before opening anything.

    Their messages name neither the file nor a remedy, and would break the live table; our errors and warnings report
    the failures instead. To debug OpenCV itself, set OPENCV_LOG_LEVEL or OPENCV_FFMPEG_LOGLEVEL: both are respected.
    """
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # FFmpeg's AV_LOG_QUIET
    if "OPENCV_LOG_LEVEL" not in os.environ:
        # OpenCV up to 4.11 has the function at the top, newer versions have it in `utils.logging`.
        home = cv2 if hasattr(cv2, "setLogLevel") else getattr(cv2.utils, "logging", None)
        if home is not None:
            home.setLogLevel(0)  # LOG_LEVEL_SILENT


def read_only(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Mark the array read-only and return it: several threads share a frame, so none may write to it."""
    pixels.flags.writeable = False
    return pixels


def luma(color: Color) -> Gray:
    """Convert (H, W, 3) uint8 BGR to (H, W) uint8 luma (BT.601 weights)."""
    return np.asarray(cv2.cvtColor(color, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
