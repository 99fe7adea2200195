"""Writes an annotated copy of the video."""

import threading
from pathlib import Path

import cv2

from edge.device.files import native_path, partial_path
from edge.errors import ConfigError, SinkError
from edge.records import FrameWithReadings
from edge.sinks.base import Sink
from edge.sinks.video.annotate import annotate

CODECS = {".mp4": "mp4v", ".mkv": "mp4v", ".avi": "MJPG"}
"""Codec by the suffix of the file: MPEG-4 or Motion JPEG, which OpenCV's wheels can write on every machine."""

_FRAME_COUNT_TOLERANCE = 0.02
"""Accepted relative error of a container's frame count, which some containers only estimate."""


class AnnotatedVideo(Sink[FrameWithReadings]):
    """Writes each frame, with its readings drawn onto it, to a video file.

    Until the video is complete it is in `NAME.part.SUFFIX` in the same folder. A run that ends normally completes the
    video; a run that is killed leaves the partial file, which can be played if it is a .mkv or .avi.

    `close`, which the sink's thread calls at its end, does nothing. The owner of the sink calls `finish`, which may
    take long.
    """

    name = "annotate"

    def __init__(self, path: Path, *, fps: float) -> None:
        """Set up a video; `open` creates its file.

        Args:
            path: the video; it must not be a folder.
            fps: frame rate of the source, frames per second.

        Raises:
            ConfigError: the suffix is not in `CODECS`.
        """
        self._path = path
        self._codec = codec_of(path)
        self._partial = partial_path(path, "", ".part")
        self._fps = fps
        self._writer: cv2.VideoWriter | None = None
        self._written = 0
        self._lock = threading.Lock()  # protects the writer: `finish` must not release it during `write`

    def open(self) -> None:
        """Create the partial file.

        Raises:
            SinkError: the file cannot be written.
        """
        if self._path.is_dir():
            raise SinkError(f"{self._path}: expected a video's name, found a folder: name a file in it")
        try:
            self._partial.open("wb").close()
        except OSError as error:
            raise SinkError(
                f"{self._path}: expected a place to write a video, found: {error.strerror}: name another"
            ) from error

    def write(self, item: FrameWithReadings) -> None:
        """Append the annotated frame.

        Raises:
            SinkError: OpenCV cannot write this kind of video on this machine.
        """
        picture = annotate(item)
        with self._lock:
            if self._writer is None:
                self._writer = self._open_writer(*picture.shape[:2])
            self._writer.write(picture)
            self._written += 1

    def _open_writer(self, height: int, width: int) -> cv2.VideoWriter:
        fourcc = cv2.VideoWriter.fourcc(*self._codec)
        with native_path(self._partial) as path:
            writer = cv2.VideoWriter(path, cv2.CAP_FFMPEG, fourcc, self._fps, (width, height))
        if not writer.isOpened():
            raise SinkError(f"{self._path}: this OpenCV cannot write {self._codec} video: try another suffix")
        return writer

    def finish(self) -> None:
        """Complete the video and give it its name; if there was no frame, remove the partial file. Called once.

        Raises:
            SinkError: the video is not complete, for example because the disk is full.
        """
        with self._lock:
            if self._writer is None:
                self._partial.unlink(missing_ok=True)
                return
            self._writer.release()
            if not _is_complete(self._partial, self._written):
                raise SinkError(
                    f"{self._partial}: expected a video of {self._written} frames, found fewer: "
                    "is there room on the disk?"
                )
            self._partial.replace(self._path)


def codec_of(path: Path) -> str:
    """Return the codec for the suffix of a file.

    Raises:
        ConfigError: the suffix is not in `CODECS`.
    """
    codec = CODECS.get(path.suffix.lower())
    if codec is None:
        raise ConfigError(f"{path}: expected a video's name that ends in {', '.join(CODECS)}: rename it")
    return codec


def _is_complete(path: Path, frames: int) -> bool:
    """Return whether a video has the given number of frames.

    OpenCV does not report a full disk, but an incomplete file does not know its number of frames.
    """
    with native_path(path) as name:
        capture = cv2.VideoCapture(name, cv2.CAP_FFMPEG)
    try:
        return abs(capture.get(cv2.CAP_PROP_FRAME_COUNT) - frames) <= max(1, _FRAME_COUNT_TOLERANCE * frames)
    finally:
        capture.release()
