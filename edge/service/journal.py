"""Sends log records to systemd's journal, with their levels and fields.

Source: systemd's "Native Journal Protocol": a datagram of `KEY=VALUE` lines; a value with a newline in it has its key
alone on a line, then its length as 64 little-endian bits, then itself.
"""

import logging
import os
import socket
import struct
import traceback
from collections.abc import Mapping
from typing import Any, TextIO

from edge.errors import printable, redact

JOURNAL_SOCKET = "/run/systemd/journal/socket"

_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
"""The lowest level of each syslog priority; anything below is 7, debug."""


def is_journal(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether `stream` leads to the journal: systemd names the device and inode that it has connected."""
    try:
        stat = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False  # a replacement without a file behind it
    return environment.get("JOURNAL_STREAM") == f"{stat.st_dev}:{stat.st_ino}"


class LineFormatter(logging.Formatter):
    """Formats each record as one printable line; only a traceback, on request, has more."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's name
        """Return the line."""
        record.message = printable(redact(record.message))
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802, ANN401  # logging's name and type
        """Return the traceback."""
        return _redact_lines(super().formatException(ei))


class JournalHandler(logging.Handler):
    """Sends each record as an entry; a call's `extra={"fields": {...}}` adds fields, each as EDGE_NAME.

    Args:
        stream: gets the message, with its level as `<N>` in front, if the journal's socket accepts nothing.
        path: the journal's socket; systemd's own by default.
    """

    def __init__(self, stream: TextIO, path: str = "") -> None:
        super().__init__()
        self._stream = stream
        self._path = path or JOURNAL_SOCKET
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)

    def emit(self, record: logging.LogRecord) -> None:
        """Send the record; called by logging, under the handler's lock."""
        try:
            message = printable(redact(record.getMessage()))
            if record.exc_info:
                message += "\n" + _redact_lines("".join(traceback.format_exception(*record.exc_info)).rstrip())
            priority = next((number for level, number in _PRIORITIES if record.levelno >= level), 7)
            try:
                self._socket.sendto(_entry(record, message, priority), socket.MSG_DONTWAIT, self._path)
            except OSError:  # the journal is absent or busy, or the entry is too long for it
                print(f"<{priority}>{message}", file=self._stream, flush=True)
        except Exception:  # noqa: BLE001  # like every handler of logging: a message must not end the program
            self.handleError(record)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
        super().close()


def _redact_lines(text: str) -> str:
    """Redact each line of a traceback alone: of one long text the end, with the error, would be left out."""
    return "\n".join(map(redact, text.split("\n")))


def _entry(record: logging.LogRecord, message: str, priority: int) -> bytes:
    fields: dict[str, object] = {
        "MESSAGE": message,
        "PRIORITY": priority,
        "SYSLOG_IDENTIFIER": "edge-emotion",
        "LOGGER": record.name,
        "CODE_FILE": record.pathname,
        "CODE_LINE": record.lineno,
        "CODE_FUNC": record.funcName,
    }
    extra: Mapping[str, object] = getattr(record, "fields", {})
    fields |= {f"EDGE_{name.upper()}": redact(str(value)) for name, value in extra.items()}
    return b"".join(_field(name, str(value).encode("utf-8", "replace")) for name, value in fields.items())


def _field(name: str, value: bytes) -> bytes:
    if b"\n" in value:
        return name.encode() + b"\n" + struct.pack("<Q", len(value)) + value + b"\n"
    return name.encode() + b"=" + value + b"\n"
