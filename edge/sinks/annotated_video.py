"""Writes a video with what is said of each face drawn onto it."""

import threading
from pathlib import Path

import cv2

from edge.errors import ConfigError, SinkError
from edge.records import Shown
from edge.sinks.annotate import annotate

CODECS = {".mp4": "mp4v", ".mkv": "mp4v", ".avi": "MJPG"}
"""By the file's suffix: what OpenCV's own wheels can write on every machine. MPEG-4, or Motion JPEG."""

_COUNT_SLACK = 0.02
"""Some containers only estimate how many frames they hold."""


class AnnotatedVideo:
    """Writes each frame, in order. The file appears under its name once it is whole.

    Until then it is `NAME.part.SUFFIX` beside it. A run that is told to end finishes the file first; one that is killed
    leaves the part, which plays if it is a .mkv or .avi.

    `close` is called by its thread, which has little time to end; `finish` by whoever made it, and may take long.
    """

    name = "annotate"

    def __init__(self, path: Path, *, fps: float) -> None:
        """Take the place on the disk. fps: frames a second, of the source.

        Raises:
            ConfigError: the suffix is none of `CODECS`.
            SinkError: nothing can be written there.
        """
        self._path = path
        self._codec = codec_of(path)
        self._part = path.with_name(f"{path.stem}.part{path.suffix}")
        self._fps = fps
        self._writer: cv2.VideoWriter | None = None
        self._written = 0
        self._lock = threading.Lock()  # the writer: `finish` must not free it while `write` is inside
        if path.is_dir():
            raise SinkError(f"{path}: expected a video's name, found a folder: name a file in it")
        try:
            self._part.open("wb").close()
        except OSError as error:
            raise SinkError(
                f"{path}: expected a place to write a video, found: {error.strerror}: name another"
            ) from error

    def write(self, shown: Shown) -> None:
        """Write the frame, annotated.

        Raises:
            SinkError: OpenCV cannot write this kind of video here.
        """
        picture = annotate(shown)
        with self._lock:
            if self._writer is None:
                self._writer = self._open_writer(*picture.shape[:2])
            self._writer.write(picture)
            self._written += 1

    def _open_writer(self, height: int, width: int) -> cv2.VideoWriter:
        fourcc = cv2.VideoWriter.fourcc(*self._codec)
        writer = cv2.VideoWriter(str(self._part), cv2.CAP_FFMPEG, fourcc, self._fps, (width, height))
        if not writer.isOpened():
            raise SinkError(f"{self._path}: this OpenCV cannot write {self._codec} video: try another suffix")
        return writer

    def close(self) -> None:
        """Nothing more comes."""

    def finish(self) -> None:
        """Finish the file and give it its name; without a frame there is none. Called once.

        Raises:
            SinkError: it is not whole, since the disk is full for one.
        """
        with self._lock:
            if self._writer is None:
                self._part.unlink(missing_ok=True)
                return
            self._writer.release()
            if not _is_whole(self._part, self._written):
                raise SinkError(
                    f"{self._part}: expected a video of {self._written} frames, found fewer: is there room on the disk?"
                )
            self._part.replace(self._path)


def codec_of(path: Path) -> str:
    """Which codec the suffix asks for.

    Raises:
        ConfigError: none.
    """
    codec = CODECS.get(path.suffix.lower())
    if codec is None:
        raise ConfigError(f"{path}: expected a video's name that ends in {', '.join(CODECS)}: rename it")
    return codec


def _is_whole(path: Path, frames: int) -> bool:
    """OpenCV does not tell when the disk is full; a file that was not finished does not know how many frames it has."""
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        return abs(capture.get(cv2.CAP_PROP_FRAME_COUNT) - frames) <= max(1, _COUNT_SLACK * frames)
    finally:
        capture.release()
