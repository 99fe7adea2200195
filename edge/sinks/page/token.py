"""Reads the token that opens the page."""

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path

from edge.errors import SinkError
from edge.sink_settings import PageSettings

SHORTEST = 16
"""Characters. What is drawn at random and this long is not guessed."""

OTHERS = 0o007
"""A file's rights for everybody else."""

_DRAW = "(umask 077; python3 -c 'import secrets; print(secrets.token_urlsafe(32))' > {})"


def find_token(settings: PageSettings, environment: Mapping[str, str] = os.environ) -> str:
    """Return the token that the settings name; empty where none is asked for, which only this machine itself may do.

    Raises:
        SinkError: it is needed and not named, or its file cannot be used.
    """
    if settings.token_file:
        return read_token(token_path(settings.token_file, environment))
    if is_loopback(settings.address):
        return ""
    raise SinkError(
        f"expected page.token_file, since page.address is {settings.address}, found none: "
        "set it to a file that holds the token, or page.address to 127.0.0.1"
    )


def is_loopback(address: str) -> bool:
    """Whether only this machine itself reaches `address`."""
    return ipaddress.ip_address(address).is_loopback


def token_path(token_file: str, environment: Mapping[str, str] = os.environ) -> Path:
    """Where to read it: systemd hands a service a copy of a file that only root can read, under the same name."""
    path = Path(token_file).expanduser()
    handed = Path(environment.get("CREDENTIALS_DIRECTORY", "")) / path.name
    return handed if "CREDENTIALS_DIRECTORY" in environment and handed.exists() else path


def read_token(path: Path) -> str:
    """Read a file that holds a token and nothing else.

    Raises:
        SinkError: it cannot be read, others may read it, or what it holds is too short.
    """
    draw = _DRAW.format(path)
    try:
        mode, token = path.stat().st_mode, path.read_text(encoding="utf-8", errors="replace").strip()
    except FileNotFoundError as error:
        raise SinkError(f"{path}: expected the page's token, found no such file: {draw}") from error
    except OSError as error:
        raise SinkError(
            f"{path}: expected the page's token, found: {error.strerror}: let this user read it, or name another file"
        ) from error
    if mode & OTHERS:
        raise SinkError(f"{path}: expected a token that is secret, found a file that all may read: chmod o= {path}")
    if len(token) < SHORTEST or not token.isascii() or not token.isprintable() or " " in token:
        raise SinkError(
            f"{path}: expected a token of {SHORTEST} or more letters and digits, found {len(token)} characters: {draw}"
        )
    return token
