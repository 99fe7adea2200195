"""Appends lines to a file in batches, and survives a full disk and the torn line that a power cut leaves."""

import errno
import logging
import os
import threading
import time
from pathlib import Path
from typing import IO

from edge.backoff import Backoff
from edge.errors import SinkError
from edge.sinks.log.lock import lock
from edge.sinks.log.rotation import Rotation

log = logging.getLogger(__name__)

FLUSH_INTERVAL_S = 1.0
"""Time for which lines are collected before they are written together, s: writes wear out an SD card, not bytes."""

MAX_RETRY_S = 60.0
"""Longest wait between two attempts to write, s; the wait doubles from the flush interval on."""

MAX_PENDING = 5000
"""Lines kept in memory while the file cannot be written, newest first: about 2 MB, a day of events in a living room."""

LINE_START = b'{"time":"'
"""Beginning of each line that this program writes. A torn line that begins otherwise is not removed."""

_TRANSIENT = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ENXIO)
"""Errors after which opening the file is retried: a full disk, one that the kernel made read-only after a fault, or a
pipe that nobody reads yet."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

_READ_BYTES = 1 << 16


class LinesFile:
    """A file to which lines are appended in batches.

    On a write error it raises or, with `retry`, keeps the lines in memory and tries again with a back-off.

    Attributes:
        dropped: lines lost because too many were waiting while the file could not be written.
        error: why the file cannot be written at present; empty if it can.
        bytes_written: bytes written to the file so far.
        flushes: number of writes so far.
    """

    def __init__(
        self, path: Path, *, retry: bool, flush_s: float = FLUSH_INTERVAL_S, rotation: Rotation | None = None
    ) -> None:
        """Open the file, create its folder if needed, and remove a torn line at its end.

        Args:
            path: the file.
            retry: keep lines that cannot be written and try again, instead of raising.
            flush_s: time for which lines are collected before they are written, s.
            rotation: when to rotate the file; None for never.

        Raises:
            SinkError: the file cannot be opened. With `retry`, a full or faulty disk does not raise.
        """
        self.dropped = 0
        self.error = ""
        self.bytes_written = self.flushes = 0
        self._path = path
        self._retry = retry
        self._flush_s = flush_s
        self._rotation = rotation
        self._pending: list[bytes] = []
        self._rest = b""  # end of a partly written line, which must be completed before anything else is written
        self._file: IO[bytes] | None = None
        self._interval_s = flush_s
        self._backoff = Backoff(2 * flush_s, MAX_RETRY_S)
        self._flushed_at = time.monotonic()
        self._closed = False
        self._lock = threading.Lock()  # protects all of the above: `add` and `flush_if_due` run on different threads
        try:
            self._file = self._open()
        except OSError as error:
            if not retry or error.errno not in _TRANSIENT:
                raise SinkError(
                    f"{path}: expected a log file that can be written, found: {error.strerror}: see --log"
                ) from error
            self._back_off(error)

    def _open(self) -> IO[bytes]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # Unbuffered: this class batches, and a failed write must leave nothing in a buffer that would fail again.
        file = open(self._path, "ab", buffering=0, opener=_open_at_once)  # noqa: SIM115  # `_close_file` closes it
        try:
            lock(file)  # before a torn line is removed: another process may be writing it
            if not self._rest:
                remove_torn_line(self._path)
            if self._rotation is not None:
                self._rotation.log_opened()
        except OSError:
            file.close()
            raise
        return file

    def add(self, lines: list[bytes]) -> None:
        """Append complete lines; they reach the disk within the flush interval.

        Raises:
            SinkError: earlier lines cannot be written, and `retry` is off.
        """
        with self._lock:
            self._pending += lines
            if len(self._pending) > MAX_PENDING:
                self.dropped += len(self._pending) - MAX_PENDING
                del self._pending[:-MAX_PENDING]
            self._flush_if_due()

    def flush_if_due(self) -> None:
        """Write the lines that have waited for the flush interval; does nothing once the file is closed.

        Raises:
            SinkError: they cannot be written, and `retry` is off.
        """
        with self._lock:
            if not self._closed:
                self._flush_if_due()

    def close(self) -> None:
        """Write the remaining lines and close the file.

        Raises:
            SinkError: they cannot be written. With `retry` the failure is logged instead.
        """
        with self._lock:
            self._closed = True
            try:
                self._flush()
            finally:
                self._close_file()
        if self.error:
            log.error("%s: %d lines are lost: %s", self._path, len(self._pending) + self.dropped, self.error)

    def _close_file(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _flush_if_due(self) -> None:
        if time.monotonic() - self._flushed_at >= self._interval_s:
            self._flush()

    def _flush(self) -> None:
        self._flushed_at = time.monotonic()
        try:
            self._rotate_if_due()
            if self._file is None or self._pending or self._rest:
                self._write()
        except OSError as error:
            if not self._retry:
                raise SinkError(f"{self._path}: the log cannot be written: {_explain(error)}") from error
            self._back_off(error)
            return
        if self.error:
            log.warning("%s: the log can be written again; %d lines are lost", self._path, self.dropped)
        self.error, self._interval_s = "", self._flush_s
        self._backoff.reset()

    def _rotate_if_due(self) -> None:
        if self._rotation is None or self._file is None or self._rest:
            return
        if self._rotation.is_due(sum(map(len, self._pending))):
            os.fsync(self._file.fileno())
            self._close_file()
            self._rotation.rotate()

    def _write(self) -> None:
        """Write all pending lines in one call, so that a reader or a power cut meets as few torn lines as possible."""
        if self._file is not None and not _is_at(self._file, self._path):
            log.warning("%s: the log was removed or moved: creating it again", self._path)
            self._close_file()
            self._rest = b""  # the line that it completes is gone as well
        self._file = self._file or self._open()
        data = self._rest + b"".join(self._pending)
        if self._rotation is not None:
            self._rotation.check_free_space(len(data))
        done = 0
        try:
            while done < len(data):
                done += self._file.write(data[done:])
        finally:
            self._keep(data[done:], torn=data[done - 1 : done] != b"\n" if done else bool(self._rest))
            self.bytes_written += done
            self.flushes += bool(done)

    def _keep(self, left: bytes, *, torn: bool) -> None:
        """Keep what was not written: the rest of a torn line, and the complete lines after it."""
        self._rest = b""
        if torn and left:
            rest, _, left = left.partition(b"\n")
            self._rest = rest + b"\n"
        self._pending = [line + b"\n" for line in left.split(b"\n")[:-1]]

    def _back_off(self, error: OSError) -> None:
        reason = error.strerror or str(error)
        if reason != self.error:
            log.error("%s: the log cannot be written: %s; trying again", self._path, _explain(error))
        self.error = reason
        self._interval_s = self._backoff.next_s()


def remove_torn_line(path: Path) -> None:
    """Cut off an incomplete last line, and the zeros with which a file system may pad a file after a power cut.

    If another program wrote that line, it is completed with a line break instead.

    Raises:
        OSError: the file cannot be read or written.
    """
    try:
        file = path.open("r+b", buffering=0)
    except FileNotFoundError:
        return
    with file:
        size = file.seek(0, os.SEEK_END) if file.seekable() else 0
        if not size or _read(file.fileno(), size - 1, size) == b"\n":
            return
        complete = _end_of_last_line(file.fileno(), size)
        torn = _read(file.fileno(), complete, min(size, complete + _READ_BYTES)).rstrip(b"\0")
        if not (torn.startswith(LINE_START) or LINE_START.startswith(torn)):
            file.seek(size)
            file.write(b"\n")
            log.warning("%s: the last line is not this program's, or damaged, and had no end: ended it", path)
            return
        file.truncate(complete)
        os.fsync(file.fileno())
    log.warning("%s: removed %d bytes of an incomplete last line, as a power cut leaves it", path, size - complete)


def _end_of_last_line(descriptor: int, size: int) -> int:
    """Return where the last complete line ends; 0 if there is none."""
    end = size
    while end > 0:
        start = max(0, end - _READ_BYTES)
        found = _read(descriptor, start, end).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _read(descriptor: int, start: int, end: int) -> bytes:
    return os.pread(descriptor, end - start, start)


def _open_at_once(path: str, flags: int) -> int:
    """Open a file for writing. Should it be a pipe without a reader, raise an error instead of waiting for one.

    Raises:
        OSError: it cannot be opened.
    """
    try:
        descriptor = os.open(path, flags | os.O_NONBLOCK, 0o666)
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise OSError(errno.ENXIO, "a pipe that nobody reads") from error
        raise
    os.set_blocking(descriptor, True)
    return descriptor


def _explain(error: OSError) -> str:
    """Return why the log cannot be written, and what to do."""
    remedy = "free some space" if error.errno in _FULL else "check the file, its folder and their permissions"
    return f"{error.strerror or error}: {remedy}"


def _is_at(file: IO[bytes], path: Path) -> bool:
    """Return whether the open file is still the one at `path`."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
