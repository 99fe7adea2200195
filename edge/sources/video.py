"""Reads video files."""

import logging
import threading
import time
from collections import deque
from contextlib import ExitStack
from pathlib import Path

from edge.errors import MediaError, printable
from edge.records import Frame, TimeLine
from edge.sources.base import Source, read_only
from edge.sources.content import UnreadableContentError
from edge.sources.decoder import Opened
from edge.sources.decoder_process import DecoderCrashError, DecoderProcess
from edge.sources.library_messages import LibraryMessages
from edge.sources.picture import MAX_MEGAPIXELS, Picture

log = logging.getLogger(__name__)

FALLBACK_FPS = 25.0
"""Frame rate assumed where a file's own makes no sense, frames per second."""

_MAX_FPS = 1000.0

_COUNT_SLACK = 0.02
"""Share of frames that a complete file may lack: some containers only estimate how many they hold."""


class VideoSource(Source):
    """Gives every frame of a video file, upright and in order, as fast as it is read.

    A video of a single frame is a still image.

    Args:
        path: The file.
        color: Whether frames also carry color.
        paced: Whether frames come no faster than the video plays, for a viewer; no frame is skipped either way.
        max_megapixels: Larger frames are shrunk to this size.

    Attributes:
        fps: Mean frame rate of the video, frames per second.
    """

    def __init__(
        self, path: Path, *, color: bool = False, paced: bool = False, max_megapixels: float = MAX_MEGAPIXELS
    ) -> None:
        """Open the file and decode its first frames.

        Raises:
            MediaError: The file is missing, a folder, not readable, not a video, or has no frame.
        """
        self.name = printable(path.name)
        self._path = path
        self._paced = paced
        self._closed = threading.Event()
        self._index = 0
        self._started_at: float | None = None
        self._messages = LibraryMessages(self.name)
        self._ahead: deque[Picture] = deque()
        self._decoder, opened = _open(path, color=color, max_megapixels=max_megapixels)
        with ExitStack() as undo:
            undo.callback(self._decoder.close)
            self._decode_ahead(2)
            undo.pop_all()
        self.is_still_images = len(self._ahead) == 1
        self._report_size(self._ahead[0], max_megapixels)
        self._expected = opened.frame_count
        self._has_times = 0 < opened.fps <= _MAX_FPS
        self._media_time_s = 0.0  # of the newest frame
        self.fps = self._check_fps(opened.fps)

    def _decode_ahead(self, count: int) -> None:
        """Decode up to `count` frames before they are read.

        Raises:
            MediaError: There is none.
        """
        while len(self._ahead) < count and (picture := self._decode()) is not None:
            self._ahead.append(picture)
        if not self._ahead:
            raise MediaError(
                f"{self._path}: expected a video, found no frame that can be decoded: is the file complete?"
            )

    def _report_size(self, picture: Picture, max_megapixels: float) -> None:
        height, width = picture.gray.shape
        if (width, height) != picture.full_size:
            log.info(
                "%s: shrunk from %dx%d to %dx%d px, since source.max_megapixels is %g",
                self._path,
                *picture.full_size,
                width,
                height,
                max_megapixels,
            )

    def _check_fps(self, fps: float) -> float:
        if self._has_times:
            return fps
        log.warning(
            "%s: expected a frame rate of up to %g, found %g: taking %g", self._path, _MAX_FPS, fps, FALLBACK_FPS
        )
        return FALLBACK_FPS

    def read(self) -> Frame | None:
        """Decode the next frame; None after the last one and after `close`.

        A truncated file gives the frames that it holds, and a warning says how many are missing.

        Raises:
            MediaError: The decoder has crashed, or the size of the frames changes in a way that it cannot follow.
        """
        if self._closed.is_set():
            return None
        picture = self._ahead.popleft() if self._ahead else self._decode()
        if picture is None:
            self._messages.report()
            self._check_complete()
            self._decoder.close()
            return None
        index, media_time_s = self._index, self._advance(picture.position_s)
        if self._paced and not self._wait_until(media_time_s):
            return None
        color = None if picture.color is None else read_only(picture.color)
        return Frame(
            read_only(picture.gray), index, time.monotonic(), media_time_s, self.name, color, time_line=TimeLine.MEDIA
        )

    def _advance(self, position_s: float) -> float:
        """Count a frame, and return its time in the video, s.

        A phone's frames are not evenly spaced. A file without usable times has evenly spaced frames.
        """
        if self._index > 0:
            is_usable = self._has_times and position_s > self._media_time_s
            self._media_time_s = position_s if is_usable else self._media_time_s + 1 / self.fps
        self._index += 1
        return self._media_time_s

    def _decode(self) -> Picture | None:
        """Return the next image; None after the last one and after `close`."""
        try:
            picture = self._decoder.next_frame()
        except (UnreadableContentError, DecoderCrashError) as error:
            number = self._index + len(self._ahead) + 1
            raise MediaError(
                f"{self._path}: expected frame {number}, found: {error}: convert the video, or copy it again"
            ) from error
        if picture is not None:
            self._messages.add(picture.messages)
        return picture

    def _check_complete(self) -> None:
        if self._closed.is_set():
            return
        missing = self._expected - self._index
        if not self.left_out and missing > max(1, _COUNT_SLACK * self._expected):
            self.left_out = {"missing frames": missing}
            log.warning(
                "%s: only %d of %d frames can be read: is the file complete?", self._path, self._index, self._expected
            )

    def _wait_until(self, media_time_s: float) -> bool:
        """Wait until the video has reached `media_time_s`; False if it was closed meanwhile."""
        now = time.monotonic()
        if self._started_at is None:
            self._started_at = now
        return not self._closed.wait(max(0.0, self._started_at + media_time_s - now))

    def close(self) -> None:
        """Close the file; a waiting `read` returns None."""
        self._closed.set()
        self._decoder.close()


def _open(path: Path, *, color: bool, max_megapixels: float) -> tuple[DecoderProcess, Opened]:
    if not path.exists():
        raise MediaError(f"{path}: expected a video, found no such file: check the path")
    if not path.is_file():
        raise MediaError(f"{path}: expected a video, found something that is not a file: give the file's path")
    try:
        file = path.open("rb")
    except OSError as error:
        raise MediaError(f"{path}: expected a readable video, found: {error.strerror}") from error
    with file:
        try:
            decoder = DecoderProcess(round(max_megapixels * 1e6))
        except DecoderCrashError as error:
            raise MediaError(f"{path}: {error}") from error
        with ExitStack() as undo:
            undo.callback(decoder.close)
            try:
                opened = decoder.open_video(file, color=color)
            except (UnreadableContentError, DecoderCrashError) as error:
                raise MediaError(f"{path}: expected a video, found {error}: convert it, or copy it again") from error
            undo.pop_all()
    return decoder, opened
