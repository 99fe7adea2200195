"""Limits what a Keras file may hold, and the memory that loading it may take."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.device.memory import limited_memory
from edge.device.zip_files import ArchiveLimitError, open_zip, unpacked_bytes

MAX_BYTES = 2 << 30
"""Largest net that is loaded, unpacked, bytes; VGG16 with its optimizer takes a tenth of this."""

MAX_CONFIG_BYTES = 16 << 20
"""Largest description of a net, bytes; a net of hundreds of layers has some 100 kB."""

_MORE_BYTES, _FACTOR = 1 << 30, 6
"""Memory that loading may take: this, and so many times what the file holds: its bytes, the net, and the optimizer's
two values a weight, some of them twice for a moment."""


class TooLargeError(Exception):
    """A file that holds more than a net does; the message says what."""


@contextmanager
def limited_loading(path: Path) -> Iterator[None]:
    """Check what a `.keras` or `.h5` file holds; within the block, limit memory in proportion to it.

    A small file may describe a net of any size, or a compressed array of any length: the memory for it is refused.

    Raises:
        OSError, zipfile.BadZipFile: the file cannot be read.
        TooLargeError: it holds more than a net does.
    """
    with limited_memory(_MORE_BYTES + _FACTOR * _unpacked_bytes(path)):
        yield


def _unpacked_bytes(path: Path) -> int:
    """Return the size of a file's content, bytes; nothing is unpacked.

    Raises:
        TooLargeError: it is too large.
    """
    size = path.stat().st_size
    if zipfile.is_zipfile(path):
        try:
            with path.open("rb") as file, open_zip(file) as archive:
                members = archive.infolist()
            size = unpacked_bytes(members)
        except ArchiveLimitError as error:
            raise TooLargeError(f"an archive: {error}") from error
        config = max((member.file_size for member in members if member.filename.endswith(".json")), default=0)
        if config > MAX_CONFIG_BYTES:
            raise TooLargeError(f"a description of {config >> 20} MB, more than {MAX_CONFIG_BYTES >> 20} MB")
    if size > MAX_BYTES:
        raise TooLargeError(f"{size / 1e9:.1f} GB, more than {MAX_BYTES / 1e9:.1f} GB")
    return size
