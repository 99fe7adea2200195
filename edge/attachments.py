"""Files that travel inside a model: a ZIP archive behind the last byte of the flatbuffer.

TFLite's own metadata keeps its associated files in the same place: interpreters pass over them, and any ZIP tool lists
them.
"""

import io
import zipfile
import zlib
from collections.abc import Mapping

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a ZIP archive can hold. All files get it, so that the same content gives the same bytes."""

DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError)
"""What `zipfile` raises on an archive that was changed."""


def attach(flatbuffer: bytes, files: Mapping[str, bytes]) -> bytes:
    """Return a model that carries `files`, by name, uncompressed and in the order given."""
    model = io.BytesIO(flatbuffer)
    with zipfile.ZipFile(model, "a", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, EPOCH), content)
    return model.getvalue()


def detach(model: bytes, name: str) -> tuple[bytes, bytes | None]:
    """Split a model file into its flatbuffer and the content of the attached file `name`, None where there is none.

    Raises:
        ValueError: the archive is damaged.
    """
    if not zipfile.is_zipfile(io.BytesIO(model)):
        return model, None
    try:
        with zipfile.ZipFile(io.BytesIO(model)) as archive:
            start = min((file.header_offset for file in archive.infolist()), default=len(model))
            return model[:start], archive.read(name) if name in archive.namelist() else None
    except DAMAGE as error:
        raise ValueError(f"the archive of attached files is damaged: {error}") from error
