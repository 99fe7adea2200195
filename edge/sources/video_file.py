"""Decodes a video file frame by frame, upright. Runs in the decoder process."""

import itertools
import math
import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import cv2
import numpy as np

from edge.sources.base import luma
from edge.sources.container import read_orientation
from edge.sources.content import HEAD_BYTES, UnreadableContentError, check_video
from edge.sources.picture import Picture, TakeMessages, check_frame_size, decode_picture, shrink
from edge.sources.picture_header import read_header
from edge.sources.size_watch import SizeWatch

_MAX_THREADS = 4
"""FFmpeg takes the memory of some frames for each of its threads."""


class VideoFile:
    """An open video.

    Attributes:
        fps: Frame rate as the file gives it, frames per second; 0 if it does not.
        frame_count: Number of frames as the file gives it; 0 if it does not.
    """

    def __init__(self, file: int, *, color: bool, max_pixels: int, take_messages: TakeMessages) -> None:
        """Open a video and find out how it must be turned.

        Args:
            file: Descriptor of the open file, which is duplicated. FFmpeg gets no name, and opens no other file.
            color: Whether to decode color; the luma is the same either way.
            max_pixels: Larger frames are shrunk to this number of pixels.
            take_messages: Returns and forgets what libraries have written to standard error.

        Raises:
            UnreadableContentError: FFmpeg cannot open it, or its frames are too large.
        """
        self._file = os.fdopen(os.dup(file), "rb")
        self._path = f"/proc/self/fd/{self._file.fileno()}"
        self._color = color
        self._max_pixels = max_pixels
        self._take_messages = take_messages
        self._file.seek(0)
        check_video(self._file.read(HEAD_BYTES))
        self._orientation = read_orientation(self._file)
        self._capture = self._open(cv2.CAP_PROP_N_THREADS, min(_MAX_THREADS, os.cpu_count() or 1))
        if not self._capture.isOpened():
            raise UnreadableContentError("content that FFmpeg cannot open", kind="unknown content")
        self.fps = max(0.0, self._get(cv2.CAP_PROP_FPS))
        self.frame_count = max(0, int(self._get(cv2.CAP_PROP_FRAME_COUNT)))
        width, height = int(self._get(cv2.CAP_PROP_FRAME_WIDTH)), int(self._get(cv2.CAP_PROP_FRAME_HEIGHT))
        check_frame_size(width, height, max_pixels, what="a video")
        self._pictures = (
            self._decode_jpegs() if self._holds_jpegs(width, height) else self._decode_frames((width, height))
        )

    def read(self) -> Picture | None:
        """Return the next frame; None after the last one.

        Raises:
            UnreadableContentError: It has another size than the frames before, which OpenCV cannot decode.
        """
        return next(self._pictures, None)

    def close(self) -> None:
        """Close the file."""
        self._capture.release()
        self._file.close()

    def _open(self, *parameters: int) -> cv2.VideoCapture:
        return cv2.VideoCapture(self._path, cv2.CAP_FFMPEG, parameters)

    def _get(self, property_id: int) -> float:
        return _finite(self._capture.get(property_id))

    def _decode_frames(self, size: tuple[int, int]) -> Iterator[Picture]:
        capture = self._capture
        capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)  # some versions turn, others do not, and none mirrors
        with closing(SizeWatch(self._open(cv2.CAP_PROP_FORMAT, -1), size)) as watch:
            for index in itertools.count():
                new_size = watch.new_size(index)
                if new_size is not None:
                    raise UnreadableContentError(
                        f"one of {new_size[0]}x{new_size[1]} px after those of {size[0]}x{size[1]} px",
                        kind="other size",
                    )
                picture = self._decode_frame()
                if picture is None:
                    return
                yield picture

    def _decode_frame(self) -> Picture | None:
        found, bgr = self._capture.read()
        if not found:
            return None
        height, width = bgr.shape[:2]
        color = self._orientation.apply(shrink(np.asarray(bgr, dtype=np.uint8), self._max_pixels))
        full_size = (height, width) if self._orientation.transpose else (width, height)
        return Picture(luma(color), color if self._color else None, full_size, position_s=_position_s(self._capture))

    def _holds_jpegs(self, width: int, height: int) -> bool:
        """Return whether it is a Motion JPEG with a whole JPEG for each frame, and not one for each field."""
        if int(self._get(cv2.CAP_PROP_FOURCC)) != cv2.VideoWriter.fourcc(*"MJPG"):
            return False
        first, _ = next(self._packets(), (b"", 0.0))
        try:
            header = read_header(first)
        except UnreadableContentError:
            return False
        return (header.width, header.height) == (width, height)

    def _packets(self) -> Iterator[tuple[bytes, float]]:
        """Yield each encoded frame, and its position, s."""
        capture = self._open(cv2.CAP_PROP_FORMAT, -1)
        while True:
            found, packet = capture.read()
            if not found:
                return
            yield packet.tobytes(), _position_s(capture)

    def _decode_jpegs(self) -> Iterator[Picture]:
        """Decode the frames of a Motion JPEG one by one; each may have another size and color sampling.

        OpenCV's FFmpeg back end converts all frames as it does the first one, and crashes where they differ. A damaged
        frame is left out, as FFmpeg does.
        """
        for packet, position_s in self._packets():
            try:
                picture = decode_picture(
                    packet, color=self._color, max_pixels=self._max_pixels, take_messages=self._take_messages
                )
            except UnreadableContentError:
                continue
            color = None if picture.color is None else self._orientation.apply(picture.color)
            yield replace(picture, gray=self._orientation.apply(picture.gray), color=color, position_s=position_s)


def first_frame(file: int, *, color: bool, max_pixels: int, take_messages: TakeMessages = list) -> Picture:
    """Return the first frame of an animation that counts as a picture; the arguments are those of `VideoFile`.

    Raises:
        UnreadableContentError: It cannot be decoded.
    """
    video = VideoFile(file, color=color, max_pixels=max_pixels, take_messages=take_messages)
    with closing(video):
        picture = video.read()
    if picture is None:
        raise UnreadableContentError("an animation that is corrupt or cut short", kind="damaged")
    return picture


def _position_s(capture: cv2.VideoCapture) -> float:
    return _finite(capture.get(cv2.CAP_PROP_POS_MSEC)) / 1e3


def _finite(value: float) -> float:
    return value if math.isfinite(value) else 0.0
