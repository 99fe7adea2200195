"""Keeps decoded faces between runs, so that the next start takes a second."""

import hashlib
import logging
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from train.labelled import LabelledFaces

log = logging.getLogger(__name__)

FOLDER_VARIABLE = "EDGE_EMOTION_CACHE"
"""Names another folder than the user's; empty, nothing is kept."""

VERSION = 1
"""Of what is kept: counted up when the same files are read as other faces."""


def cached(path: Path, files: Iterable[Path], read: Callable[[], LabelledFaces]) -> LabelledFaces:
    """Return what `read` returns, from the cache where `files` are still as they were then.

    Kept are the faces of `path` as they were read last, in one file of 2.4 kB a face. A cache that cannot be read or
    written costs time, never the result.

    Args:
        path: the data set, absolute.
        files: all that `read` reads. Any change of a name, a size or a time makes it be read anew.
        read: decodes the faces.
    """
    folder = cache_folder()
    if folder is None:
        return read()
    place = _digest([str(path)])
    try:
        kept = folder / f"{place}-{_digest(map(_state, files))}.npz"
    except OSError:  # a file is gone: what reads it says so
        return read()
    faces = _load(kept)
    if faces is None:
        faces = read()
        _store(faces, kept, old=f"{place}-*.npz")
    return faces


def cache_folder() -> Path | None:
    """Return where faces are kept; None for nowhere."""
    named = os.environ.get(FOLDER_VARIABLE)
    if named is not None:
        return Path(named) if named else None
    user = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111  # Path's raises without a home
    return Path(user) / "edge-emotion"


def _digest(lines: Iterable[str]) -> str:
    whole = hashlib.sha256(str(VERSION).encode())
    for line in lines:
        whole.update(line.encode(errors="surrogateescape") + b"\0")
    return whole.hexdigest()[:16]


def _state(path: Path) -> str:
    """What changes when the file does.

    The time of its entry also tells of a file with an old date that was put in its place. Where a system has no such
    time (Windows), size and date have to do.
    """
    found = path.stat()
    return f"{path} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"


def _load(kept: Path) -> LabelledFaces | None:
    try:
        with kept.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            faces = LabelledFaces(
                arrays["pixels"], arrays["codes"], arrays["splits"], arrays["rows"], tuple(arrays["broken"].tolist())
            )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        log.info("%s: the faces kept there cannot be used (%s): reading them anew", kept, error)
        return None
    log.debug("%d faces taken from %s", len(faces.pixels), kept)
    return faces


def _store(faces: LabelledFaces, kept: Path, *, old: str) -> None:
    partial = None
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=kept.parent, suffix=".partial", delete=False) as file:
            partial = Path(file.name)
            np.savez(
                file,
                pixels=faces.pixels,
                codes=faces.codes,
                splits=faces.splits,
                rows=faces.rows,
                broken=np.array(faces.broken, dtype=np.str_),
            )
        for path in kept.parent.glob(old):
            path.unlink(missing_ok=True)
        partial.replace(kept)
    except OSError as error:
        log.info("%s: the faces are not kept for the next start: %s", kept.parent, error.strerror)
    else:
        log.info("faces kept for the next start: %s, %.0f MB", kept, kept.stat().st_size / 1e6)
    finally:
        if partial is not None:
            partial.unlink(missing_ok=True)
