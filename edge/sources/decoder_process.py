"""Decodes in a process of its own, so that a decoder that crashes, hangs or takes all memory ends only itself."""

import mmap
import os
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec
import numpy as np

from edge.device.memory import says_shortage, shortage_of
from edge.errors import ShortageError
from edge.sources.content import UnreadableContentError
from edge.sources.decoder import (
    MAX_MESSAGE,
    SLOTS,
    Arguments,
    DecodePicture,
    Image,
    NextFrame,
    Opened,
    OpenStream,
    OpenVideo,
    Refused,
    Reply,
    Request,
)
from edge.sources.picture import Picture

REPLY_TIMEOUT_S = 60.0
"""Longest time that decoding an image may take, s: a slow board takes some seconds for a large one."""

_EXIT_TIMEOUT_S = 5.0

_RELEASE_PIXELS = 1 << 22
"""Size of an image from which its shared memory is given back to the system after it was read, px."""

_REPLIES = msgspec.json.Decoder(Reply)

R = TypeVar("R", Image, Opened)


class DecoderCrashError(Exception):
    """The decoder process has ended in the middle of its work, or hangs; the message says how."""


class DecoderTimeoutError(DecoderCrashError):
    """The decoder process has not replied in time."""


class DecoderProcess:
    """Starts the decoder, passes files to it, and receives the images.

    One thread makes requests; any thread may close it, which ends a waiting request.

    Args:
        max_pixels: Larger images are shrunk to this number of pixels.
        environment: The process's environment variables; None for those of this process.
        timeout_s: Longest time that an image may take, s, unless a request has its own.
    """

    def __init__(
        self,
        max_pixels: int,
        environment: Mapping[str, str] | None = None,
        *,
        timeout_s: float = REPLY_TIMEOUT_S,
    ) -> None:
        """Start the process.

        Raises:
            DecoderCrashError: The system cannot start it.
            ShortageError: The system gives too little memory for it. A request may raise this as well.
        """
        self._closed = False
        self._lock = threading.Lock()  # held during a request: `close` must not free the socket meanwhile
        self._pending: deque[int] = deque()  # slots of the frames that were requested, oldest first
        try:
            self._process, self._control, self._memory, self._slot_bytes, output = _start(
                max_pixels, os.environ if environment is None else environment
            )
        except (OSError, OverflowError, ValueError) as error:
            if (shortage := shortage_of(error)) is not None:
                raise shortage from error
            raise DecoderCrashError(f"the decoder's process cannot be started: {error}") from error
        self._control.settimeout(timeout_s)
        self._output = os.fdopen(output, "rb")
        # Also ends the process if nobody closes this object.
        self._finish = weakref.finalize(self, _finish, self._process, self._control, self._output)

    def decode_picture(self, file: BinaryIO, *, color: bool) -> Picture | None:
        """Return the picture in an open file; None after `close`.

        Args:
            file: The file.
            color: Whether to decode color as well.

        Raises:
            UnreadableContentError: It cannot be decoded.
            DecoderCrashError: The decoder has crashed.
        """
        with self._lock:
            self._send(DecodePicture(0, color), file)
            reply = self._receive(Image)
            return None if reply is None else self._picture(reply, 0)

    def open_video(self, file: BinaryIO, *, color: bool) -> Opened:
        """Open a video, and begin to decode its first frames.

        Args:
            file: The file.
            color: Whether to decode color as well.

        Raises:
            UnreadableContentError: It cannot be opened.
            DecoderCrashError: The decoder has crashed.
        """
        with self._lock:
            self._send(OpenVideo(color), file)
            reply = self._receive(Opened)
            if reply is None:
                raise DecoderCrashError("the decoder was closed")
            for slot in range(SLOTS):
                self._request_frame(slot)
            return reply

    def next_frame(self) -> Picture | None:
        """Return the video's next frame; None after the last one and after `close`.

        Raises:
            UnreadableContentError: It cannot be decoded, nor those after it.
            DecoderCrashError: The decoder has crashed.
        """
        with self._lock:
            reply = self._receive(Image)
            if reply is None:
                return None
            slot = self._pending.popleft()
            picture = self._picture(reply, slot)
            self._request_frame(slot)
            return picture

    def open_stream(self, location: str, *, is_pipeline: bool, color: bool, timeout_s: float, margin_s: float) -> None:
        """Connect to a network camera. Its frames give way to newer ones until `newest_frame` requests one.

        Args:
            location: URL or pipeline, with user and password.
            is_pipeline: Whether it is a GStreamer pipeline.
            color: Whether to decode color as well.
            timeout_s: Longest time that connecting may take, s.
            margin_s: Time beyond that after which the process is given up, s.

        Raises:
            UnreadableContentError: It cannot be opened; the process can be used again.
            DecoderTimeoutError: The decoder has not replied in time.
            DecoderCrashError: The decoder has crashed, or was closed.
        """
        with self._lock:
            self._limit(timeout_s + margin_s)
            self._send(OpenStream(location, is_pipeline, timeout_s, color))
            if self._receive(Opened) is None:
                raise DecoderCrashError("the decoder was closed")

    def newest_frame(self, *, timeout_s: float) -> Picture | None:
        """Return the stream's newest frame that was not returned before; None after `close`.

        Args:
            timeout_s: Longest time to wait for it, s.

        Raises:
            UnreadableContentError: The stream has ended.
            DecoderTimeoutError: There was none in time.
            DecoderCrashError: The decoder has crashed.
        """
        with self._lock:
            self._limit(timeout_s)
            self._send(NextFrame(0))
            reply = self._receive(Image)
            return None if reply is None else self._picture(reply, 0)

    def close(self) -> None:
        """End the process. May be called more than once, and from any thread."""
        self._closed = True
        with suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)  # wakes a waiting request
        with self._lock:
            self._finish()

    def _request_frame(self, slot: int) -> None:
        self._pending.append(slot)
        self._send(NextFrame(slot))

    def _limit(self, timeout_s: float) -> None:
        with suppress(OSError):  # it was closed meanwhile
            self._control.settimeout(timeout_s)

    def _send(self, request: Request, file: BinaryIO | None = None) -> None:
        with suppress(OSError):  # if the process has ended, receiving its reply says how
            socket.send_fds(self._control, [msgspec.json.encode(request)], [file.fileno()] if file else [])

    def _receive(self, kind: type[R]) -> R | None:
        """Wait for a reply; None at a video's end and after `close`."""
        if self._closed:
            return None
        try:
            message = self._control.recv(MAX_MESSAGE)
        except TimeoutError as error:
            limit_s = self._control.gettimeout() or 0.0
            raise DecoderTimeoutError(f"the decoder has not finished within {limit_s:.0f} s") from error
        except OSError:
            message = b""
        if self._closed:
            return None
        if not message:
            raise self._end_error()
        reply = _REPLIES.decode(message)
        if isinstance(reply, Refused):
            raise UnreadableContentError(reply.found, kind=reply.kind)
        return reply if isinstance(reply, kind) else None

    def _picture(self, reply: Image, slot: int) -> Picture:
        """Copy an image out of the shared memory."""
        start, pixels = slot * self._slot_bytes, reply.width * reply.height
        gray = np.ndarray((reply.height, reply.width), np.uint8, self._memory, start).copy()
        color = None
        if reply.has_color:
            color = np.ndarray((*gray.shape, 3), np.uint8, self._memory, start + pixels).copy()
        if pixels >= _RELEASE_PIXELS:
            self._memory.madvise(mmap.MADV_REMOVE, start, self._slot_bytes)
        full_size = (reply.full_width, reply.full_height)
        return Picture(
            gray,
            color,
            full_size,
            reply.lacks_end,
            reply.messages,
            reply.position_s,
            reply.number,
            reply.left_out,
            reply.damage,
        )

    def _end_error(self) -> DecoderCrashError | ShortageError:
        """Return why the process has ended, or no longer responds."""
        try:
            code = self._process.wait(_EXIT_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return DecoderCrashError("the decoder no longer responds")
        if code == -signal.SIGKILL:
            return DecoderCrashError("the system has ended the decoder, as it does when memory runs out")
        if code < 0:
            return DecoderCrashError(f"the decoder has crashed ({signal.Signals(-code).name})")
        self._output.seek(0)
        lines = self._output.read().decode("utf-8", "replace").split("\n")
        said = next((line for line in reversed(lines) if line.strip()), "without a message")
        if says_shortage(said):
            return ShortageError(f"expected more memory for the decoder's process, found: {said.strip()}: free some")
        return DecoderCrashError(f"the decoder has ended with exit code {code}: {said.strip()}")


def _start(
    max_pixels: int, environment: Mapping[str, str]
) -> tuple["subprocess.Popen[bytes]", socket.socket, mmap.mmap, int, int]:
    """Start the process; return it, the socket to it, the shared memory, the size of a slot, and its error output."""
    control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pixels, output = os.memfd_create("pixels"), os.memfd_create("output")
    arguments = Arguments(theirs.fileno(), pixels, max_pixels)
    size = SLOTS * arguments.slot_bytes
    try:
        os.ftruncate(pixels, size)  # takes no memory before it is written to
        memory = mmap.mmap(pixels, size)
        # -P and no current folder: a file there must not pass for one of our modules.
        process = subprocess.Popen(  # noqa: S603  # our own words
            [sys.executable, "-P", "-m", "edge.sources.decoder", msgspec.json.encode(arguments).decode()],
            env=dict(environment) | {"PYTHONPATH": os.pathsep.join(_python_path()), "OPENBLAS_NUM_THREADS": "1"},
            pass_fds=(theirs.fileno(), pixels),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for this process, which then ends the other one
        )
    except BaseException:
        control.close()
        os.close(output)
        raise
    finally:
        theirs.close()
        os.close(pixels)
    return process, control, memory, arguments.slot_bytes, output


def _python_path() -> list[str]:
    """Return the folder that holds the package, and those that the environment names."""
    return [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]


def _finish(process: "subprocess.Popen[bytes]", control: socket.socket, output: BinaryIO) -> None:
    process.kill()
    process.wait()
    control.close()
    output.close()
