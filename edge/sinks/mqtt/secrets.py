"""Finds passwords and keys: in files that others cannot read, or in what systemd hands over."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from edge.errors import SinkError

PASSWORD, KEY = "mqtt-password", "mqtt-key"
"""As the unit's LoadCredential calls them; the installed files in /etc/edge-emotion have the same names."""


def credentials_folder(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return where systemd has put what the unit loads; None outside of a service."""
    folder = environment.get("CREDENTIALS_DIRECTORY", "")
    return Path(folder) if folder else None


def find_secret(setting: str, path: str, name: str, folder: Path | None) -> Path | None:
    """Return the file that the setting names, else the credential, else None.

    setting: what messages call the setting. path: its value; empty is none. name: of the credential in `folder`.

    Raises:
        SinkError: the file cannot be read, or others can read it.
    """
    if path:
        return _checked(setting, Path(path).expanduser())
    credential = None if folder is None else folder / name
    if credential is None or not _has_content(credential):
        return None
    return credential


def read_secret(path: Path) -> str:
    """Return the file's first line.

    Raises:
        SinkError: it has none, or is no text.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise SinkError(f"{path}: expected a password as UTF-8 text, found something else: write it again") from error
    except OSError as error:
        raise SinkError(f"{path}: expected a password, found: {error.strerror}: may this user read it?") from error
    if not lines or not lines[0]:
        raise SinkError(f"{path}: expected a password on the first line, found none: write it there")
    return lines[0]


def _checked(setting: str, path: Path) -> Path:
    try:
        mode = path.stat().st_mode
        is_file = stat.S_ISREG(mode)
        if is_file:  # opening a pipe would wait for whoever writes to it
            path.open("rb").close()
    except OSError as error:
        raise SinkError(
            f"{setting}: expected a file that this user can read at {path}, found: {error.strerror}: "
            "make one, or as a service use the credential of docs/mqtt.md"
        ) from error
    if not is_file:
        raise SinkError(f"{setting}: expected a file at {path}, found something else: name a file")
    if mode & stat.S_IRWXO:
        raise SinkError(
            f"{setting}: expected a file that others cannot read, found {path} with mode "
            f"{stat.S_IMODE(mode):04o}: chmod 600 {path}"
        )
    return path


def _has_content(path: Path) -> bool:
    """Whether there is more than the empty line that the unit hands over where nothing was stored."""
    try:
        return bool(path.read_bytes().strip())
    except OSError:
        return False
