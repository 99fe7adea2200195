"""Decodes pictures one by one in a decoder process, and replaces a process that has crashed."""

import os
import threading
from typing import BinaryIO

from edge.errors import ShortageError
from edge.sources.content import UnreadableContentError
from edge.sources.decoder_process import REPLY_TIMEOUT_S, DecoderCrashError, DecoderProcess
from edge.sources.picture import Picture


class PictureDecoder:
    """Decodes pictures for one thread; any thread may close it, which ends a waiting request.

    The process starts with the first picture.

    Args:
        max_megapixels: Larger pictures are shrunk to this size.
        timeout_s: Longest time that a picture may take, s.
    """

    def __init__(self, max_megapixels: float, *, timeout_s: float = REPLY_TIMEOUT_S) -> None:
        self._max_pixels = round(max_megapixels * 1e6)
        self._timeout_s = timeout_s
        self._lock = threading.Lock()  # protects the following two
        self._process: DecoderProcess | None = None
        self._closed = False

    def decode(self, picture: BinaryIO | bytes, *, color: bool) -> Picture | None:
        """Return a decoded picture; None after `close`.

        Args:
            picture: The open file, or its content.
            color: Whether to decode color as well.

        Raises:
            UnreadableContentError: It cannot be decoded. If the process has crashed, the next picture gets a new one.
            ShortageError: The process gets too little memory.
        """
        if isinstance(picture, bytes):
            with os.fdopen(os.memfd_create("picture"), "w+b", buffering=0) as file:
                file.write(picture)
                return self.decode(file, color=color)
        try:
            process = self._take_process()
            return None if process is None else process.decode_picture(picture, color=color)
        except ShortageError:
            self._end_process()
            raise
        except DecoderCrashError as error:
            self._end_process()
            raise UnreadableContentError(str(error), kind="decoder failed") from error

    def close(self) -> None:
        """End the process; `decode` returns None from now on."""
        with self._lock:
            self._closed = True
        self._end_process()

    def _take_process(self) -> DecoderProcess | None:
        with self._lock:
            if self._process is None and not self._closed:
                self._process = DecoderProcess(self._max_pixels, timeout_s=self._timeout_s)
            return self._process

    def _end_process(self) -> None:
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            process.close()
