"""Receives a network camera's stream and keeps the newest frame. Runs in the decoder process."""

import re
import time
from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.sources.base import luma
from edge.sources.content import UnreadableContentError
from edge.sources.picture import Picture, TakeMessages, check_frame_size, decode_picture, shrink

ABSENT = "absent"
"""Kind of the error if there is no camera at the address."""

CAPTURE_OPTIONS = "|".join(
    (
        "rtsp_flags;prefer_tcp",  # over UDP a lost packet spoils the picture until the next key frame
        "fflags;nobuffer",
        "overrun_nonfatal;1",
        # A playlist in the network must not make FFmpeg open files of this machine.
        "protocol_whitelist;http,https,tls,tcp,udp,rtp,srtp,crypto,httpproxy",
    )
)
"""FFmpeg's options, as OpenCV reads them from OPENCV_FFMPEG_CAPTURE_OPTIONS."""

LOG_LEVEL = "24"
"""FFmpeg's AV_LOG_WARNING: the level of the message that tells why an HTTP server refuses."""

_THREADS = 2
"""Each further thread of FFmpeg delays a stream by one frame."""


class NetworkStream:
    """An open stream.

    `skip` and `read` take the frames as they arrive; so that no frame waits, `skip` is called while nobody reads.

    Attributes:
        fps: Frame rate as the stream gives it, frames per second; 0 if it does not.
    """

    def __init__(
        self,
        location: str,
        *,
        is_pipeline: bool,
        timeout_s: float,
        color: bool,
        max_pixels: int,
        take_messages: TakeMessages,
    ) -> None:
        """Connect, and find out what the stream contains.

        Args:
            location: A URL, or a GStreamer pipeline.
            is_pipeline: Whether it is a pipeline.
            timeout_s: Longest time that connecting may take, and each frame, s.
            color: Whether to decode color; the luma is the same either way.
            max_pixels: Larger frames are shrunk to this number of pixels.
            take_messages: Returns and forgets what libraries have written to standard error.

        Raises:
            UnreadableContentError: It cannot be opened. The kind is `ABSENT` if there is no camera.
        """
        self._color = color
        self._max_pixels = max_pixels
        self._take_messages = take_messages
        self._timeout_s = timeout_s
        self._number = -1  # of the newest frame
        self._is_fresh = False  # whether nobody has read it
        self._failure: UnreadableContentError | None = None
        began_s = time.monotonic()
        self._capture = _open(location, is_pipeline=is_pipeline, timeout_s=timeout_s)
        if not self._capture.isOpened():
            is_late = time.monotonic() - began_s >= timeout_s
            raise _explain(take_messages(), late_s=timeout_s if is_late else 0.0, is_pipeline=is_pipeline)
        check_frame_size(
            int(self._capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
            int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
            max_pixels,
            what="a stream",
        )
        self.fps = max(0.0, self._capture.get(cv2.CAP_PROP_FPS))
        # Each JPEG may have another size: OpenCV's FFmpeg back end crashes on that, `decode_picture` does not.
        self._holds_jpegs = (
            not is_pipeline
            and int(self._capture.get(cv2.CAP_PROP_FOURCC)) == cv2.VideoWriter.fourcc(*"MJPG")
            and self._capture.set(cv2.CAP_PROP_FORMAT, -1)
        )

    @property
    def has_ended(self) -> bool:
        """Whether there are no more frames; `read` raises the reason."""
        return self._failure is not None

    @property
    def number(self) -> int:
        """Number of the newest frame, counted from 0, those that nobody read included."""
        return self._number

    def skip(self) -> None:
        """Wait for the next frame, and keep it in place of the one before."""
        began_s = time.monotonic()
        self._is_fresh = self._capture.grab()
        if self._is_fresh:
            self._number += 1
        else:
            is_late = time.monotonic() - began_s >= self._timeout_s
            found = f"no frame for {self._timeout_s:g} s" if is_late else "the end of the stream"
            self._failure = UnreadableContentError(found, kind="ended")

    def read(self) -> Picture:
        """Return the newest frame if nobody has read it, else wait for the next one; damaged ones are left out.

        Raises:
            UnreadableContentError: The stream has ended, or delivers nothing that can be decoded.
        """
        deadline_s = time.monotonic() + self._timeout_s
        while True:
            if self._failure is None and not self._is_fresh:
                self.skip()
            if self._failure is not None:
                raise self._failure
            self._is_fresh = False
            found, image = self._capture.retrieve()
            picture = self._decode(np.asarray(image, dtype=np.uint8)) if found else None
            if picture is not None:
                return picture
            if time.monotonic() > deadline_s:
                raise UnreadableContentError("a stream without a frame that can be decoded", kind="damaged")

    def close(self) -> None:
        """Disconnect."""
        self._capture.release()

    def _decode(self, image: NDArray[np.uint8]) -> Picture | None:
        if self._holds_jpegs:
            try:
                return decode_picture(
                    image.tobytes(), color=self._color, max_pixels=self._max_pixels, take_messages=self._take_messages
                )
            except UnreadableContentError:
                return None
        height, width = image.shape[:2]
        pixels = shrink(image, self._max_pixels)
        if pixels.ndim == 2:  # noqa: PLR2004  # gray, as a pipeline may deliver it
            pixels = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR), dtype=np.uint8)
        return Picture(luma(pixels), pixels if self._color else None, (width, height))


def has_gstreamer() -> bool:
    """Return whether this OpenCV can open GStreamer's pipelines."""
    return bool(cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER))


def _open(location: str, *, is_pipeline: bool, timeout_s: float) -> cv2.VideoCapture:
    if is_pipeline:
        return cv2.VideoCapture(location, cv2.CAP_GSTREAMER)
    timeout_ms = round(timeout_s * 1e3)
    parameters = (
        *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, timeout_ms),
        *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, timeout_ms),
        *(cv2.CAP_PROP_N_THREADS, _THREADS),
    )
    return cv2.VideoCapture(location, cv2.CAP_FFMPEG, parameters)


_CAUSES = (
    (
        r"Failed to resolve hostname ([^\s:]+)",
        ABSENT,
        "a name that cannot be resolved, {}: check the name and the network",
    ),
    (r"Connection to \S+ failed: ([^:]+)$", ABSENT, "{}: is the camera on, and the address right?"),
    (
        r"\b(401 \w+|403 \w+)",
        "refused",
        "{}: the camera refuses user and password: give those that it knows in source.credentials_file",
    ),
    (r"(?:HTTP error|failed:) (4\d\d [\w ]+)", "refused", "{}: check the path of the address"),
    (r"(?:HTTP error|failed:) (5\d\d [\w ]+)", "refused", "{}: restart the camera"),
)
"""A message of FFmpeg, the kind of the error, and how it is reported."""


def _explain(messages: Iterable[str], *, late_s: float, is_pipeline: bool) -> UnreadableContentError:
    """Return the error for a stream that cannot be opened.

    Args:
        messages: What FFmpeg has written.
        late_s: The time-out if it has passed, s; 0 if not.
        is_pipeline: Whether GStreamer failed, and not FFmpeg.
    """
    if is_pipeline:
        return UnreadableContentError(
            "a pipeline that GStreamer cannot start: try it with gst-launch-1.0", kind="pipeline"
        )
    for message in reversed(list(messages)):
        for pattern, kind, text in _CAUSES:
            match = re.search(pattern, message)
            if match is not None:
                return UnreadableContentError(text.format(match[1].strip()), kind=kind)
    if late_s:
        return UnreadableContentError(f"no stream within {late_s:g} s: does the camera send one?", kind="silent")
    return UnreadableContentError("content that FFmpeg cannot play: check the address", kind="unknown content")
