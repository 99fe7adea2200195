"""Receives a network camera's stream and keeps the newest frame. Runs in the decoder process."""

import os
import re
import stat
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any

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
        # A playlist in the network must not make FFmpeg open files of this machine; see `_check_files`.
        "protocol_whitelist;http,https,tls,tcp,udp,rtp,srtp,crypto,httpproxy",
    )
)
"""FFmpeg's options, as OpenCV reads them from OPENCV_FFMPEG_CAPTURE_OPTIONS; OpenCV 4.11 ignores all but prefer_tcp."""

LOG_LEVELS = {"OPENCV_FFMPEG_LOGLEVEL": "24", "OPENCV_LOG_LEVEL": "WARNING"}
"""Variables that make FFmpeg (AV_LOG_WARNING) and GStreamer's back end tell why a stream cannot be opened."""

_UDP_OPTION = "overrun_nonfatal=1"
"""Parameter of a UDP address without which FFmpeg ends the stream when packets are lost in this machine."""

_THREADS = 2
"""Each further thread of FFmpeg delays a stream by one frame."""

_DAMAGE = re.compile(
    r"error while decoding|concealing|damaged at|Error at MB|corrupt|Invalid mb type|slice mismatch|MVs not available"
    r"|[Mm]issing reference|reference picture missing|Could not find ref|missed \d+ packets|invalid cbp",
)
"""In FFmpeg's messages for a frame with wrong pixels.

It names no frame. Source: streams of H.264, H.265, MPEG-4 and MPEG-2 with lost and changed bytes; see `_DOUBTFUL`.
"""

_DOUBTFUL = _THREADS + 1
"""Number of frames that such a message may be about: the one that was grabbed, or one of those decoded next."""

_KEY_FRAME = ord("I")

_LONGEST_DAMAGE_S = 2.0
"""Time after which frames are given again although there was no key frame, s; some cameras send them rarely."""

_PREFIX = re.compile(r"^\[OPENCV:FFMPEG:\d+\]\s*")
"""Prefix that OpenCV adds to each message of FFmpeg."""


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
        self._doubtful = 0  # number of frames that the newest message about damage may still be about
        self._damaged_at_s: float | None = None  # time of that message, until frames are whole again
        self._left_out, self._damage = 0, ""  # since the last frame that was read
        self._failure: UnreadableContentError | None = None
        self._files = None if is_pipeline else _open_files()
        began_s = time.monotonic()
        self._capture = _open(location, is_pipeline=is_pipeline, timeout_s=timeout_s)
        if not self._capture.isOpened():
            is_late = time.monotonic() - began_s >= timeout_s
            raise _explain(take_messages(), late_s=timeout_s if is_late else 0.0, is_pipeline=is_pipeline)
        self._check_files()
        self._rows = int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        check_frame_size(int(self._capture.get(cv2.CAP_PROP_FRAME_WIDTH)), self._rows, max_pixels, what="a stream")
        self.fps = max(0.0, self._capture.get(cv2.CAP_PROP_FPS))
        # Each JPEG may have another size: OpenCV's FFmpeg back end crashes on that, `decode_picture` does not.
        self._holds_jpegs = (
            not is_pipeline
            and int(self._capture.get(cv2.CAP_PROP_FOURCC)) == cv2.VideoWriter.fourcc(*"MJPG")
            and self._capture.set(cv2.CAP_PROP_FORMAT, -1)
        )
        take_messages()  # about the first look at the stream

    @property
    def has_ended(self) -> bool:
        """Whether there are no more frames; `read` raises the reason."""
        return self._failure is not None

    def skip(self) -> None:
        """Wait for the next frame, and keep it in place of the one before."""
        began_s = time.monotonic()
        if self._capture.grab():
            self._number += 1
            self._is_fresh = self._holds_jpegs or not self._is_damaged()
        else:
            self._is_fresh = False
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
            picture = self._retrieve() if self._is_fresh else None
            self._is_fresh = False
            if picture is not None:
                left_out, self._left_out = self._left_out, 0
                return replace(picture, number=self._number, left_out=left_out, damage=self._damage)
            if time.monotonic() > deadline_s:
                raise UnreadableContentError("a stream without a frame that can be decoded", kind="damaged")

    def close(self) -> None:
        """Disconnect."""
        self._capture.release()

    def _check_files(self) -> None:
        """Check that FFmpeg has opened no file of this machine, as a playlist could demand.

        Raises:
            UnreadableContentError: It has.
        """
        if self._files is not None and _open_files() - self._files:
            self._capture.release()
            raise UnreadableContentError("a playlist that names a file of this machine", kind="refused")

    def _is_damaged(self) -> bool:
        """Return whether the grabbed frame may be damaged, or built on one that is; count it if so."""
        messages = [message for message in self._take_messages() if _DAMAGE.search(message)]
        now_s = time.monotonic()
        if messages:
            self._doubtful, self._damaged_at_s = _DOUBTFUL, now_s
            self._damage = f"one that is damaged ({_PREFIX.sub('', messages[-1])})"
        if self._damaged_at_s is None:
            return False
        if self._doubtful:
            self._doubtful -= 1
        elif self._is_key_frame() or now_s - self._damaged_at_s > _LONGEST_DAMAGE_S:
            self._damaged_at_s = None
            return False
        self._left_out += 1
        return True

    def _is_key_frame(self) -> bool:
        """Return whether the grabbed frame needs no other one; True if this OpenCV does not know."""
        name = getattr(cv2, "CAP_PROP_FRAME_TYPE", None)
        return name is None or int(self._capture.get(name)) in {0, _KEY_FRAME}

    def _retrieve(self) -> Picture | None:
        """Return the grabbed frame; None if it cannot be decoded."""
        self._check_files()
        found, image = self._capture.retrieve()
        return self._decode(np.asarray(image)) if found else None

    def _decode(self, image: NDArray[Any]) -> Picture | None:
        if self._holds_jpegs or image.shape[0] == 1:  # a pipeline may deliver JPEGs, too
            try:
                return decode_picture(
                    image.tobytes(), color=self._color, max_pixels=self._max_pixels, take_messages=self._take_messages
                )
            except UnreadableContentError as error:
                self._left_out += 1
                self._damage = str(error)
                return None
        height, width = image.shape[:2]
        pixels = shrink(_to_bgr(image, rows=self._rows), self._max_pixels)
        return Picture(luma(pixels), pixels if self._color else None, (width, height))


def _to_bgr(image: NDArray[Any], *, rows: int) -> NDArray[np.uint8]:
    """Return an image as (H, W, 3) uint8 BGR.

    Args:
        image: As OpenCV delivers it; BGR from FFmpeg, and whatever a pipeline ends in.
        rows: Height of the picture, px; planes of color below the luma make an array higher.

    Raises:
        UnreadableContentError: It is neither BGR nor gray.
    """
    if image.dtype == np.uint8 and image.ndim == 2 and image.shape[0] == rows:  # noqa: PLR2004  # rows, columns
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), dtype=np.uint8)
    channels = image.shape[2] if image.ndim == 3 else 0  # noqa: PLR2004  # rows, columns, channels
    if image.dtype == np.uint8 and channels == 4:  # noqa: PLR2004  # with alpha or padding
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGRA2BGR), dtype=np.uint8)
    if image.dtype != np.uint8 or channels != 3:  # noqa: PLR2004  # BGR
        raise UnreadableContentError(
            "pictures in neither BGR nor GRAY8: put videoconvert ! video/x-raw,format=BGR before appsink",
            kind="pipeline",
        )
    return image


def _open_files() -> set[int]:
    """Return the descriptors of this process that are regular files."""
    files = set()
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208  # pathlib is too slow for each frame
        with suppress(OSError):  # the one of this listing
            if stat.S_ISREG(os.fstat(int(name)).st_mode):
                files.add(int(name))
    return files


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
    if location.lower().startswith("udp:") and _UDP_OPTION not in location:
        location += ("&" if "?" in location else "?") + _UDP_OPTION
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

_PIPELINE_CAUSE = re.compile(r"(?:\breported|Error opening bin): (.+?)\.?$|cannot find appsink")
"""A message of OpenCV about GStreamer with a cause in it; an unknown element makes it miss the appsink."""


def _explain(messages: Iterable[str], *, late_s: float, is_pipeline: bool) -> UnreadableContentError:
    """Return the error for a stream that cannot be opened.

    Args:
        messages: What OpenCV and FFmpeg have written.
        late_s: The time-out if it has passed, s; 0 if not.
        is_pipeline: Whether GStreamer failed, and not FFmpeg.
    """
    if is_pipeline:
        matches = [match for message in messages if (match := _PIPELINE_CAUSE.search(message))]
        cause = f" ({matches[0][1] or 'an unknown element, or no appsink'})" if matches else ""
        return UnreadableContentError(
            f"a pipeline that GStreamer cannot start{cause}: try it with gst-launch-1.0", kind="pipeline"
        )
    for message in reversed(list(messages)):
        for pattern, kind, text in _CAUSES:
            match = re.search(pattern, message)
            if match is not None:
                return UnreadableContentError(text.format(match[1].strip()), kind=kind)
    if late_s:
        return UnreadableContentError(f"no stream within {late_s:g} s: does the camera send one?", kind="silent")
    return UnreadableContentError("content that FFmpeg cannot play: check the address", kind="unknown content")
