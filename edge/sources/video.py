"""Frames of a video file."""

import logging
import threading
import time
from pathlib import Path

import cv2
import numpy as np

from edge.errors import MediaError
from edge.records import Color, Frame
from edge.sources.opencv import luma, printable, quiet_opencv, read_only

log = logging.getLogger(__name__)

FALLBACK_FPS = 25.0
"""Taken where a file's own rate makes no sense, frames a second."""

_MAX_FPS = 1000.0

_COUNT_SLACK = 0.02
"""Some containers only estimate how many frames they hold; a file that lacks no more than this share is whole."""


class VideoSource:
    """Gives every frame of a video file, in order, as fast as it is read.

    path: the file.
    color: frames carry colour, too.
    paced: frames come no faster than the video plays, for somebody who watches. Still none is left out.
    """

    def __init__(self, path: Path, *, color: bool = False, paced: bool = False) -> None:
        """Open the file and decode its first frame.

        Raises:
            MediaError: it is missing, a folder, not permitted, no video, or without a single frame.
        """
        self.name = printable(path.name)
        self.live = False
        self.stills = False
        self.skipped = 0
        self._path = path
        self._color = color
        self._paced = paced
        self._closed = threading.Event()
        self._lock = threading.Lock()  # the decoder: `close` must not free it while `read` is inside
        self._index = 0
        self._started_at: float | None = None
        self._capture = _open(path)
        found, first = self._capture.read()
        if not found:
            self._capture.release()
            raise MediaError(f"{path}: expected a video, found no frame that can be decoded: is the file complete?")
        self._next: Color | None = np.asarray(first, dtype=np.uint8)
        self._expected = max(0, int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)))
        self.fps = self._read_fps()

    def _read_fps(self) -> float:
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        if 0 < fps <= _MAX_FPS:
            return float(fps)
        log.warning(
            "%s: expected a frame rate of up to %g, found %g: taking %g", self._path, _MAX_FPS, fps, FALLBACK_FPS
        )
        return FALLBACK_FPS

    def read(self) -> Frame | None:
        """Decode the next frame; None after the last one and after `close`.

        A file that ends early gives what it holds; a warning then says how much that was.
        """
        color = self._decode()
        if color is None:
            return None
        index, position_s = self._index, self._index / self.fps
        self._index += 1
        if self._paced and not self._wait_until(position_s):
            return None
        gray = read_only(luma(color))
        kept = read_only(color) if self._color else None
        return Frame(gray, index, time.monotonic(), position_s, self.name, kept)

    def _decode(self) -> Color | None:
        """Return the next picture, (H, W, 3) uint8 BGR."""
        with self._lock:
            if self._closed.is_set():
                return None
            color, self._next = self._next, None
            if color is not None:
                return color
            found, picture = self._capture.read()
        if found:
            return np.asarray(picture, dtype=np.uint8)
        self._check_complete()
        return None

    def _check_complete(self) -> None:
        missing = self._expected - self._index
        if self.skipped == 0 and missing > max(1, _COUNT_SLACK * self._expected):
            self.skipped = 1
            log.warning(
                "%s: only %d of %d frames can be read: is the file complete?", self._path, self._index, self._expected
            )

    def _wait_until(self, position_s: float) -> bool:
        """Wait until the video's time has come; False when it was closed meanwhile."""
        now = time.monotonic()
        if self._started_at is None:
            self._started_at = now
        return not self._closed.wait(max(0.0, self._started_at + position_s - now))

    def close(self) -> None:
        """Close the file; a `read` that waits returns None. May be called twice, and from another thread."""
        self._closed.set()
        with self._lock:
            self._capture.release()


def _open(path: Path) -> cv2.VideoCapture:
    if not path.exists():
        raise MediaError(f"{path}: expected a video, found no such file: check the path")
    if not path.is_file():
        raise MediaError(f"{path}: expected a video, found something that is no file: give the file's path")
    try:
        with path.open("rb") as file:
            has_content = bool(file.read(1))
    except OSError as error:
        raise MediaError(f"{path}: expected a readable video, found: {error.strerror}") from error
    if not has_content:
        raise MediaError(f"{path}: expected a video, found an empty file: copy it again")
    quiet_opencv()
    # Named, so that a file is decoded alike everywhere: OpenCV would take whichever back-end a machine has first.
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    if not capture.isOpened():
        raise MediaError(
            f"{path}: expected a video, found content that FFmpeg cannot open: convert it, or copy it again"
        )
    return capture
