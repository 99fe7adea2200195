"""Appends lines to a file, in batches; where it cannot be written, either says so or tries again later."""

import errno
import logging
import os
import threading
import time
from pathlib import Path
from typing import IO

from edge.errors import SinkError
from edge.sinks.rotation import Rotation
from edge.sinks.torn import mend

log = logging.getLogger(__name__)

FLUSH_INTERVAL_S = 1.0
"""Lines are gathered for this long and written at once: an SD card wears by writes, not by bytes."""

LONGEST_WAIT_S = 60.0
"""Between two tries to write what could not be written; the wait doubles from `FLUSH_INTERVAL_S` on."""

MOST_PENDING = 5000
"""Lines kept meanwhile, the newest: about 2 MB, and a day of changes in a living room."""

_PASSING = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
"""A disk that is full, or that the kernel no longer writes to after a fault: no reason to do without the rest."""


class LinesFile:
    """A file that lines are appended to.

    path: the file. retry: what cannot be written is tried again; else it is an error. flush_s: lines are gathered for
    this long, s. rotation: when the file is rotated; None is never.
    dropped: lines that had no place while the file could not be written.
    error: why it cannot be written now, else empty.
    bytes_written, flushes: what went to the disk so far, and how often something did.
    """

    def __init__(
        self, path: Path, *, retry: bool, flush_s: float = FLUSH_INTERVAL_S, rotation: Rotation | None = None
    ) -> None:
        """Open the file, and its folder where there is none. What a power cut has torn at its end is mended.

        Raises:
            SinkError: they cannot be written. With `retry` a disk that is full or faulty is none.
        """
        self.dropped = 0
        self.error = ""
        self.bytes_written = self.flushes = 0
        self._path = path
        self._retry = retry
        self._flush_s = flush_s
        self._rotation = rotation
        self._pending: list[bytes] = []
        self._rest = b""  # of a line that was written in part: it must be finished before anything else
        self._file: IO[bytes] | None = None
        self._interval_s = flush_s
        self._flushed_at = time.monotonic()
        self._closed = False
        self._lock = threading.Lock()  # protects all of the above: lines come from one thread, `tend` from another
        try:
            self._file = self._open()
        except OSError as error:
            if not retry or error.errno not in _PASSING:
                raise SinkError(
                    f"{path}: expected a log file that can be written, found: {error.strerror}: see --log"
                ) from error
            self._put_off(error)

    def _open(self) -> IO[bytes]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if not self._rest:
            mend(self._path)
        # Unbuffered: batches are made here, and a failed write leaves nothing behind to fail again.
        file = self._path.open("ab", buffering=0)
        if self._rotation is not None:
            self._rotation.begin()
        return file

    def add(self, lines: list[bytes]) -> None:
        """Take whole lines; they reach the disk within about a second, or what `flush_s` says.

        Raises:
            SinkError: earlier ones cannot be written, and are not tried again.
        """
        with self._lock:
            self._pending += lines
            if len(self._pending) > MOST_PENDING:
                self.dropped += len(self._pending) - MOST_PENDING
                del self._pending[:-MOST_PENDING]
            self._flush_if_due()

    def tend(self) -> None:
        """Write what is due though no line comes any more.

        Raises:
            SinkError: it cannot be written, and is not tried again.
        """
        with self._lock:
            if not self._closed:
                self._flush_if_due()

    def close(self) -> None:
        """Write what is left, and close the file.

        Raises:
            SinkError: it cannot be written. With `retry` the log says so instead.
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
                reason = error.strerror
                raise SinkError(f"{self._path}: the log cannot be written: {reason}: free some space") from error
            self._put_off(error)
            return
        if self.error:
            log.warning("%s: the log can be written again; %d lines are lost", self._path, self.dropped)
        self.error, self._interval_s = "", self._flush_s

    def _rotate_if_due(self) -> None:
        if self._rotation is None or self._file is None or self._rest:
            return
        if self._rotation.is_due(sum(map(len, self._pending))):
            os.fsync(self._file.fileno())
            self._close_file()
            self._rotation.rotate()

    def _write(self) -> None:
        """Write all at once, so that a reader or a power cut meets as few torn lines as can be."""
        if self._file is not None and not _is_at(self._file, self._path):
            log.warning("%s: the log is gone: making it anew", self._path)
            self._close_file()
            self._rest = b""  # the line that it ends is gone, too
        self._file = self._file or self._open()
        whole = self._rest + b"".join(self._pending)
        if self._rotation is not None:
            self._rotation.check_room(len(whole))
        done = 0
        try:
            while done < len(whole):
                done += self._file.write(whole[done:])
        finally:
            self._keep(whole[done:], torn=whole[done - 1 : done] != b"\n" if done else bool(self._rest))
            self.bytes_written += done
            self.flushes += bool(done)

    def _keep(self, left: bytes, *, torn: bool) -> None:
        """Keep what was not written: the rest of a line, where one is torn, and the whole lines behind it."""
        self._rest = b""
        if torn and left:
            rest, _, left = left.partition(b"\n")
            self._rest = rest + b"\n"
        self._pending = [line + b"\n" for line in left.split(b"\n")[:-1]]

    def _put_off(self, error: OSError) -> None:
        reason = error.strerror or str(error)
        if reason != self.error:
            log.error("%s: the log cannot be written: %s: free some space; trying again", self._path, reason)
        self.error = reason
        self._interval_s = min(2 * self._interval_s, LONGEST_WAIT_S)


def _is_at(file: IO[bytes], path: Path) -> bool:
    """Whether the open file is still what stands at `path`."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
