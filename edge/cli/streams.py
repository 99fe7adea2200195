"""Prepares standard input, output and error: closed ones, full disks, text in any locale.

It imports little, because it is loaded before signals are handled.
"""

import errno
import io
import os
import sys
from typing import Any, TextIO

from edge.errors import SinkError

CLOSED = (errno.EPIPE, errno.EIO)
"""Errors of an output whose reader has ended: a pipe, and a terminal that was closed."""


def use_utf8() -> None:
    """Start the program again in Python's UTF-8 mode if the locale has another encoding.

    Otherwise a name with an accent could neither be printed nor, from a settings file, be opened.
    """
    if sys.getfilesystemencoding() != "utf-8" and not sys.flags.utf8_mode and sys.executable:
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606  # ourselves


def prepare_streams() -> None:
    """Make all three streams usable.

    A stream that the caller has closed leads nowhere; otherwise the next file that is opened would take its place, and
    libraries would print into it. Text that the terminal's encoding lacks is escaped. What does not fit on a full disk
    raises a SinkError, once.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # takes the lowest free descriptor
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  # a descriptor, for good
    sys.stdout = _open_output(sys.stdout, 1, "standard output")
    sys.stderr = _open_output(sys.stderr, 2, "")


def finish_output(exit_code: int) -> int:
    """Write what is still buffered for standard output, and return the exit code: another one if that fails.

    Afterwards Python has nothing left to write when the process ends, and nothing to complain about.

    Args:
        exit_code: of the command.
    """
    try:
        sys.stdout.flush()
    except SinkError as error:
        drop_output()
        print(f"ERROR: {error}", file=sys.stderr)  # noqa: T201  # logging may be gone
        return exit_code or error.exit_code
    except OSError:  # the reader has ended
        drop_output()
    try:
        sys.stderr.flush()
    except OSError:
        drop_output(2)
    return exit_code


def drop_output(descriptor: int = 1) -> None:
    """Let everything that is written to standard output, or to another descriptor, lead nowhere from here on."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)


class _Output(io.FileIO):
    """The descriptor of an output. What cannot be written is reported once, and dropped from then on.

    Args:
        descriptor: The descriptor.
        name: Names it in the error; empty if there is nowhere to report to.
    """

    def __init__(self, descriptor: int, name: str) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self._what = name
        self._has_failed = False

    def write(self, data: Any) -> int:  # noqa: ANN401  # any buffer
        """Write a part of the data; return its length."""
        if not self._has_failed:
            try:
                return super().write(data)
            except OSError as error:
                if error.errno in CLOSED:
                    raise
                self._has_failed = True
                if self._what:
                    raise SinkError(f"{self._what} cannot be written: {error.strerror}: free some space") from error
        return len(data)


def _open_output(stream: TextIO | None, descriptor: int, name: str) -> TextIO:
    if stream is not None:
        stream.flush()
    encoding = "utf-8" if stream is None else stream.encoding
    output = io.BufferedWriter(_Output(descriptor, name))
    line_buffering = stream is None or bool(stream.line_buffering)
    return io.TextIOWrapper(output, encoding, errors="backslashreplace", line_buffering=line_buffering)
