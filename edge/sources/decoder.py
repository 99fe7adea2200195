"""The program that decodes pictures, videos and network cameras for a source, in a process of its own.

Decoders are large native libraries that parse untrusted bytes: whatever these make them do, only this process ends.
It takes one request after the other from a socket, each file as an open descriptor, and writes the pixels to memory
that it shares with the process that started it. `edge.sources.decoder_process` is the other side.
"""

import ctypes
import logging
import mmap
import os
import resource
import select
import socket
import sys
from contextlib import suppress
from pathlib import Path

import cv2
import msgspec
import numpy as np

from edge.device.memory import private_bytes, share_arena
from edge.sources.base import silence_opencv
from edge.sources.content import HEAD_BYTES, UnreadableContentError, picture_format
from edge.sources.picture import BYTES_PER_PIXEL, DECODED_FACTOR, Picture, check_file_size, decode_picture
from edge.sources.stream import NetworkStream
from edge.sources.video_file import VideoFile, first_frame

log = logging.getLogger(__name__)

SLOTS = 2
"""Number of images that the shared memory holds: one is decoded while the other is read."""

MAX_MESSAGE = 1 << 16
"""Longest request or reply, bytes."""

_MAX_OUTPUT = 1 << 20
"""Longest text of libraries between two replies, bytes."""

_WORKING_BYTES, _BYTES_PER_DECODED_PIXEL = 128 << 20, 8
"""Memory that decoding may take: this, and so much for each pixel of the largest image that is decoded."""

_C_LIBRARY = ctypes.CDLL(None)

_MAX_LINES, _MAX_LINE = 50, 200
"""Number of lines of libraries that a reply repeats, and the longest of them."""


class DecodePicture(msgspec.Struct, tag=True):
    """Request for the picture in the file that comes along; the reply is Image or Refused."""

    slot: int
    color: bool


class OpenVideo(msgspec.Struct, tag=True):
    """Request to open the video in the file that comes along; the reply is Opened or Refused."""

    color: bool


class OpenStream(msgspec.Struct, tag=True):
    """Request to connect to a network camera; the reply is Opened or Refused.

    Attributes:
        location: URL or pipeline, with user and password.
        is_pipeline: whether it is a GStreamer pipeline.
        timeout_s: longest time that connecting may take, and each frame, s.
        color: whether to decode color.
    """

    location: str
    is_pipeline: bool
    timeout_s: float
    color: bool


class NextFrame(msgspec.Struct, tag=True):
    """Request for the next frame of the video, or the newest of the stream; the reply is Image, End or Refused."""

    slot: int


class Image(msgspec.Struct, tag=True):
    """Reply: an image lies in the slot, gray first, then BGR if it has color; the rest is as in `Picture`."""

    width: int
    height: int
    has_color: bool
    full_width: int
    full_height: int
    lacks_end: bool
    messages: tuple[str, ...]
    position_s: float
    number: int
    left_out: int
    damage: str


class Opened(msgspec.Struct, tag=True):
    """Reply: the video or stream is open.

    Attributes:
        fps: frame rate as the file gives it, frames per second; 0 if it does not.
        frame_count: number of frames as the file gives it; 0 if it does not, and for a stream.
    """

    fps: float
    frame_count: int


class End(msgspec.Struct, tag=True):
    """Reply: the video has no more frames."""


class Refused(msgspec.Struct, tag=True):
    """Reply: the file cannot be decoded.

    Attributes:
        found: what it is instead of a picture or a video.
        kind: the same in two or three words.
    """

    found: str
    kind: str


Request = DecodePicture | OpenVideo | OpenStream | NextFrame
Reply = Image | Opened | End | Refused


class Arguments(msgspec.Struct):
    """What the process is started with.

    Attributes:
        control: descriptor of the socket for requests and replies.
        pixels: descriptor of the shared memory: `SLOTS` times `slot_bytes`.
        max_pixels: number of pixels to which larger images are shrunk.
    """

    control: int
    pixels: int
    max_pixels: int

    @property
    def slot_bytes(self) -> int:
        """Size of a slot, a multiple of the size of a memory page."""
        return -(-self.max_pixels * BYTES_PER_PIXEL // mmap.PAGESIZE) * mmap.PAGESIZE


class Decoder:
    """Answers requests, one after the other.

    Args:
        arguments: What the process was started with.
    """

    def __init__(self, arguments: Arguments) -> None:
        self._max_pixels = arguments.max_pixels
        self._slot_bytes = arguments.slot_bytes
        self._memory = mmap.mmap(arguments.pixels, SLOTS * arguments.slot_bytes)
        self._video: VideoFile | None = None
        self._stream: NetworkStream | None = None

    def reply(self, request: Request, file: int) -> Reply:
        """Return the reply to a request.

        Args:
            request: The request.
            file: Descriptor of the file that came along; -1 if none did.
        """
        try:
            match request:
                case DecodePicture():
                    return self._store(self._decode_picture(file, color=request.color), request.slot)
                case OpenVideo():
                    self._video = self._open_video(file, color=request.color)
                    return Opened(self._video.fps, self._video.frame_count)
                case OpenStream():
                    self._stream = None
                    self._stream = self._open_stream(request)
                    return Opened(self._stream.fps, 0)
                case NextFrame():
                    return self._next_frame(request.slot)
        except UnreadableContentError as error:
            return Refused(str(error), error.kind)
        except (MemoryError, cv2.error) as error:
            log.debug("%s", error)
            return Refused("content that takes more memory than a decoder may use", "too large")

    def _next_frame(self, slot: int) -> Reply:
        if self._stream is not None:
            return self._store(self._stream.read(), slot)
        picture = self._video.read() if self._video is not None else None
        return End() if picture is None else self._store(picture, slot)

    def wait(self, control: socket.socket) -> None:
        """Wait until a request has come; meanwhile a stream's frames give way to newer ones."""
        while self._stream is not None and not self._stream.has_ended and not select.select([control], [], [], 0.0)[0]:
            self._stream.skip()

    def _decode_picture(self, file: int, *, color: bool) -> Picture:
        if picture_format(os.pread(file, HEAD_BYTES, 0)) == "GIF":
            return first_frame(file, color=color, max_pixels=self._max_pixels, take_messages=take_library_output)
        check_file_size(os.fstat(file).st_size, self._max_pixels)
        with os.fdopen(os.dup(file), "rb") as content:
            content.seek(0)  # the position is shared with the process that opened it
            return decode_picture(
                content.read(), color=color, max_pixels=self._max_pixels, take_messages=take_library_output
            )

    def _open_video(self, file: int, *, color: bool) -> VideoFile:
        return VideoFile(file, color=color, max_pixels=self._max_pixels, take_messages=take_library_output)

    def _open_stream(self, request: OpenStream) -> NetworkStream:
        os.dup2(2, 1)  # where OpenCV prints FFmpeg's messages
        return NetworkStream(
            request.location,
            is_pipeline=request.is_pipeline,
            timeout_s=request.timeout_s,
            color=request.color,
            max_pixels=self._max_pixels,
            take_messages=take_printed_output,
        )

    def _store(self, picture: Picture, slot: int) -> Image:
        height, width = picture.gray.shape
        start = slot * self._slot_bytes
        for pixels in (picture.gray, picture.color):
            if pixels is not None:
                np.ndarray(pixels.shape, np.uint8, self._memory, start)[...] = pixels
                start += pixels.size
        # What FFmpeg writes about a stream meanwhile is for the stream, which finds out what is damaged.
        messages = picture.messages if self._stream is not None else (*picture.messages, *take_library_output())
        return Image(
            width,
            height,
            picture.color is not None,
            *picture.full_size,
            picture.lacks_end,
            messages,
            picture.position_s,
            picture.number,
            picture.left_out,
            picture.damage,
        )


def take_library_output() -> list[str]:
    """Return the lines that libraries wrote to standard error, a file here, since the last call; forget them."""
    length = os.lseek(2, 0, os.SEEK_CUR)
    if not length:
        return []
    # Where another thread writes meanwhile, the file begins with zeros next time.
    lines = os.pread(2, _MAX_OUTPUT, 0).replace(b"\0", b"").decode("utf-8", "replace").splitlines()
    os.ftruncate(2, 0)
    os.lseek(2, 0, os.SEEK_SET)
    kept = [line.strip()[:_MAX_LINE] for line in lines if line.strip()]
    return kept if len(kept) <= _MAX_LINES else [*kept[:_MAX_LINES], f"{len(kept) - _MAX_LINES} more lines"]


def take_printed_output() -> list[str]:
    """Return what libraries wrote to standard output as well, if that is the same file; see `take_library_output`."""
    _C_LIBRARY.fflush(None)
    return take_library_output()


def limit_memory(max_pixels: int) -> None:
    """Limit the memory that this process may take from now on, and let the system end it first if there is none."""
    limit = private_bytes() + _WORKING_BYTES + DECODED_FACTOR * max_pixels * _BYTES_PER_DECODED_PIXEL
    _lower_limit(resource.RLIMIT_DATA, limit)
    _lower_limit(resource.RLIMIT_CORE, 0)
    _lower_limit(resource.RLIMIT_FSIZE, _MAX_OUTPUT)  # of what libraries write
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def _lower_limit(kind: int, limit: int) -> None:
    """Set a limit for good, or leave it as it is where it is lower already."""
    before = [value for value in resource.getrlimit(kind) if value != resource.RLIM_INFINITY]
    lowest = min([limit, *before])
    resource.setrlimit(kind, (lowest, lowest))


def main() -> None:
    """Serve the process that started this one until it closes the socket."""
    share_arena()
    arguments = msgspec.json.decode(sys.argv[1], type=Arguments)
    silence_opencv()
    cv2.setNumThreads(1)
    decoder = Decoder(arguments)
    limit_memory(arguments.max_pixels)
    requests = msgspec.json.Decoder(Request)
    with socket.socket(fileno=arguments.control) as control:
        while True:
            decoder.wait(control)
            message, files, _, _ = socket.recv_fds(control, MAX_MESSAGE, 1)
            if not message:
                return
            reply = decoder.reply(requests.decode(message), files[0] if files else -1)
            for file in files:
                os.close(file)
            try:
                control.sendall(msgspec.json.encode(reply))
            except OSError:  # the other side has closed it
                return


if __name__ == "__main__":
    main()
