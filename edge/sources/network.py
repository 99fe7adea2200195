"""Receives network cameras; each stream is received and decoded in a process of its own."""

import os
import threading
import time

from edge.errors import CameraAbsentError, CameraError, ConfigError
from edge.records import Frame
from edge.settings.schema import SourceSettings
from edge.sources.address import StreamAddress
from edge.sources.base import LeftOutFrames, Source, read_only
from edge.sources.content import UnreadableContentError
from edge.sources.decoder_process import DecoderCrashError, DecoderProcess, DecoderTimeoutError
from edge.sources.library_messages import LibraryMessages
from edge.sources.picture import Picture
from edge.sources.stream import ABSENT, CAPTURE_OPTIONS, LOG_LEVELS, has_gstreamer

START_S = 20.0
"""Time that the decoder's process may take to start, s: a slow board loads OpenCV from an SD card."""

LONGEST_WAIT_S = 30.0
"""Longest back-off of a network camera, s: one that refuses a password may lock the account after many attempts."""


class NetworkSource(Source):
    """Gives the newest frame of an open stream; the index counts all that arrived.

    Args:
        address: The camera's address.
        decoder: The process that has the stream open; belongs to this source.
        settings: The time-outs.
    """

    live = is_camera = True

    def __init__(self, address: StreamAddress, decoder: DecoderProcess, settings: SourceSettings) -> None:
        """Wait for the first frame.

        Raises:
            CameraError: There is none in time, or none that can be decoded.
        """
        self.name = address.name
        self._decoder = decoder
        self._stall_timeout_s = settings.stall_timeout_s
        self._closed = threading.Event()
        self._left_out = LeftOutFrames()
        self._messages = LibraryMessages(self.name)
        self._next = self._receive(max(settings.open_timeout_s, settings.stall_timeout_s))

    def read(self) -> Frame | None:
        """Wait for the next frame; None after `close`.

        Raises:
            CameraError: The stream has ended, gave no frame for `stall_timeout_s`, or made the decoder crash.
        """
        picture, self._next = self._next or self._receive(self._stall_timeout_s), None
        if picture is None or self._closed.is_set():
            return None
        now_s = time.monotonic()
        color = None if picture.color is None else read_only(picture.color)
        return Frame(read_only(picture.gray), picture.number, now_s, now_s, self.name, color)

    def _receive(self, timeout_s: float) -> Picture | None:
        try:
            picture = self._decoder.newest_frame(timeout_s=timeout_s)
        except DecoderTimeoutError as error:
            raise CameraError(
                f"{self.name}: expected a frame within {timeout_s:g} s, found none, or damaged ones alone: is the "
                "camera still connected?"
            ) from error
        except (UnreadableContentError, DecoderCrashError) as error:
            raise CameraError(f"{self.name}: expected the next frame, found {error}") from error
        if picture is not None:
            self._left_out.add(f"{self.name}: expected a whole picture, found {picture.damage}", picture.left_out)
            self._messages.add(picture.messages)
        return picture

    def close(self) -> None:
        """Disconnect; a waiting `read` returns None."""
        self._closed.set()
        self._decoder.close()
        self._messages.report()


class NetworkCamera:
    """Connects to a network camera as often as necessary.

    The decoder's process lives on while the camera is absent: starting one costs a slow board seconds.

    Args:
        address: The camera's address.
        settings: The time-outs, and the largest size.
        color: Whether frames also carry color.

    Attributes:
        name: The address without user and password.
    """

    def __init__(self, address: StreamAddress, settings: SourceSettings, *, color: bool = False) -> None:
        """Check what does not depend on the camera.

        Raises:
            ConfigError: The address is a pipeline, and this OpenCV has no GStreamer.
        """
        if address.is_pipeline and not has_gstreamer():
            raise ConfigError(
                "source.use: expected an OpenCV with GStreamer for gst:, found one without: give the camera's "
                "rtsp:// or http:// address, or install an OpenCV that was built with GStreamer"
            )
        self.name = address.name
        self._address = address
        self._settings = settings
        self._color = color
        self._lock = threading.Lock()  # protects the following two
        self._decoder: DecoderProcess | None = None  # connects now, or waits for the next attempt
        self._closed = False

    def open(self) -> NetworkSource:
        """Connect, and wait for the first frame.

        Raises:
            CameraAbsentError: There is no camera at the address.
            CameraError: It sends nothing that can be decoded, or refuses the user.
        """
        decoder = self._take_decoder()
        try:
            self._connect(decoder)
            source = NetworkSource(self._address, decoder, self._settings)
        except CameraAbsentError:
            raise
        except Exception:  # whatever fails, the process may be unusable: it is ended, and the error goes on
            self._drop(decoder)
            raise
        with self._lock:
            self._decoder = None  # the source's own from now on
        return source

    def close(self) -> None:
        """End an attempt that is under way, and the process; `open` fails from now on."""
        with self._lock:
            self._closed = True
            decoder = self._decoder
        if decoder is not None:
            decoder.close()

    def _take_decoder(self) -> DecoderProcess:
        with self._lock:
            decoder = self._decoder
        if decoder is not None:
            return decoder
        try:
            decoder = DecoderProcess(
                round(self._settings.max_megapixels * 1e6),
                {"OPENCV_FFMPEG_CAPTURE_OPTIONS": CAPTURE_OPTIONS} | os.environ | LOG_LEVELS,
            )
        except DecoderCrashError as error:
            raise CameraError(f"{self.name}: {error}") from error
        with self._lock:
            self._decoder = decoder
            is_closed = self._closed
        if is_closed:
            decoder.close()
        return decoder

    def _connect(self, decoder: DecoderProcess) -> None:
        timeout_s = self._settings.open_timeout_s
        try:
            decoder.open_stream(
                self._address.location,
                is_pipeline=self._address.is_pipeline,
                color=self._color,
                timeout_s=timeout_s,
                margin_s=START_S,
            )
        except UnreadableContentError as error:
            error_type = CameraAbsentError if error.kind == ABSENT else CameraError
            raise error_type(f"{self.name}: expected a stream, found {error}") from error
        except DecoderCrashError as error:
            raise CameraError(f"{self.name}: expected a stream, found {error}") from error

    def _drop(self, decoder: DecoderProcess) -> None:
        with self._lock:
            if self._decoder is decoder:
                self._decoder = None
        decoder.close()
