"""Reads the small files in which the system describes itself, in /proc, /sys and /etc; replaces files atomically."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edge.errors import printable

ROOT = Path("/")
"""Where those folders are; a test puts a folder of its own in its place."""


def read_text(path: Path) -> str | None:
    """Return the file's content without NULs, blanks and newlines around it; None if it cannot be read.

    A file may be absent on this machine, closed to this user, or readable only while its device has power.
    """
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip("\0\n ")
    except OSError:
        return None


def read_int(path: Path, base: int = 10) -> int | None:
    """Return the integer that the file holds; None if it cannot be read or holds something else."""
    try:
        return int(read_text(path) or "", base)
    except ValueError:
        return None


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path that replaces `path` when the block ends; if the block raises, `path` stays as it is.

    A reader of `path` finds the old content or the new, never a part of either.

    The temporary name ends with the name of `path`, for writers that look at the suffix. It contains the process id, so
    two processes can replace the same file at once: the last one wins.

    Args:
        path: the file to replace. Its folder exists.

    Raises:
        OSError: the block could not write, or the file cannot be replaced.
    """
    temporary = partial_path(path, f".partial-{os.getpid()}-", "")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        with suppress(OSError):  # the folder cannot be written: there is nothing to remove
            temporary.unlink()


def user_path(text: str) -> Path:
    """Return a path from a command line; `~` is replaced where the shell has not done it, as in `--config=~/x`."""
    return Path(os.path.expanduser(text))  # noqa: PTH111  # Path's own would take `./~` for the home folder


def partial_path(path: Path, prefix: str, mark: str) -> Path:
    """Return the path, in the same folder, of a file that is still incomplete.

    The name ends with the suffix of `path`, is printable, and no longer than a file system allows.

    Args:
        path: the file when it is complete.
        prefix: begins the name.
        mark: stands before the suffix.
    """
    ending = mark + path.suffix
    stem = printable(path.stem).encode()[: _NAME_BYTES - len(os.fsencode(prefix + ending))].decode(errors="ignore")
    return path.with_name(printable(prefix + stem + ending))


_NAME_BYTES = 240
"""Length of a file's name that is possible everywhere, bytes."""


@contextmanager
def native_path(path: Path) -> Iterator[str]:
    """Yield a name of a file that native code accepts whatever the name of its folder is; valid within the block.

    Libraries take names as UTF-8 text, and what stands before a colon for a protocol.

    Args:
        path: the file; its own name is printable, as from `partial_path`.

    Raises:
        OSError: there is no such folder.
    """
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def read_limited(path: Path, most: int) -> bytes:
    """Return the content of a file, which may be one without an end such as /dev/zero.

    Args:
        path: the file.
        most: largest size that is read, bytes.

    Raises:
        OSError: it cannot be read.
        ValueError: it is larger.
    """
    content = bytearray()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):  # one call for all would allocate `most`
            content += chunk
            if len(content) > most:
                raise ValueError(f"expected at most {most / 1e6:.0f} MB, found more")
    return bytes(content)


_CHUNK_BYTES = 1 << 18


def sync_folder(folder: Path) -> None:
    """Wait until the folder's entries are on the disk, so that a rename in it survives a power cut.

    Raises:
        OSError: the folder cannot be opened, or its file system cannot do this.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
