"""The addresses of network cameras: which are valid, with which credentials they are opened, and how they are shown."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from edge.device.secret_files import SOURCE_CREDENTIALS, credentials_folder, find_secret, read_secret
from edge.errors import ConfigError, did_you_mean, redact

if TYPE_CHECKING:
    from edge.settings.schema import SourceSettings

SCHEMES = ("rtsp", "rtsps", "http", "https", "udp", "tcp")
"""Schemes of the URLs that FFmpeg opens."""

PIPELINE_PREFIX = "gst:"
"""What a GStreamer pipeline begins with."""

CREDENTIAL = "camera-credentials"
"""Name of the credential in the unit's LoadCredential; the installed file in /etc/edge-emotion has the same name."""

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")

_WITH_CREDENTIALS = frozenset({"rtsp", "rtsps", "http", "https"})
"""Schemes whose servers may ask for a user and a password."""


@dataclass(frozen=True, slots=True)
class StreamAddress:
    """Where a network camera is.

    Attributes:
        name: The address as it is shown, without user and password.
        location: What the decoder opens, with both: a URL, or a GStreamer pipeline. Show it nowhere.
        is_pipeline: Whether it is a pipeline.
    """

    name: str
    location: str = field(repr=False)
    is_pipeline: bool = False


def is_network(use: str) -> bool:
    """Return whether `source.use` is a URL of any scheme, or a GStreamer pipeline, and so no file."""
    return use.startswith(PIPELINE_PREFIX) or _URL.match(use) is not None


def parse_address(settings: "SourceSettings", environment: Mapping[str, str] = os.environ) -> StreamAddress:
    """Return the address that `settings.use` gives, with user and password if there are any.

    Those in the URL come first, then those in `settings.credentials_file`, in the environment variable, and in the
    unit's credential. A pipeline contains its own.

    Args:
        settings: `use` is a URL or a pipeline.
        environment: The process's environment variables.

    Raises:
        ConfigError: It is no address, or the credentials cannot be read. The message shows neither user nor password.
    """
    use = settings.use
    if use.startswith(PIPELINE_PREFIX):
        pipeline = use.removeprefix(PIPELINE_PREFIX).strip()
        if not pipeline:
            raise ConfigError("source.use: expected a pipeline after gst:, found none: add its elements")
        return StreamAddress(redact(use), pipeline, is_pipeline=True)
    scheme = use.partition("://")[0].lower()
    if scheme not in SCHEMES:
        question = did_you_mean(scheme, SCHEMES)
        hint = "give the path alone" if scheme == "file" else question or "use one of those"
        raise ConfigError(f"source.use: expected {', '.join(SCHEMES)}:// or a path, found {scheme}://: {hint}")
    if any(not character.isprintable() or character.isspace() for character in use):
        raise ConfigError("source.use: expected a URL without spaces, found one: write it as %20")
    try:
        parts = urlsplit(use)
        has_place = parts.port is not None or bool(parts.hostname)  # the port raises if it is none
    except ValueError:
        has_place = False
    if not has_place:
        raise ConfigError(
            f"source.use: expected {scheme}://HOST:PORT/PATH, found no host or no such port in {redact(use)}: in a "
            "user or password, / ? # @ and : are written as %2F %3F %23 %40 and %3A"
        )
    location = use
    if parts.username is None and scheme in _WITH_CREDENTIALS:
        user_info = _find_credentials(settings, environment)
        if user_info:
            location = use.replace("://", f"://{user_info}@", 1)
    return StreamAddress(redact(use), location)


def _find_credentials(settings: "SourceSettings", environment: Mapping[str, str]) -> str:
    """Return user and password as a URL has them; empty if there are none.

    Raises:
        ConfigError: They cannot be read, or there is no colon between them.
    """
    path = find_secret(
        "source.credentials_file",
        settings.credentials_file,
        CREDENTIAL,
        credentials_folder(environment),
        error_type=ConfigError,
    )
    text, place = environment.get(SOURCE_CREDENTIALS, ""), SOURCE_CREDENTIALS
    if path is not None and (settings.credentials_file or not text):
        text, place = read_secret(path, error_type=ConfigError), str(path)
    if not text:
        return ""
    user, colon, password = text.partition(":")
    if not colon or not user:
        raise ConfigError(f"{place}: expected user:password, found no user or no colon: write both in one line")
    return f"{quote(user, safe='')}:{quote(password, safe='')}"
