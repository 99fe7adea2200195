"""Captures from a USB camera, or any other V4L2 camera."""

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
from edge.settings.schema import SourceSettings
from edge.sources.base import LeftOutFrames, Source, luma, read_only, silence_opencv
from edge.sources.content import UnreadableContentError
from edge.sources.library_messages import LibraryMessages
from edge.sources.picture_decoder import PictureDecoder
from edge.sources.v4l2_devices import check_camera, describe_holder

log = logging.getLogger(__name__)

OpenCapture = Callable[[Path, SourceSettings], cv2.VideoCapture]

_RAW_PIXELS = 640 * 480
"""Largest image that USB 2 carries uncompressed at 30 frames per second, px; above it only JPEG is fast enough."""

_JPEG = frozenset(cv2.VideoWriter.fourcc(*name) for name in ("MJPG", "JPEG"))
"""Formats of which each image is a JPEG."""

_DECODER_TIMEOUT_S = 20.0
"""Longest time that decoding an image may take, s: for the first one a slow board loads OpenCV from an SD card."""

_RETRY_S = 0.05
"""Pause after a read without a frame, s."""

_READ_S = 1.5
"""Longest time that a read without a frame counts for, s: it ends after 1 s, unless the process itself was paused."""


class V4l2Source(Source):
    """Gives the frames of a V4L2 camera.

    Small images are requested as YUYV, whose luma is copied as it comes: nothing is decoded or converted. Large
    ones are JPEGs, which cheap cameras and cables damage: they are decoded in a process of their own, and those that
    cannot be decoded are left out.

    Args:
        device: Such as /dev/video0.
        settings: The size and rate to request (the camera picks the nearest), and the stall time-out, which is
            checked in steps of 1 s.
        color: Whether frames also carry color.
        open_capture: Opens the device; tests open a file instead.
    """

    live = is_camera = True

    def __init__(
        self, device: Path, settings: SourceSettings, *, color: bool = False, open_capture: OpenCapture | None = None
    ) -> None:
        """Open the camera and wait for its first frame.

        Raises:
            CameraError: The camera is absent, not permitted, busy, not a camera, or gives no frames.
        """
        self.name = str(device)
        self._device = device
        self._stall_timeout_s = settings.stall_timeout_s
        self._color = color
        self._closed = threading.Event()
        self._lock = threading.Lock()  # protects the capture: `close` must not free it during a read
        self._index = 0
        self._left_out = LeftOutFrames()
        self._messages = LibraryMessages(self.name)
        self._decoder = PictureDecoder(
            settings.max_megapixels, timeout_s=max(settings.stall_timeout_s, _DECODER_TIMEOUT_S)
        )
        self._capture = (open_capture or _open_capture)(device, settings)
        try:
            self._next = self._grab()
        except Exception:  # OpenCV raises exceptions of several types
            self.close()
            raise

    def read(self) -> Frame | None:
        """Wait for the next frame; None after `close`.

        Raises:
            CameraError: The camera was unplugged, or gave no frame for `stall_timeout_s`.
        """
        with self._lock:
            if self._closed.is_set():
                return None
            frame, self._next = self._next or self._grab(), None
            return frame

    def _grab(self) -> Frame | None:
        silent_s = 0.0
        while True:
            began_s = time.monotonic()
            found, image = self._capture.read()
            channels = self._decode(np.asarray(image, dtype=np.uint8)) if found else None
            if channels is not None:
                return self._to_frame(*channels)
            if not self._device.exists():
                raise CameraError(f"{self._device}: the camera is gone: was it unplugged? Check the cable")
            if silent_s >= self._stall_timeout_s:
                raise CameraError(
                    f"{self._device}: expected a frame within {self._stall_timeout_s:g} s, found none"
                    f"{describe_holder(self._device) or ': unplug the camera and plug it in again'}"
                )
            if self._closed.wait(_RETRY_S):
                return None
            silent_s += min(time.monotonic() - began_s, _READ_S)

    def _to_frame(self, gray: Gray, color: Color | None) -> Frame:
        captured_at = time.monotonic()
        index = self._index
        self._index += 1
        return Frame(gray, index, captured_at, captured_at, self.name, color)

    def _decode(self, image: NDArray[np.uint8]) -> tuple[Gray, Color | None] | None:
        """Return luma and color of an image; None if it is damaged, and after `close`.

        An unconverted image, which OpenCV gives as one row of bytes, is a JPEG, or (1, H * W * 2) YUYV. USB cameras
        deliver less of it after a lost packet.
        """
        if image.ndim < 2 or image.shape[0] > 1:  # noqa: PLR2004  # rows, columns
            return split_channels(image, color=self._color)
        if int(self._capture.get(cv2.CAP_PROP_FOURCC)) in _JPEG:
            return self._decode_jpeg(image.tobytes())
        width, height = (int(self._capture.get(side)) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        if image.size == width * height * 2:
            return split_channels(image.reshape(height, width, 2), color=self._color)
        self._left_out.add(f"{self._device}: expected a picture of {width * height * 2} bytes, found {image.size}")
        return None

    def _decode_jpeg(self, content: bytes) -> tuple[Gray, Color | None] | None:
        try:
            picture = self._decoder.decode(content, color=self._color)
        except UnreadableContentError as error:
            self._left_out.add(f"{self._device}: expected a JPEG, found {error}")
            return None
        if picture is None:
            return None
        self._messages.add(picture.messages)
        return read_only(picture.gray), None if picture.color is None else read_only(picture.color)

    def close(self) -> None:
        """Release the camera; a waiting `read` returns None."""
        self._closed.set()
        self._decoder.close()  # ends a waiting request, so that the lock becomes free
        with self._lock:
            self._capture.release()
            self._messages.report()


def split_channels(image: NDArray[np.uint8], *, color: bool) -> tuple[Gray, Color | None]:
    """Return an image's luma, (H, W) uint8, and, if `color`, its (H, W, 3) uint8 BGR pixels; both read-only.

    Args:
        image: (H, W, 2) YUYV, (H, W, 3) BGR or (H, W) gray, all uint8; may share the capture's own buffer.
        color: Whether to return color.
    """
    if image.ndim == 2:  # noqa: PLR2004  # two axes: gray, no channels
        gray = image.copy()
        bgr = cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR) if color else None
    elif image.shape[2] == 2:  # noqa: PLR2004  # two channels, YUYV: every other byte is luma
        gray = np.asarray(cv2.extractChannel(image, 0), dtype=np.uint8)
        bgr = cv2.cvtColor(image, cv2.COLOR_YUV2BGR_YUY2) if color else None
    else:
        gray = luma(image)
        bgr = image if color else None
    return read_only(gray), None if bgr is None else read_only(np.asarray(bgr, dtype=np.uint8))


def _open_capture(device: Path, settings: SourceSettings) -> cv2.VideoCapture:
    camera = check_camera(device)
    silence_opencv()
    # OpenCV waits 10 s for a silent camera by default; with 1 s our own time-out and `close` take effect in time.
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
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # a queue would add latency
    if int(capture.get(cv2.CAP_PROP_FOURCC)) in _JPEG | {cv2.VideoWriter.fourcc(*"YUYV")}:
        capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)
    width, height = capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
    log.info("%s: %s, %dx%d, %g frames per second", device, camera.card, width, height, capture.get(cv2.CAP_PROP_FPS))
    return capture
