"""Compresses the files into which a log was rotated, and removes the oldest ones to stay within limits.

A power cut at any step neither loses nor duplicates a file: a compressed file gets its name only once it is complete
on the disk, and its plain original is removed only after that.
"""

import glob
import logging
import os
import threading
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from edge.device import clock
from edge.device.files import sync_folder
from edge.errors import SinkError
from edge.sinks.log.ahead import ClockAhead
from edge.sinks.log.rotated_names import GZIP_SUFFIX, RotatedFile, next_name, rotated_files

log = logging.getLogger(__name__)

PARTIAL_SUFFIX = ".part"

GZIP_LEVEL = 6
"""zlib's default. It reduces a log to an eighth; level 9 takes twice the time and saves 4 % more."""

GZIP_WBITS = 16 + zlib.MAX_WBITS
"""Makes zlib write the header and trailer of a gzip file."""

CHUNK_BYTES = 1 << 18
"""Bytes compressed between two checks for a stop: a few hundredths of a second on a Pi."""

HEADROOM_BYTES = 1 << 20
"""Space freed beyond the limit, bytes, so that the next line does not reach it again."""

CHECK_S = 5.0
"""Time between two checks for lines that wait to be written, s."""

TIDY_S = 600.0
"""Time between two passes over the archive without a rotation, s: files reach their maximum age without one."""

_CLOSE_TIMEOUT_S = 0.5
"""Longest wait at the end for the chunk that is being compressed, s."""


@dataclass(frozen=True, slots=True)
class RetentionLimits:
    """How much of a log is kept.

    Attributes:
        max_bytes: largest size of all files of the log together.
        min_free_bytes: disk space that stays free; 0 for no such limit.
        max_age_s: how long a line is kept, s; 0 for ever.
        max_file_span_s: longest time between the first and the last line of a file, s.
    """

    max_bytes: int
    min_free_bytes: int = 0
    max_age_s: float = 0.0
    max_file_span_s: float = 0.0


class Archive:
    """The rotated files of a log."""

    def __init__(
        self,
        path: Path,
        limits: RetentionLimits,
        *,
        is_clock_set: Callable[[], bool] = clock.is_set,
        is_clock_ahead: Callable[[], bool] | None = None,
    ) -> None:
        """Prepare to archive a log; no file is touched yet.

        Args:
            path: the log. If it is a symbolic link, its rotated files go next to the target.
            limits: how much is kept.
            is_clock_set: returns whether the wall clock is right.
            is_clock_ahead: returns whether the wall clock may be ahead, in which case no file is removed for its age;
                None for a `ClockAhead` of this log.
        """
        self._is_clock_ahead = is_clock_ahead or ClockAhead(path.resolve())
        self._has_warned = False
        self._limits = limits
        self._path = path.resolve()
        self._is_clock_set = is_clock_set

    def rotate(self) -> None:
        """Rename the log to the next rotated name. It must be closed and synced to the disk.

        Raises:
            OSError: it cannot be renamed.
        """
        self._path.rename(next_name(self._path))

    def has_free_space(self, size: int) -> bool:
        """Return whether enough of the disk stays free if `size` more bytes are written.

        Raises:
            OSError: the free space cannot be determined.
        """
        return not self._limits.min_free_bytes or _free_bytes(self._path.parent) >= self._limits.min_free_bytes + size

    def tidy(self, is_stopped: Callable[[], bool] = lambda: False) -> None:
        """Compress plain files, finish interrupted work, and remove files beyond the limits.

        Args:
            is_stopped: polled while compressing; if it returns True, the rest is left for the next call.

        Raises:
            OSError: a file cannot be read, written or removed.
        """
        self._remove_partial()
        self._prune()  # before compressing, which may need the space
        for file in rotated_files(self._path):
            plain = file.path.with_suffix("") if file.path.suffix == GZIP_SUFFIX else file.path
            try:
                if file.path == plain and not _compress(plain, is_stopped):
                    return
            finally:
                self._remove_partial()  # on a full disk, a partial file only takes space
            plain.unlink(missing_ok=True)
        self._prune()

    def _remove_partial(self) -> None:
        for partial in self._path.parent.glob(f"{glob.escape(self._path.stem)}.*{GZIP_SUFFIX}{PARTIAL_SUFFIX}"):
            partial.unlink()

    def _prune(self) -> None:
        files = rotated_files(self._path)
        expired, is_ahead = self._count_expired(files), self._is_clock_ahead()
        if expired and is_ahead:
            self._warn_of_clock(expired)
            expired = 0
        sizes = [file.path.stat().st_size for file in files]
        with suppress(FileNotFoundError):  # the log was rotated a moment ago
            sizes.append(self._path.stat().st_size)
        excess = sum(sizes) - self._limits.max_bytes
        for number, (file, size) in enumerate(zip(files, sizes, strict=False)):
            if number < expired:
                reason = "it is too old"
            elif excess > 0:
                reason = "all files together are too large"
            elif not self.has_free_space(HEADROOM_BYTES):
                reason = "too little of the disk is free"
            else:
                return
            file.path.unlink()
            excess -= size
            log.info("%s: removed: %s", file.path, reason)

    def _warn_of_clock(self, count: int) -> None:
        if not self._has_warned:
            log.warning(
                "%s: expected a clock at most a day ahead of the log, found one that makes %d files too old: they are "
                "kept until a time server confirms it, or for a day: set the clock if it is wrong",
                self._path,
                count,
            )
        self._has_warned = True

    def _count_expired(self, files: list[RotatedFile]) -> int:
        """Return how many of the files, which are sorted by age, contain lines beyond the maximum age.

        A file without a time ended no later than the next file that has one. While the clock is not set, the
        modification time is used as well: the clock still counts, behind by the time that the machine was off, so that
        no file looks older than it is.
        """
        if not self._limits.max_age_s:
            return 0
        is_set, now = self._is_clock_set(), datetime.now(UTC)
        latest_end = now
        for number in reversed(range(len(files))):
            file = files[number]
            ended = file.ended if file.ended or is_set else datetime.fromtimestamp(file.path.stat().st_mtime, UTC)
            latest_end = min(latest_end, ended) if ended else latest_end
            if (now - latest_end).total_seconds() >= self._limits.max_age_s - self._limits.max_file_span_s:
                return number + 1
        return 0


class LogMaintenance:
    """Background thread that flushes the log while no line arrives, and tidies its archive.

    The archive is tidied after each rotation and at regular intervals. Compressing therefore delays no line, and a lost
    camera leaves no line in memory.

    Attributes:
        error: why the archive cannot be tidied at present; empty if it can.
    """

    def __init__(self, archive: Archive, *, check_s: float = CHECK_S, tidy_s: float = TIDY_S) -> None:
        """Prepare the thread; `start` starts it.

        Args:
            archive: the archive to tidy.
            check_s: time between two flushes, s.
            tidy_s: time between two passes over the archive without a request, s.
        """
        self.error = ""
        self._archive = archive
        self._check_s = check_s
        self._tidy_every = max(1, round(tidy_s / check_s))
        self._stopped = False
        self._requested = threading.Event()
        self._requested.set()  # an earlier run may have been interrupted
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, flush: Callable[[], None]) -> None:
        """Start the thread.

        Args:
            flush: writes the lines that are due; called every `check_s`.
        """
        self._thread = threading.Thread(target=self._run, args=(flush,), name="log maintenance", daemon=True)
        self._thread.start()

    def request_tidy(self) -> None:
        """Tidy the archive soon; may be called from any thread."""
        self._requested.set()
        self._wake.set()

    def close(self) -> None:
        """Stop the thread; a file that is being compressed is compressed from its beginning in the next run."""
        self._stopped = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(_CLOSE_TIMEOUT_S)

    def _run(self, flush: Callable[[], None]) -> None:
        checks = 0
        while not self._stopped:
            if self._requested.is_set() or checks >= self._tidy_every:
                self._requested.clear()
                checks = 0
                self._tidy()
            self._wake.wait(self._check_s)
            self._wake.clear()
            checks += 1
            try:
                flush()
            except SinkError:
                return  # the next line, or closing the log, raises it again and ends the run

    def _tidy(self) -> None:
        try:
            self._archive.tidy(lambda: self._stopped)
        except OSError as error:
            reason = ": ".join(str(part) for part in (error.strerror or error, error.filename) if part)
            if reason != self.error:
                log.warning("the log's old files cannot be compressed or removed: %s; trying again", reason)
            self.error = reason
        else:
            self.error = ""


def _compress(plain: Path, is_stopped: Callable[[], bool]) -> bool:
    """Write the compressed copy of a file; return False if stopped before it was complete."""
    compressed = plain.with_name(plain.name + GZIP_SUFFIX)
    partial = compressed.with_name(compressed.name + PARTIAL_SUFFIX)
    stat = plain.stat()
    # Not a GzipFile: from Python 3.12 on, one that meets a full disk prints a traceback when it is garbage-collected.
    compressor = zlib.compressobj(GZIP_LEVEL, wbits=GZIP_WBITS)
    with plain.open("rb") as source, partial.open("wb") as target:
        while chunk := source.read(CHUNK_BYTES):
            if is_stopped():
                return False
            target.write(compressor.compress(chunk))
        target.write(compressor.flush())
        target.flush()
        os.fsync(target.fileno())
    os.utime(partial, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    partial.rename(compressed)
    with suppress(OSError):  # some file systems cannot sync a folder
        sync_folder(compressed.parent)  # before the plain file is removed
    return True


def _free_bytes(folder: Path) -> int:
    facts = os.statvfs(folder)
    return facts.f_bavail * facts.f_frsize
