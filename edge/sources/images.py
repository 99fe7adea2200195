"""Reads image files: one file, or a folder with its subfolders."""

import logging
import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from edge.errors import MediaError, printable
from edge.records import Color, Frame, Gray, TimeLine
from edge.sources.base import Source, read_only, silence_opencv
from edge.sources.content import (
    HEAD_BYTES,
    MOTION_JPEG_SUFFIXES,
    VIDEO,
    UnreadableContentError,
    check_picture,
    is_animation,
    picture_format,
)
from edge.sources.folder import LeftOut, list_files
from edge.sources.library_messages import LibraryMessages
from edge.sources.picture import MAX_MEGAPIXELS, Picture, check_file_size, decode_picture
from edge.sources.picture_decoder import PictureDecoder
from edge.sources.video_file import first_frame

log = logging.getLogger(__name__)


class ImageSource(Source):
    """Gives each image of a folder and its subfolders, sorted by path; or one single image.

    Images are turned upright as their metadata says. Whatever cannot be read is left out with a warning that names it,
    and counted. A truncated image is left out as well: decoders fill the missing part with gray, which says nothing
    about an expression.

    Args:
        path: The folder or image file.
        color: Whether frames also carry color; the luma is the same either way.
        max_megapixels: Larger images are shrunk to this size.
    """

    is_still_images = True

    def __init__(self, path: Path, *, color: bool = False, max_megapixels: float = MAX_MEGAPIXELS) -> None:
        """List the images and decode the first.

        Raises:
            MediaError: The path does not exist, or nothing there is an image that can be decoded.
        """
        self.name = printable(path.name or str(path))
        self.left_out: Counter[str] = Counter()
        self._color = color
        self._max_megapixels = max_megapixels
        self._closed = threading.Event()
        self._decoder = PictureDecoder(max_megapixels)
        self._messages = LibraryMessages(self.name)
        self._index = 0
        self._shrunk = 0
        self._is_single = path.is_file()
        self._root = path if path.is_dir() else path.parent
        with ExitStack() as undo:
            undo.callback(self.close)
            self._pending = iter(self._list(path))
            self._next: Frame | None = self._decode_first(path)
            undo.pop_all()

    def read(self) -> Frame | None:
        """Return the next image that can be decoded; None after the last one and after `close`."""
        if self._closed.is_set():
            return None
        frame, self._next = self._next or self._decode_next(), None
        if frame is None:
            self._messages.report()
            self._decoder.close()
        return frame

    def close(self) -> None:
        """End the stream; a waiting `read` returns None."""
        self._closed.set()
        self._decoder.close()

    def _list(self, path: Path) -> list[Path]:
        """Return the files to read.

        Raises:
            MediaError: There are none.
        """
        if self._is_single:
            return [path]
        if not path.is_dir():
            raise MediaError(f"{path}: expected an image or a folder of images, found no such file: check the path")
        listing = list_files(path)
        for left_out in listing.left_out:
            self._leave_out(left_out)
        if not listing.files:
            raise MediaError(f"{path}: expected images in this folder or below it, found no file")
        return listing.files

    def _decode_first(self, path: Path) -> Frame:
        """Return the first image.

        Raises:
            MediaError: None can be read.
        """
        first = self._decode_next()
        if first is None:
            raise MediaError(f"{path}: expected images, found none that can be read: see the warnings")
        return first

    def _decode_next(self) -> Frame | None:
        for path in self._pending:
            try:
                picture = self._decode(path)
            except UnreadableContentError as error:
                if self._is_single:
                    raise MediaError(f"{path}: expected an image, found {error}") from error
                self._leave_out(LeftOut(path, str(error), error.kind))
                continue
            if picture is None:
                return None  # closed meanwhile
            name = printable(path.relative_to(self._root).as_posix())
            self._report(path, name, picture)
            index = self._index
            self._index += 1
            color = None if picture.color is None else read_only(picture.color)
            gray = read_only(picture.gray)
            return Frame(gray, index, time.monotonic(), 0.0, name, color, time_line=TimeLine.NONE)
        return None

    def _decode(self, path: Path) -> Picture | None:
        """Return the decoded image; None after `close`.

        Raises:
            UnreadableContentError: The file cannot be read or decoded.
        """
        if path.suffix.lower() in MOTION_JPEG_SUFFIXES:
            raise UnreadableContentError(VIDEO, kind=VIDEO)
        try:
            with path.open("rb") as file:
                head = file.read(HEAD_BYTES)
                check_picture(head)
                if is_animation(head):
                    log.warning("%s: an animation, of which only the first frame is read", path)
                return self._decoder.decode(file, color=self._color)
        except OSError as error:
            raise UnreadableContentError(f"a file that cannot be read: {error.strerror}", kind="unreadable") from error

    def _report(self, path: Path, name: str, picture: Picture) -> None:
        self._messages.add(picture.messages, about=name)
        if picture.lacks_end:
            log.warning("%s: the file lacks its end marker, but nothing of the image", path)
        height, width = picture.gray.shape
        if (width, height) != picture.full_size:
            self._shrunk += 1
            if self._shrunk == 1:
                log.info(
                    "%s: shrunk from %dx%d to %dx%d px, since source.max_megapixels is %g; other images likewise",
                    *(path, *picture.full_size, width, height, self._max_megapixels),
                )

    def _leave_out(self, left_out: LeftOut) -> None:
        self.left_out[left_out.kind] += 1
        log.warning("%s: expected an image, found %s: skipped", left_out.path, left_out.reason)


class ImageReader:
    """Decodes image files, one by one, in a process of its own: for files that are many, or not trusted.

    Args:
        name: Names all of them in the log.
        max_megapixels: Larger images are shrunk to this size.
    """

    def __init__(self, name: str, *, max_megapixels: float = MAX_MEGAPIXELS) -> None:
        self._decoder = PictureDecoder(max_megapixels)
        self._messages = LibraryMessages(name)

    def read(self, path: Path) -> Gray:
        """Return the luma of an image, (H, W) uint8, upright and read-only.

        Raises:
            MediaError: The file cannot be read or decoded.
        """
        try:
            with path.open("rb") as file:
                picture = self._decoder.decode(file, color=False)
        except OSError as error:
            raise MediaError(f"{path}: expected a readable image, found: {error.strerror}") from error
        except UnreadableContentError as error:
            raise MediaError(f"{path}: expected an image, found {error}") from error
        if picture is None:
            raise MediaError(f"{path}: expected an image, found the reader closed: open another")
        self._messages.add(picture.messages, about=str(path))
        return read_only(picture.gray)

    def close(self) -> None:
        """End the process, and report what it has not reported yet."""
        self._messages.report()
        self._decoder.close()


def read_image(path: Path, *, color: bool = False, max_megapixels: float = MAX_MEGAPIXELS) -> tuple[Gray, Color | None]:
    """Decode an image in this process, for images that are trusted or few; an `ImageSource` starts one of its own.

    Args:
        path: The file.
        color: Whether to decode color as well.
        max_megapixels: A larger image is shrunk to this size.

    Returns:
        The luma, (H, W) uint8, and the (H, W, 3) uint8 BGR pixels or None; both upright and read-only.

    Raises:
        MediaError: The file cannot be read or decoded.
    """
    silence_opencv()
    max_pixels = round(max_megapixels * 1e6)
    try:
        check_file_size(path.stat().st_size, max_pixels)
        content = path.read_bytes()
        if picture_format(content[:HEAD_BYTES]) == "GIF":
            with path.open("rb") as file:
                picture = first_frame(file.fileno(), color=color, max_pixels=max_pixels)
        else:
            picture = decode_picture(content, color=color, max_pixels=max_pixels)
    except OSError as error:
        raise MediaError(f"{path}: expected a readable image, found: {error.strerror}") from error
    except UnreadableContentError as error:
        raise MediaError(f"{path}: expected an image, found {error}") from error
    return read_only(picture.gray), None if picture.color is None else read_only(picture.color)
