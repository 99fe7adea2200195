"""Keeps what a log was rotated into: compressed, and no more than there is room for.

Each step can be cut off by a loss of power, and nothing is lost or there twice afterwards: a compressed file gets its
name only once it is complete on the disk, and where it has it, the plain one beside it is done with.
"""

import glob
import logging
import os
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from edge import clock
from edge.sinks.rotated import PACKED, Rotated, next_name, rotated_files

log = logging.getLogger(__name__)

UNFINISHED = ".part"

LEVEL = 6
"""zlib's own choice: an eighth of a log is left; level 9 takes twice as long for 4 % less."""

GZIP = 16 + zlib.MAX_WBITS
"""Has zlib write a gzip file's head and tail."""

CHUNK = 1 << 18
"""Bytes compressed at a time: a few hundredths of a second on a Pi, so that a stop need not wait."""

LEEWAY = 1 << 20
"""Bytes that are made free beyond the limit, so that it is not met again with the next line."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be kept.

    most_bytes: of all files of the log. free_bytes: that are to stay free on its disk. longest_s: for which a line may
    be kept, 0 is for ever. span_s: from a file's first line to its last at most.
    """

    most_bytes: int
    free_bytes: int = 0
    longest_s: float = 0.0
    span_s: float = 0.0


class Archive:
    """The rotated files of the log at `path`, which itself is touched by `take` alone.

    is_clock_set: whether the clock can be believed.
    """

    def __init__(self, path: Path, limits: Limits, *, is_clock_set: Callable[[], bool] = clock.is_set) -> None:
        self._limits = limits
        self._path = path.resolve()  # where the log is a link, its files belong beside what it leads to
        self._is_clock_set = is_clock_set

    def take(self) -> None:
        """Rotate: give the log its number. It must be closed, and on the disk.

        Raises:
            OSError: it cannot be renamed.
        """
        self._path.rename(next_name(self._path))

    def has_room(self, size: int) -> bool:
        """Whether so many bytes more leave enough of the disk free.

        Raises:
            OSError: the disk cannot be asked.
        """
        return not self._limits.free_bytes or _free_bytes(self._path.parent) >= self._limits.free_bytes + size

    def tidy(self, is_stopped: Callable[[], bool] = lambda: False) -> None:
        """Finish what was begun, compress what is plain, remove what is too old or too much.

        is_stopped: asked now and then; the rest is done the next time.

        Raises:
            OSError: a file cannot be read, written or removed.
        """
        self._clear()
        self._prune()  # first: there may be no room to compress in
        for file in rotated_files(self._path):
            plain = file.path.with_suffix("") if file.path.suffix == PACKED else file.path
            try:
                if file.path == plain and not _compress(plain, is_stopped):
                    return
            finally:
                self._clear()  # a full disk does not need half a file
            plain.unlink(missing_ok=True)
        self._prune()

    def _clear(self) -> None:
        """Remove what is unfinished."""
        for left in self._path.parent.glob(f"{glob.escape(self._path.stem)}.*{PACKED}{UNFINISHED}"):
            left.unlink()

    def _prune(self) -> None:
        files = rotated_files(self._path)
        sizes = [file.path.stat().st_size for file in files]
        with suppress(FileNotFoundError):  # it was rotated a moment ago
            sizes.append(self._path.stat().st_size)
        too_much, old = sum(sizes) - self._limits.most_bytes, self._count_old(files)
        for number, (file, size) in enumerate(zip(files, sizes, strict=False)):
            if number < old:
                reason = "it is too old"
            elif too_much > 0:
                reason = "all files together are too large"
            elif not self.has_room(LEEWAY):
                reason = "too little of the disk is free"
            else:
                return
            file.path.unlink()
            too_much -= size
            log.info("%s: removed: %s", file.path, reason)

    def _count_old(self, files: list[Rotated]) -> int:
        """How many of them, the oldest, hold lines that were kept for long enough.

        A file without a time ended no later than the next one that has one. While the clock is not set it still counts
        on, behind by the time that the machine was off: by it a file is never older than it is.
        """
        if not self._limits.longest_s:
            return 0
        is_set, now = self._is_clock_set(), datetime.now(UTC)
        bound = now
        for number in reversed(range(len(files))):
            file = files[number]
            told = file.ended if file.ended or is_set else datetime.fromtimestamp(file.path.stat().st_mtime, UTC)
            bound = min(bound, told) if told else bound
            if (now - bound).total_seconds() >= self._limits.longest_s - self._limits.span_s:
                return number + 1
        return 0


def _compress(plain: Path, is_stopped: Callable[[], bool]) -> bool:
    """Make the compressed file; whether it was not stopped."""
    packed = plain.with_name(plain.name + PACKED)
    unfinished = packed.with_name(packed.name + UNFINISHED)
    facts = plain.stat()
    # Not a GzipFile: from Python 3.12 on one that meets a full disk leaves a traceback behind when it is collected.
    pack = zlib.compressobj(LEVEL, wbits=GZIP)
    with plain.open("rb") as source, unfinished.open("wb") as sink:
        while chunk := source.read(CHUNK):
            if is_stopped():
                return False
            sink.write(pack.compress(chunk))
        sink.write(pack.flush())
        sink.flush()
        os.fsync(sink.fileno())
    os.utime(unfinished, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    unfinished.rename(packed)
    _sync_folder(packed.parent)  # before the plain one goes
    return True


def _free_bytes(folder: Path) -> int:
    facts = os.statvfs(folder)
    return facts.f_bavail * facts.f_frsize


def _sync_folder(folder: Path) -> None:
    """Have a folder's names on the disk; some file systems cannot be asked."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
