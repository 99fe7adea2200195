"""Reads arrays from `.npz` files, whose sizes are checked before anything is unpacked."""

import math
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.device.zip_files import open_zip, unpacked_bytes

_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
"""Readers of an array's header, by the version of its format."""


class UnreadableArraysError(Exception):
    """Arrays that cannot be read; the message says what was found."""


def read_arrays(
    path: Path, names: Sequence[str], *, optional: Sequence[str] = (), most_bytes: int
) -> dict[str, NDArray[Any]]:
    """Read arrays of numbers or text.

    Args:
        path: the file.
        names: the arrays to read; others are left unread.
        optional: arrays to read if they are there.
        most_bytes: largest size of all of them together.

    Raises:
        UnreadableArraysError: the file cannot be read, lacks an array, or holds larger ones or objects.
    """
    try:
        with path.open("rb") as file, open_zip(file) as archive:
            wanted = [*names, *(name for name in optional if f"{name}.npy" in archive.namelist())]
            _check_total(sum(_check(archive, archive.getinfo(f"{name}.npy")) for name in wanted), most_bytes)
            file.seek(0)
            with np.load(file, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in wanted}
    except (UnreadableArraysError, FileNotFoundError) as error:
        raise UnreadableArraysError(getattr(error, "strerror", None) or str(error)) from error
    except Exception as error:  # of any type: numpy and zipfile raise many for a damaged file
        raise UnreadableArraysError(str(error).partition("\n")[0] or type(error).__name__) from error


def _check_total(size: int, most_bytes: int) -> None:
    if size > most_bytes:
        raise UnreadableArraysError(f"arrays of {size / 1e9:.1f} GB, more than {most_bytes / 1e9:.1f} GB")


def _check(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> int:
    """Return the size of an array, bytes; numpy takes the memory for it before it reads the first number.

    Raises:
        UnreadableArraysError: its header promises more than its entry holds.
    """
    entry_bytes = unpacked_bytes([entry])
    with archive.open(entry) as file:
        version = np.lib.format.read_magic(file)
        if version not in _HEADERS:
            raise UnreadableArraysError(f"{entry.filename} in version {version[0]} of its format")
        shape, _, dtype = _HEADERS[version](file)
    size = math.prod(shape) * dtype.itemsize
    if dtype.itemsize == 0 or min(shape, default=0) < 0 or size > entry_bytes:
        raise UnreadableArraysError(f"{entry.filename} of {shape} {dtype} in {entry_bytes} bytes")
    return entry_bytes
