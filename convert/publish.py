"""Publishes the files of a model, all of them or none, and finds what was published before."""

import contextlib
import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path

from edge.device.files import atomic_write, sync_folder
from edge.errors import ConfigError, ModelError
from edge.model.manifest import Manifest, Precision, manifest_path, read_manifest

log = logging.getLogger(__name__)

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def model_path(folder: Path, name: str, precision: Precision) -> Path:
    """Return the path of a published model: NAME.tflite in int8, NAME.PRECISION.tflite in any other precision."""
    return folder / (f"{name}.tflite" if precision == "int8" else f"{name}.{precision}.tflite")


def read_previous(model: Path) -> Manifest | None:
    """Return the manifest published with `model`; None if there is none that can be read."""
    path = manifest_path(model)
    if not path.exists():
        return None
    try:
        return read_manifest(path)
    except ModelError as error:
        log.warning("%s: the manifest published before is ignored", error)
        return None


def check_target(folder: Path, name: str) -> None:
    """Check, before the work begins, that `name` can be published in `folder`; make the folder if there is none.

    Raises:
        ConfigError: the name is not a plain file name, or the folder cannot be written.
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
    """Write `files`, each atomically, in the order given; on any failure, restore the old ones.

    Only a power cut or a kill between two renames can leave files of two conversions side by side. Whatever the order,
    the hash in the manifest then does not fit the model, so the runtime refuses the pair; converting again repairs it.

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
                f"{error.filename}: expected to write the model, found: {found}: the old one stays"
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
            with atomic_write(path) as temporary:
                _write(temporary, content)


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folders(files: Mapping[Path, bytes]) -> None:
    """Make the renames survive a power cut as well."""
    for folder in {path.parent for path in files}:
        sync_folder(folder)


def _partial(path: Path) -> Path:
    """Return a temporary path for `path`: in its folder, so that the rename is atomic, and one for each process."""
    return path.with_name(f".{path.name}.{os.getpid()}.partial")
