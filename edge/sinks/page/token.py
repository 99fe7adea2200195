"""Reads the token that protects the page, and refuses one that is missing, short, or readable by everybody."""

import logging
import os
import threading
from collections.abc import Mapping
from pathlib import Path

from edge.device.secret_files import facts_of
from edge.errors import SinkError
from edge.settings.sinks import PageSettings
from edge.sinks.page.address import is_loopback

log = logging.getLogger(__name__)

MIN_LENGTH = 16
"""Characters. A random token of this length cannot be guessed."""

OTHERS = 0o007
"""Permission bits of users who are neither the file's owner nor in its group."""

_GENERATE = "(umask 077; python3 -c 'import secrets; print(secrets.token_urlsafe(32))' > {})"


class CurrentToken:
    """Follows the token's file, so that a new token shuts out everybody who has the old one.

    A service reads systemd's copy, which stays as it is until the service starts again, as it does when the original
    has changed (`edge/service/credentials.py`). From the change on the old token admits nobody.

    Args:
        settings: the `[page]` section.
        environment: the process's environment.

    Raises:
        SinkError: a token is needed and none is set, or its file cannot be used.
    """

    def __init__(self, settings: PageSettings, environment: Mapping[str, str] = os.environ) -> None:
        self._original = Path(settings.token_file)
        self._path = token_path(settings.token_file, environment) if settings.token_file else None
        self._seen = facts_of(self._original)
        self._token = find_token(settings, environment) or None
        self._lock = threading.Lock()

    def __call__(self) -> str | None:
        """Return the token; None if none is needed, and "" if the file's new content cannot be used."""
        if self._path is None:
            return None
        with self._lock:
            seen = facts_of(self._original)
            if seen != self._seen:
                self._seen = seen
                self._token = self._read(self._path)
            return self._token

    def _read(self, path: Path) -> str:
        if path != self._original:
            log.warning("%s has changed: nobody can open the page until the service has started again", self._original)
            return ""
        try:
            token = read_token(path)
        except SinkError as error:
            log.error("nobody can open the page: %s", error)  # noqa: TRY400  # the message says all
            return ""
        log.info("%s has changed: only the new token opens the page", path)
        return token


def find_token(settings: PageSettings, environment: Mapping[str, str] = os.environ) -> str:
    """Return the token that the settings name, or "" if none is needed because only this machine can connect.

    Raises:
        SinkError: a token is needed and none is set, or its file cannot be used.
    """
    if settings.token_file:
        return read_token(token_path(settings.token_file, environment))
    if is_loopback(settings.address):
        return ""
    raise SinkError(
        f"expected page.token_file, since page.address is {settings.address}, found none: "
        "set it to a file that holds the token, or page.address to 127.0.0.1"
    )


def token_path(token_file: str, environment: Mapping[str, str] = os.environ) -> Path:
    """Return the file to read: systemd gives a service a copy, under the same name, of a file only root can read."""
    path = Path(token_file)
    credential = Path(environment.get("CREDENTIALS_DIRECTORY", "")) / path.name
    return credential if "CREDENTIALS_DIRECTORY" in environment and credential.exists() else path


def read_token(path: Path) -> str:
    """Read a file that holds a token and nothing else.

    Raises:
        SinkError: it cannot be read, everybody may read it, or its content is no token.
    """
    generate = _GENERATE.format(path)
    try:
        mode, token = path.stat().st_mode, path.read_text(encoding="utf-8", errors="replace").strip()
    except FileNotFoundError as error:
        raise SinkError(f"{path}: expected the page's token, found no such file: {generate}") from error
    except OSError as error:
        raise SinkError(
            f"{path}: expected the page's token, found: {error.strerror}: let this user read it, or name another file"
        ) from error
    if mode & OTHERS:
        raise SinkError(f"{path}: expected a secret token, found a file that everybody may read: chmod o= {path}")
    if len(token) < MIN_LENGTH or not token.isascii() or not token.isprintable() or " " in token:
        raise SinkError(
            f"{path}: expected a token of {MIN_LENGTH} or more letters and digits, "
            f"found {len(token)} characters: {generate}"
        )
    return token
