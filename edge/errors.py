"""The errors with a message for the user; each carries the exit code that the process ends with.

    EdgeError
    ├── ConfigError                 2  a setting or a command-line option cannot be used
    │   └── LabelError                 an emotion name, or a set of names, is not one of ours
    ├── SourceError                 3  a source gives no frames
    │   ├── CameraError                a camera is busy, not permitted, disconnected or silent
    │   │   └── CameraAbsentError      there is no camera
    │   └── MediaError                 a video, a picture or a folder cannot be read
    ├── LogError                    3  a log cannot be read
    ├── SinkError                   3  a sink cannot write
    │   └── OutputClosedError       0  the reader of standard output has ended, as in `| head`
    ├── ServiceError                3  the service does not respond
    ├── ModelError                  4  a model or its manifest cannot be used
    ├── StuckError                  5  a thread did not end after it was stopped
    └── ShortageError               6  the system gives no more memory, or no further thread

Every message is one line: what was expected, what was found and what to do.
Exit code 0 is success (a stop by `q`, Ctrl-C or SIGTERM included); 1 is any error that is not in this tree.
None inherits from a built-in exception, so `except OSError` and `except ValueError` never catch one by accident.
"""

import difflib
import re
from collections.abc import Iterable


class EdgeError(Exception):
    """Base of every error with a message meant for the user; its text is one printable line."""

    exit_code = 1

    def __str__(self) -> str:
        return printable(redact(super().__str__()))


class ConfigError(EdgeError):
    """A setting or a command-line option that cannot be used."""

    exit_code = 2


class LabelError(ConfigError):
    """An emotion name, or a set of names, that is not one of ours."""


class SourceError(EdgeError):
    """A source that gives no frames."""

    exit_code = 3


class CameraError(SourceError):
    """A camera that is absent, busy, not permitted, disconnected or silent."""


class CameraAbsentError(CameraError):
    """No camera was found, so no driver was opened either."""


class MediaError(SourceError):
    """A video, a picture, or a folder of pictures that cannot be read."""


class LogError(EdgeError):
    """A log that cannot be read, or a file that is not a log."""

    exit_code = 3


class SinkError(EdgeError):
    """A sink that cannot write to its destination."""

    exit_code = 3


class OutputClosedError(SinkError):
    """The reader of standard output has ended; the run ends as well, successfully."""

    exit_code = 0


class ServiceError(EdgeError):
    """A service that is not running, or does not respond."""

    exit_code = 3


class ModelError(EdgeError):
    """A model or manifest that cannot be read, is damaged, or does not belong with the other."""

    exit_code = 4


class StuckError(EdgeError):
    """A thread that did not end in time."""

    exit_code = 5


class ShortageError(EdgeError):
    """Memory, or a thread, that the system refuses."""

    exit_code = 6


def printable(text: str) -> str:
    r"""Return foreign text, such as a file's name, with everything escaped that could change how a line is shown.

    Control characters and line breaks become `\n` or `\x1b`, marks that reverse the reading direction `\u202e`, and
    bytes of a name that are not UTF-8 `\xe9`.
    """
    return _UNPRINTABLE.sub(lambda match: _escape(match[0]), text)


_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)

_RAW_BYTES = range(0xDC80, 0xDD00)
"""Code points by which Python represents the bytes of a name that are not UTF-8; Source: PEP 383."""


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code - 0xDC00:02x}" if code in _RAW_BYTES else character.encode("unicode_escape").decode("ascii")


def redact(text: str) -> str:
    """Return a text with `***` in place of the user names and passwords in it, as URLs and pipelines have them.

    Everything between a URL's scheme and its last `@` counts as user and password, since a password may contain any
    character; so do the values of query parameters and of a pipeline's properties with such names. Of a text with more
    than `MAX_TEXT` characters the rest is left out.
    """
    if len(text) > MAX_TEXT:  # a password that is cut there ends as if it were complete, so that it is found
        return _redact(text[:MAX_TEXT] + _CUT).removesuffix(_CUT) + "…"
    return _redact(text)


def _redact(text: str) -> str:
    return _PROPERTY.sub(r"\1***", _QUERY.sub(r"\1***", _USER_INFO.sub(r"\1***@", text)))


MAX_TEXT = 4000
"""Longest text of a message, characters; the rest is left out. The search for passwords takes time with its square."""

_CUT = "\"'@"


_USER_INFO = re.compile(r"(\b[A-Za-z][A-Za-z0-9+.-]*:/{1,2})[^\s/@][^\s]*@")
"""One slash is what remains of two where a URL was taken for a path."""

_QUERY = re.compile(
    r"([?&;](?:[up]|[^=&?;\s]*(?:user|usr|login|account|pass|pwd|pw|pas|token|secret|auth|key|cred|sig)[^=&?;\s]*)=)"
    r"[^&;\s\"']*",
    re.IGNORECASE,
)

_PROPERTY = re.compile(
    r"(\b(?:user|proxy)-(?:id|pw)\s*=\s*|\bpass(?:word|phrase)\s*=\s*)(?:\"[^\"]*\"|'[^']*'|[^\s\"']+)", re.IGNORECASE
)
"""Of GStreamer's elements rtspsrc, souphttpsrc, srtsrc and the like."""


def did_you_mean(word: str, valid: Iterable[str]) -> str:
    """Return a question that names the valid word nearest to a mistyped one; empty if none is near."""
    nearest = difflib.get_close_matches(word.lower(), list(valid), n=1)
    return f"did you mean {nearest[0]}?" if nearest else ""
