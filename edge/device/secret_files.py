"""Finds and reads the files that hold a password, a key or other credentials."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from edge.errors import EdgeError

SOURCE_CREDENTIALS = "EDGE_EMOTION_SOURCE_CREDENTIALS"
"""Environment variable with `user:password` of a network camera."""


def credentials_folder(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the folder in which systemd puts the unit's credentials, or None outside a service."""
    folder = environment.get("CREDENTIALS_DIRECTORY", "")
    return Path(folder) if folder else None


def find_secret(setting: str, path: str, name: str, folder: Path | None, *, error_type: type[EdgeError]) -> Path | None:
    """Return the file that a setting names, else the systemd credential, else None.

    Args:
        setting: name of the setting, for messages.
        path: value of the setting; may be empty.
        name: name of the credential in `folder`.
        folder: credentials folder, or None.
        error_type: type of the error.

    Raises:
        EdgeError: the file cannot be read, or other users can read it; of type `error_type`.
    """
    if path:
        return _checked(setting, Path(path), error_type)
    credential = None if folder is None else folder / name
    if credential is None or not _has_content(credential):
        return None
    return credential


def read_secret(path: Path, *, error_type: type[EdgeError]) -> str:
    """Return the file's first line.

    Args:
        path: the file.
        error_type: type of the error.

    Raises:
        EdgeError: the file cannot be read, is not UTF-8 text, or its first line is empty; of type `error_type`.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise error_type(f"{path}: expected a password as UTF-8 text, found something else: write it again") from error
    except OSError as error:
        raise error_type(f"{path}: expected a password, found: {error.strerror}: may this user read it?") from error
    if not lines or not lines[0]:
        raise error_type(f"{path}: expected a password on the first line, found none: write it there")
    return lines[0]


def facts_of(path: Path) -> tuple[int, ...]:
    """Return what changes with a file's content, even for a user who may not read it; empty if there is no file."""
    try:
        facts = path.stat()
    except OSError:
        return ()
    return facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_mode


def _checked(setting: str, path: Path, error_type: type[EdgeError]) -> Path:
    try:
        mode = path.stat().st_mode
        is_file = stat.S_ISREG(mode)
        if is_file:  # opening a pipe would block until somebody writes to it
            path.open("rb").close()
    except OSError as error:
        raise error_type(
            f"{setting}: expected a file that this user can read at {path}, found: {error.strerror}: "
            f"create it, or for a service store the credential that {_DOCS[setting.partition('.')[0]]} describes"
        ) from error
    if not is_file:
        raise error_type(f"{setting}: expected a file at {path}, found something else: name a file")
    if mode & stat.S_IRWXO:
        raise error_type(
            f"{setting}: expected a file that others cannot read, found {path} with mode "
            f"{stat.S_IMODE(mode):04o}: chmod 600 {path}"
        )
    return path


_DOCS = {"mqtt": "docs/mqtt.md", "source": "docs/sources.md"}
"""The page about a section's credentials."""


def _has_content(path: Path) -> bool:
    """Return whether the file holds more than the empty line that the unit provides when no secret is stored."""
    try:
        return bool(path.read_bytes().strip())
    except OSError:
        return False
