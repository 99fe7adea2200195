"""Opens a table of faces, plain or compressed: in bounded memory, however much it unpacks to."""

import io
import lzma
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from edge.device.zip_files import open_zip, unpacked_bytes

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_TABLE_BYTES = 1 << 30
"""Largest table, unpacked, bytes; FER2013's has 300 MB. A small archive can hold much more."""

MAX_ROW_BYTES = 1 << 16
"""Longest row, bytes; a face has at most 9,216 for its pixels."""

MAX_COLUMNS = 100

_XZ_MEMORY_BYTES = 256 << 20
"""Memory that unpacking a .xz may take, bytes: four times that of its highest level."""

_CHUNK_BYTES = 1 << 18


@contextmanager
def open_table(path: Path, choose: Callable[[list[str]], str]) -> Iterator[IO[bytes]]:
    """Open the table at `path` (plain, .xz, .zip) for one pass from its beginning to its end.

    Args:
        path: the file.
        choose: returns the table among the names of a .zip's members.

    Raises:
        OSError, EOFError, lzma.LZMAError, zipfile.BadZipFile: it cannot be read. Reading raises them as well.
        ValueError: it is larger, or has longer rows, than a table of faces. Reading raises this as well.
    """
    with ExitStack() as stack:
        file: IO[bytes] = stack.enter_context(path.open("rb"))
        if path.suffix == ".zip":
            file = stack.enter_context(_open_member(stack.enter_context(open_zip(file)), choose))
        chunks = _unpack_xz(file) if path.suffix == ".xz" else _read(file)
        yield stack.enter_context(io.BufferedReader(_Chunks(_whole_rows(chunks))))


def _open_member(archive: zipfile.ZipFile, choose: Callable[[list[str]], str]) -> IO[bytes]:
    """Open the table inside an archive; its declared size, which reading does not exceed, is checked first."""
    table = archive.getinfo(choose(archive.namelist()))
    if (size := unpacked_bytes([table])) > MAX_TABLE_BYTES:
        raise _too_large(size)
    return archive.open(table)


def _too_large(size: int) -> ValueError:
    return ValueError(f"expected a table of at most {MAX_TABLE_BYTES / 1e9:.1f} GB, found {size / 1e9:.1f} GB or more")


def _read(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK_BYTES):
        yield chunk


def _unpack_xz(file: IO[bytes]) -> Iterator[bytes]:
    """Unpack one stream after the other; the standard library's reader does not limit the memory."""
    packed = file.read(_CHUNK_BYTES)
    while packed:
        unpacker = lzma.LZMADecompressor(memlimit=_XZ_MEMORY_BYTES)
        while not unpacker.eof:
            if unpacker.needs_input and not (packed := packed or file.read(_CHUNK_BYTES)):
                raise EOFError("it ends too early")
            chunk = unpacker.decompress(packed, _CHUNK_BYTES)
            packed = b""
            if chunk:
                yield chunk
        packed = unpacker.unused_data.lstrip(b"\0") or file.read(_CHUNK_BYTES).lstrip(b"\0")


def _whole_rows(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the rows, many at a time.

    Raises:
        ValueError: the table is too large, or a row is not one of a table of faces.
    """
    size, rest = 0, b""
    for chunk in chunks:
        size += len(chunk)
        if size > MAX_TABLE_BYTES:
            raise _too_large(size)
        whole, newline, tail = (rest + chunk).rpartition(b"\n")
        _check_rows(whole)
        if newline:
            yield whole + newline
        rest = tail
        if len(rest) > MAX_ROW_BYTES:
            raise _too_long(len(rest))
    _check_rows(rest)
    if rest:
        yield rest


def _too_long(length: int) -> ValueError:
    return ValueError(f"expected rows of at most {MAX_ROW_BYTES >> 10} kB, found one of {length >> 10} kB or more")


def _check_rows(rows: bytes) -> None:
    for row in rows.split(b"\n"):
        if len(row) > MAX_ROW_BYTES:
            raise _too_long(len(row))
        if (commas := row.count(b",")) >= MAX_COLUMNS:
            raise ValueError(f"expected at most {MAX_COLUMNS} columns, found {commas + 1}")
        if row.count(b'"') % 2:
            raise ValueError("expected quotes that end in their row, found one that does not")


class _Chunks(io.RawIOBase):
    """A file with the content of `chunks`."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """Return True: it can be read, and nothing else."""
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Fill the buffer as far as the current chunk goes; return the number of bytes, 0 at the end."""
        target = memoryview(buffer).cast("B")
        if not self._rest:
            self._rest = memoryview(next(self._chunks, b""))
        part, self._rest = self._rest[: len(target)], self._rest[len(target) :]
        target[: len(part)] = part
        return len(part)
