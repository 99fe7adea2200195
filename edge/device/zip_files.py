"""Opens ZIP archives that others have made; their lists of files and ways of packing are limited."""

import io
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO

MAX_LIST_BYTES = 4 << 20
"""Largest list of an archive's files, bytes: some 60,000 of them. Python takes ten times its size in memory."""

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Ways in which a file may be packed. The others are rare, and take as much memory as the archive asks for."""


class ArchiveLimitError(ValueError):
    """An archive whose list of files is too long, or that packs them in another way; the message says what."""


@contextmanager
def open_zip(file: IO[bytes]) -> Iterator[zipfile.ZipFile]:
    """Open an archive for reading.

    Raises:
        ArchiveLimitError: its list of files is too long.
        OSError, zipfile.BadZipFile: it cannot be read.
    """
    listed = _ListReader(file)
    with zipfile.ZipFile(listed) as archive:
        listed.is_limited = False
        yield archive


def unpacked_bytes(members: Iterable[zipfile.ZipInfo]) -> int:
    """Return what the files unpack to, bytes; reading them does not exceed the sizes that the archive declares.

    Raises:
        ArchiveLimitError: one of them is packed in a way that is not allowed.
    """
    size = 0
    for member in members:
        if member.compress_type not in METHODS:
            raise ArchiveLimitError(f"expected {member.filename} stored or deflated, found it packed otherwise")
        size += member.file_size
    return size


class _ListReader(io.RawIOBase):
    """Reads from a file, at first no more at once than the list of an archive may have.

    Attributes:
        is_limited: whether it does so. `zipfile` reads the whole list at once, before anything else is known of it.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.is_limited = True
        self._file = file

    def read(self, size: int = -1, /) -> bytes:
        if self.is_limited and size > MAX_LIST_BYTES:
            raise ArchiveLimitError(f"expected a list of files of at most {MAX_LIST_BYTES >> 20} MB, found more")
        return self._file.read(size)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True
