"""Attaches files to a model: a ZIP archive after the last byte of the flatbuffer.

TFLite's metadata keeps its associated files in the same place: interpreters ignore them, and any ZIP tool lists them.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping

from edge.device.zip_files import MAX_LIST_BYTES, open_zip, unpacked_bytes

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a ZIP archive can hold. Every file gets it, so that equal content gives equal bytes."""

DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError, OverflowError, struct.error)
"""Errors that `zipfile` raises for a damaged archive."""

MAX_BYTES = 1 << 20
"""Largest attached file that is read, bytes; a manifest has a few thousand. A small archive can hold gigabytes."""

MAX_ARCHIVE_BYTES = MAX_LIST_BYTES
"""Largest archive of attached files, bytes."""


def attach(flatbuffer: bytes, files: Mapping[str, bytes]) -> bytes:
    """Return the model with `files`, by name, attached uncompressed and in the given order."""
    model = io.BytesIO(flatbuffer)
    with zipfile.ZipFile(model, "a", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, EPOCH), content)
    return model.getvalue()


def detach(model: bytes, name: str) -> tuple[bytes, bytes | None]:
    """Split a model file into its flatbuffer and the content of the attached file `name`, None if it has no such file.

    Raises:
        ValueError: the archive is damaged or too large, or the file is.
    """
    end = io.BytesIO(model[-MAX_ARCHIVE_BYTES:])  # archives are read from their end
    if not zipfile.is_zipfile(end):
        return model, None
    try:
        with open_zip(end) as archive:
            files = archive.infolist()
            start = min((file.header_offset for file in files), default=len(end.getbuffer()))
            if start < 0:
                raise ValueError(f"expected at most {MAX_ARCHIVE_BYTES >> 20} MB, found more")
            wanted = next((file for file in files if file.filename == name), None)
            content = None if wanted is None else _read(archive, wanted)
    except DAMAGE as error:
        raise ValueError(f"the archive of attached files cannot be read: {error}") from error
    return model[: len(model) - len(end.getbuffer()) + start], content


def _read(archive: zipfile.ZipFile, file: zipfile.ZipInfo) -> bytes:
    if unpacked_bytes([file]) > MAX_BYTES:
        raise ValueError(f"expected {file.filename} of at most {MAX_BYTES >> 20} MB, found a larger one")
    return archive.read(file)
