"""Appends lines to a file, in batches; where it cannot be written, either says so or tries again later."""

import errno
import logging
import time
from pathlib import Path
from typing import IO

from edge.errors import SinkError

log = logging.getLogger(__name__)

FLUSH_INTERVAL_S = 1.0
"""Lines are gathered for this long and written at once: an SD card wears by writes, not by bytes."""

LONGEST_WAIT_S = 60.0
"""Between two tries to write what could not be written; the wait doubles from `FLUSH_INTERVAL_S` on."""

MOST_PENDING = 5000
"""Lines kept meanwhile, the newest: about 2 MB, and a day of changes in a living room."""

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


class LinesFile:
    """A file that lines are appended to.

    path: the file. retry: what cannot be written is tried again; else it is an error.
    dropped: lines that had no place while the file could not be written.
    error: why it cannot be written now, else empty.
    """

    def __init__(self, path: Path, *, retry: bool) -> None:
        """Open the file, and its folder where there is none.

        Raises:
            SinkError: they cannot be written. With `retry` a disk without space is none.
        """
        self.dropped = 0
        self.error = ""
        self._path = path
        self._retry = retry
        self._pending: list[bytes] = []
        self._rest = b""  # of a line that was written in part: it must be finished before anything else
        self._file: IO[bytes] | None = None
        self._interval_s = FLUSH_INTERVAL_S
        self._flushed_at = time.monotonic()
        try:
            self._file = self._open()
        except OSError as error:
            if not retry or error.errno not in _NO_SPACE:
                raise SinkError(
                    f"{path}: expected a log file that can be written, found: {error.strerror}: see --log"
                ) from error
            self._put_off(error)

    def _open(self) -> IO[bytes]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # Unbuffered: batches are made here, and a failed write leaves nothing behind to fail again.
        return self._path.open("ab", buffering=0)

    def add(self, lines: list[bytes]) -> None:
        """Take whole lines; they reach the disk within about a second.

        Raises:
            SinkError: earlier ones cannot be written, and are not tried again.
        """
        self._pending += lines
        if len(self._pending) > MOST_PENDING:
            self.dropped += len(self._pending) - MOST_PENDING
            del self._pending[:-MOST_PENDING]
        if time.monotonic() - self._flushed_at >= self._interval_s:
            self._flush()

    def close(self) -> None:
        """Write what is left, and close the file.

        Raises:
            SinkError: it cannot be written. With `retry` the log says so instead.
        """
        try:
            self._flush()
        finally:
            if self._file is not None:
                self._file.close()
        if self.error:
            log.error("%s: %d lines are lost: %s", self._path, len(self._pending) + self.dropped, self.error)

    def _flush(self) -> None:
        self._flushed_at = time.monotonic()
        if self._file is not None and not self._pending and not self._rest:
            return
        try:
            self._write()
        except OSError as error:
            if not self._retry:
                reason = error.strerror
                raise SinkError(f"{self._path}: the log cannot be written: {reason}: free some space") from error
            self._put_off(error)
            return
        if self.error:
            log.warning("%s: the log can be written again; %d lines are lost", self._path, self.dropped)
        self.error, self._interval_s = "", FLUSH_INTERVAL_S

    def _write(self) -> None:
        """Write all at once, so that a reader or a power cut meets as few torn lines as can be."""
        self._file = self._file or self._open()
        whole = self._rest + b"".join(self._pending)
        done = 0
        try:
            while done < len(whole):
                done += self._file.write(whole[done:])
        finally:
            self._keep(whole[done:], torn=whole[done - 1 : done] != b"\n" if done else bool(self._rest))

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
