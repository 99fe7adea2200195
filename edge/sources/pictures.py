"""Pictures on disk."""

import logging
import threading
import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import MediaError
from edge.records import Frame
from edge.sources.opencv import printable, quiet_opencv, read_only

log = logging.getLogger(__name__)

PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp"})
"""What counts as a picture, in lower case; a file's name may have it in any case."""


def find_pictures(root: Path) -> list[Path]:
    """Return the pictures in `root` and the folders below it, sorted by path."""
    return sorted(path for path in root.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file())


class PictureSource:
    """Gives each picture of a folder and the folders below it, sorted by path; or one single picture.

    path: the folder or picture.
    color: frames carry colour, too. The grey pictures are the same with it and without.

    A picture is turned upright as its EXIF orientation says. One that is empty, corrupt or cut short is named in a
    warning and skipped: what a decoder makes of half a picture is half grey, and tells nothing of an expression.
    """

    def __init__(self, path: Path, *, color: bool = False) -> None:
        """Find the pictures and decode the first.

        Raises:
            MediaError: there is no such path, it is neither folder nor picture, or none of its pictures can be decoded.
        """
        self.name = printable(path.name or str(path))
        self.live = False
        self.stills = True
        self.skipped = 0
        self._color = color
        self._closed = threading.Event()
        self._index = 0
        quiet_opencv()
        self._root, paths = _list_pictures(path)
        self._waiting = iter(paths)
        self._next = self._decode_next()
        if self._next is None:
            raise MediaError(
                f"{path}: expected pictures, found {len(paths)} and none that can be decoded: see the warnings"
            )

    def read(self) -> Frame | None:
        """Return the next picture that can be decoded; None after the last one and after `close`."""
        if self._closed.is_set():
            return None
        frame, self._next = self._next or self._decode_next(), None
        return frame

    def _decode_next(self) -> Frame | None:
        for path in self._waiting:
            if self._closed.is_set():
                return None
            try:
                gray, color = _decode(path, color=self._color)
            except MediaError as error:
                self.skipped += 1
                log.warning("%s: skipped", error)
                continue
            index = self._index
            self._index += 1
            source = printable(path.relative_to(self._root).as_posix())
            return Frame(gray, index, time.monotonic(), 0.0, source, color)
        return None

    def close(self) -> None:
        """End: the next `read` returns None. May be called twice, and from another thread."""
        self._closed.set()


def _list_pictures(path: Path) -> tuple[Path, list[Path]]:
    """Return the folder that names are relative to, and the pictures.

    Raises:
        MediaError: there are none.
    """
    suffixes = " ".join(sorted(PICTURE_SUFFIXES))
    if path.is_dir():
        paths = find_pictures(path)
        if not paths:
            raise MediaError(f"{path}: expected pictures ({suffixes}) in this folder or below it, found none")
        return path, paths
    if not path.is_file():
        raise MediaError(f"{path}: expected a picture or a folder of pictures, found no such file: check the path")
    if path.suffix.lower() not in PICTURE_SUFFIXES:
        raise MediaError(f"{path}: expected a picture ({suffixes}), found another kind of file")
    return path.parent, [path]


def _decode(path: Path, *, color: bool) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Return (H, W) uint8 luma and, where wanted, (H, W, 3) uint8 BGR; both read-only.

    The file is decoded from memory: so any name will do, and OpenCV refuses a picture that is cut short, which
    it does not when it reads the file itself.

    Raises:
        MediaError: it cannot be read or decoded.
    """
    try:
        content = np.frombuffer(path.read_bytes(), dtype=np.uint8)
    except OSError as error:
        raise MediaError(f"{path}: expected a readable picture, found: {error.strerror}") from error
    if content.size == 0:
        raise MediaError(f"{path}: expected a picture, found an empty file")
    gray = _decode_as(path, content, cv2.IMREAD_GRAYSCALE)
    return gray, _decode_as(path, content, cv2.IMREAD_COLOR) if color else None


def _decode_as(path: Path, content: NDArray[np.uint8], mode: int) -> NDArray[np.uint8]:
    try:
        picture = cv2.imdecode(content, mode)
    except cv2.error as error:  # more pixels than OpenCV is willing to decode
        raise MediaError(f"{path}: expected a picture, found one that OpenCV refuses: {error.err}") from error
    if picture is None:
        raise MediaError(f"{path}: expected a picture, found content that is corrupt or cut short")
    return read_only(np.asarray(picture, dtype=np.uint8))
