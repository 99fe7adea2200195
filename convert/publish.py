"""Replaces the published files of a model, all of them or none."""

import contextlib
import os
import re
from collections.abc import Mapping
from pathlib import Path

from edge.errors import ConfigError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def check_target(folder: Path, name: str) -> None:
    """See before the work begins that `name` can be published in `folder`; the folder is made where there is none.

    Raises:
        ConfigError: the name is no plain file name, or the folder cannot be written.
    """
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"expected a model name of letters, digits, '.', '_' and '-', found {name!r}: give another --name"
        )
    probe = _partial(folder / name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ConfigError(
            f"{folder}: expected a folder that can be written, found: {error.strerror}: give --out"
        ) from error


def publish(files: Mapping[Path, bytes]) -> None:
    """Write `files`, each atomically, in the order given; on any failure the old ones stand again as they were.

    Only a power cut or a kill between two renames can leave files of two conversions side by side. Whatever the order,
    the hash in the manifest then does not fit the model, so the runtime refuses the pair; converting again mends it.

    Raises:
        ConfigError: a file cannot be written.
    """
    old: dict[Path, bytes | None] = {}
    try:
        for path, content in files.items():
            _write(_partial(path), content)
        for path in files:
            old[path] = path.read_bytes() if path.exists() else None
            _partial(path).replace(path)
        _sync_folders(files)
    except BaseException as error:
        _restore(old)
        if isinstance(error, OSError):
            found = error.strerror or error
            raise ConfigError(
                f"{error.filename}: expected to write the model, found: {found}: the old one stands"
            ) from error
        raise
    finally:
        for path in files:
            with contextlib.suppress(OSError):
                _partial(path).unlink(missing_ok=True)


def _restore(old: Mapping[Path, bytes | None]) -> None:
    for path, content in old.items():
        if content is None:
            path.unlink(missing_ok=True)
        else:
            _write(_partial(path), content)
            _partial(path).replace(path)


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folders(files: Mapping[Path, bytes]) -> None:
    """Make the renames last through a power cut, too."""
    for folder in {path.parent for path in files}:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _partial(path: Path) -> Path:
    """Where `path` is written first: in the same folder, so that the rename is atomic; not in another process's way."""
    return path.with_name(f".{path.name}.{os.getpid()}.partial")
