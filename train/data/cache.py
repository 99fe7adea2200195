"""Caches decoded faces on disk, so that the next start takes a second."""

import hashlib
import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from edge.device.files import atomic_write
from train.data.npz import UnreadableArraysError, read_arrays
from train.data.raw import RawFaces

log = logging.getLogger(__name__)

FOLDER_VARIABLE = "EDGE_EMOTION_CACHE"
"""Environment variable with the cache folder; an empty value turns the cache off."""

VERSION = 2
"""Version of the cached content; incremented when the same files decode to different faces."""

_MOST_BYTES = 4 << 30
"""Largest cache that is read, bytes: the faces of a million pictures take 2.4 GB."""


def cached(path: Path, files: Iterable[Path], read: Callable[[], RawFaces], *, variant: str = "") -> RawFaces:
    """Return the result of `read`, from the cache if `files` have not changed since.

    The cache has one file per data set, with 2.4 kB for each face of its last version. A cache that cannot be read or
    written costs time, but does not change the result.

    Args:
        path: the data set, absolute.
        files: all files that `read` reads; a change of a name, size or time invalidates the cached faces.
        read: decodes the faces.
        variant: tells apart what `read` makes of the same files in different ways.
    """
    folder = cache_folder()
    if folder is None:
        return read()
    key = _digest([str(path), *filter(None, [variant])])
    try:
        entry = folder / f"{key}-{_digest(map(_fingerprint, files))}.npz"
    except OSError:  # a file is gone, which `read` reports
        return read()
    faces = _load(entry)
    if faces is None:
        faces = read()
        _store(faces, entry, old=f"{key}-*.npz")
    return faces


def cache_folder() -> Path | None:
    """Return the cache folder; None if the cache is off."""
    named = os.environ.get(FOLDER_VARIABLE)
    if named is not None:
        return Path(named) if named else None
    user = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111  # Path.expanduser() raises without a home
    return Path(user) / "edge-emotion"


def _digest(lines: Iterable[str]) -> str:
    digest = hashlib.sha256(str(VERSION).encode())
    for line in lines:
        digest.update(line.encode(errors="surrogateescape") + b"\0")
    return digest.hexdigest()[:16]


def _fingerprint(path: Path) -> str:
    """Return a line that changes whenever the file does.

    The inode's change time (ctime) reveals a file that was replaced by another one with an old date. Windows has no
    such time; size and modification time have to suffice there.
    """
    status = path.stat()
    return f"{path} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"


def _load(entry: Path) -> RawFaces | None:
    try:
        if not entry.exists():
            return None
        arrays = read_arrays(entry, ["pixels", "codes", "splits", "rows", "broken"], most_bytes=_MOST_BYTES)
        faces = RawFaces(
            arrays["pixels"], arrays["codes"], arrays["splits"], arrays["rows"], tuple(arrays["broken"].tolist())
        )
    except (OSError, ValueError, UnreadableArraysError) as error:
        log.info("%s: the cached faces cannot be used (%s): decoding again", entry, error)
        return None
    log.debug("%d faces read from the cache %s", len(faces.pixels), entry)
    return faces


def _store(faces: RawFaces, entry: Path, *, old: str) -> None:
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(entry) as temporary:
            temporary.touch(mode=0o600)  # the faces are for this user alone
            np.savez(
                temporary,
                pixels=faces.pixels,
                codes=faces.codes,
                splits=faces.splits,
                rows=faces.rows,
                broken=np.array(faces.broken, dtype=np.str_),
            )
            for path in entry.parent.glob(old):
                path.unlink(missing_ok=True)
    except OSError as error:
        log.info("%s: cannot cache the faces for the next start: %s", entry.parent, error.strerror)
    else:
        log.info("faces cached for the next start: %s, %.0f MB", entry, entry.stat().st_size / 1e6)
