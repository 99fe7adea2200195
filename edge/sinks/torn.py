"""Mends the end of a log that a power cut has torn."""

import logging
import os
from pathlib import Path

log = logging.getLogger(__name__)

LINE_START = b'{"time":"'
"""What each of our lines begins with: what begins otherwise is not ours to cut off."""

_CHUNK = 1 << 16


def mend(path: Path) -> None:
    """Cut off the rest of a line, and what the file system filled with zeros; another's line is ended instead.

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
        whole = _end_of_last_line(file.fileno(), size)
        torn = _read(file.fileno(), whole, min(size, whole + _CHUNK)).rstrip(b"\0")
        if not (torn.startswith(LINE_START) or LINE_START.startswith(torn)):
            file.seek(size)
            file.write(b"\n")
            return
        file.truncate(whole)
        os.fsync(file.fileno())
    log.warning("%s: the last line was torn, as by a power cut: %d bytes are cut off", path, size - whole)


def _end_of_last_line(descriptor: int, size: int) -> int:
    """Where the last whole line ends; 0 where there is none."""
    end = size
    while end > 0:
        start = max(0, end - _CHUNK)
        found = _read(descriptor, start, end).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _read(descriptor: int, start: int, end: int) -> bytes:
    return os.pread(descriptor, end - start, start)
