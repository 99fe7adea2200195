"""Frames of a USB camera, or any other camera that V4L2 knows."""

import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import CameraError
from edge.records import Color, Frame, Gray
from edge.settings import SourceSettings
from edge.sources.opencv import luma, quiet_opencv, read_only
from edge.sources.v4l2_devices import check_camera, describe_holder

log = logging.getLogger(__name__)

OpenCapture = Callable[[Path, SourceSettings], cv2.VideoCapture]

_RAW_PIXELS = 640 * 480
"""Up to this size a USB 2 camera can send 30 uncompressed pictures a second; above, only JPEG is fast enough."""

_RETRY_S = 0.05


class V4l2Source:
    """Gives what a V4L2 camera captures.

    device: such as /dev/video0.
    settings: size and rate asked for (the camera takes its nearest), and how long it may be silent, in steps of 1 s.
    color: frames carry colour, too.
    open_capture: how the device is opened; a test gives a file here.

    Small pictures are asked for as YUYV, whose luma is taken as it comes: neither decoded nor converted.
    """

    def __init__(
        self, device: Path, settings: SourceSettings, *, color: bool = False, open_capture: OpenCapture | None = None
    ) -> None:
        """Open the camera and wait for its first frame.

        Raises:
            CameraError: it is absent, not permitted, busy, no camera, or gives no frames.
        """
        self.name = str(device)
        self.live = True
        self.stills = False
        self.skipped = 0
        self._device = device
        self._stall_timeout_s = settings.stall_timeout_s
        self._color = color
        self._closed = threading.Event()
        self._lock = threading.Lock()  # the capture: `close` must not free it while `read` is inside
        self._index = 0
        self._capture = (open_capture or _open_capture)(device, settings)
        try:
            self._next = self._grab()
        except CameraError:
            self._capture.release()
            raise

    def read(self) -> Frame | None:
        """Wait for the next frame; None after `close`.

        Raises:
            CameraError: the camera was unplugged, or has been silent for `stall_timeout_s`.
        """
        with self._lock:
            if self._closed.is_set():
                return None
            frame, self._next = self._next or self._grab(), None
            return frame

    def _grab(self) -> Frame | None:
        deadline = time.monotonic() + self._stall_timeout_s
        while True:
            found, picture = self._capture.read()
            if found:
                return self._to_frame(np.asarray(picture, dtype=np.uint8))
            if not self._device.exists():
                raise CameraError(f"{self._device}: the camera is gone: was it unplugged? Check the cable")
            if time.monotonic() >= deadline:
                raise CameraError(
                    f"{self._device}: expected a frame within {self._stall_timeout_s:g} s, found none"
                    f"{describe_holder(self._device) or ': unplug the camera and plug it in again'}"
                )
            if self._closed.wait(_RETRY_S):
                return None

    def _to_frame(self, picture: NDArray[np.uint8]) -> Frame:
        captured_at = time.monotonic()
        gray, color = split_picture(self._in_rows(picture), color=self._color)
        index = self._index
        self._index += 1
        return Frame(gray, index, captured_at, captured_at, self.name, color)

    def _in_rows(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """OpenCV gives what it does not convert as one row of bytes, (1, H * W * 2) for YUYV; return (H, W, 2)."""
        if picture.shape[0] > 1:
            return picture
        width, height = (int(self._capture.get(side)) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        return picture.reshape(height, width, -1)

    def close(self) -> None:
        """Give the camera back; a `read` that waits returns None. May be called twice, and from another thread."""
        self._closed.set()
        with self._lock:
            self._capture.release()


def split_picture(picture: NDArray[np.uint8], *, color: bool) -> tuple[Gray, Color | None]:
    """Return luma (H, W) uint8 and, where wanted, (H, W, 3) uint8 BGR; both read-only.

    Args:
        picture: (H, W, 2) YUYV, (H, W, 3) BGR or (H, W) grey, all uint8; the capture's own buffer may lie below it.
        color: whether colour is wanted.
    """
    if picture.ndim == 2:  # noqa: PLR2004  # no channels: grey
        gray = picture.copy()
        bgr = cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR) if color else None
    elif picture.shape[2] == 2:  # noqa: PLR2004  # Y U, Y V, ...: every other byte is luma
        gray = np.asarray(cv2.extractChannel(picture, 0), dtype=np.uint8)
        bgr = cv2.cvtColor(picture, cv2.COLOR_YUV2BGR_YUY2) if color else None
    else:
        gray = luma(picture)
        bgr = picture if color else None
    return read_only(gray), None if bgr is None else read_only(np.asarray(bgr, dtype=np.uint8))


def _open_capture(device: Path, settings: SourceSettings) -> cv2.VideoCapture:
    camera = check_camera(device)
    quiet_opencv()
    # OpenCV would wait 10 s in one go for a silent camera; in steps of 1 s our own limit and `close` are heeded.
    os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "1")
    capture = cv2.VideoCapture(str(device), cv2.CAP_V4L2)
    if not capture.isOpened():
        reason = (
            describe_holder(device)
            or ": is another program using it? Stop it, or unplug the camera and plug it in again"
        )
        raise CameraError(f"{device}: {camera.card} cannot be opened{reason}")
    raw_is_fast = settings.width * settings.height <= _RAW_PIXELS
    wanted = cv2.VideoWriter.fourcc(*("YUYV" if raw_is_fast else "MJPG"))
    capture.set(cv2.CAP_PROP_FOURCC, wanted)
    capture.set(cv2.CAP_PROP_FRAME_WIDTH, settings.width)
    capture.set(cv2.CAP_PROP_FRAME_HEIGHT, settings.height)
    capture.set(cv2.CAP_PROP_FPS, settings.fps)
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # the newest frame, not one that has waited
    if int(capture.get(cv2.CAP_PROP_FOURCC)) == cv2.VideoWriter.fourcc(*"YUYV"):
        capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)
    width, height = capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
    log.info("%s: %s, %dx%d, %g frames a second", device, camera.card, width, height, capture.get(cv2.CAP_PROP_FPS))
    return capture
