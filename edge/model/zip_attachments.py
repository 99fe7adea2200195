"""Attaches files to a model: a ZIP archive after the last byte of the flatbuffer.

TFLite's metadata keeps its associated files in the same place: interpreters ignore them, and any ZIP tool lists them.
"""

import io
import zipfile
import zlib
from collections.abc import Mapping

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a ZIP archive can hold. Every file gets it, so that equal content gives equal bytes."""

DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError)
"""Errors that `zipfile` raises for a damaged archive."""


MAX_BYTES = 1 << 20
"""Largest attached file that is read, bytes; a manifest has a few thousand. A small archive can hold gigabytes."""


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
        ValueError: the archive is damaged, or the file is too large.
    """
    if not zipfile.is_zipfile(io.BytesIO(model)):
        return model, None
    try:
        with zipfile.ZipFile(io.BytesIO(model)) as archive:
            start = min((file.header_offset for file in archive.infolist()), default=len(model))
            if name not in archive.namelist():
                return model[:start], None
            with archive.open(name) as file:
                content = file.read(MAX_BYTES + 1)
    except DAMAGE as error:
        raise ValueError(f"the archive of attached files is damaged: {error}") from error
    if len(content) > MAX_BYTES:
        raise ValueError(f"expected {name} of at most {MAX_BYTES >> 20} MB in the model, found a larger one")
    return model[:start], content
