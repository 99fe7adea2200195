"""Runs a program of the user's, with limits on its time and its output."""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from edge.device.secret_files import SOURCE_CREDENTIALS

OUTPUT_BYTES = 4096
"""Bytes of the program's output that are kept, the last ones; the rest is read and discarded."""

MAX_TOLD = 200
"""Characters of the output's last line that a message quotes."""

_READ_BYTES = 1 << 16

_KILL_WAIT_S = 1.0
"""A killed program that has not ended by then hangs in a driver, and is abandoned."""

_NOT_PASSED_ON = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "CREDENTIALS_DIRECTORY", SOURCE_CREDENTIALS)
"""Environment variables that are for the service alone: its watchdog, and the folder of its passwords."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a program ended.

    Attributes:
        failure: why it failed; empty if it did not.
        is_killed: whether it was killed because `Program.kill` was called.
    """

    failure: str
    is_killed: bool = False


class Program:
    """A running program with its input. It is started without a shell, in a process group of its own.

    Args:
        command: the program and its arguments.
        content: what it gets on standard input.
        environment: environment variables; those for the service alone are not passed on.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, command: Sequence[str], content: bytes, *, environment: Mapping[str, str] = os.environ) -> None:
        self._began_s = time.monotonic()
        self._is_killed = False
        self._output = b""
        with ExitStack() as undo:
            self._output_fd, write_fd = os.pipe()
            undo.callback(os.close, self._output_fd)
            os.set_blocking(self._output_fd, False)
            with os.fdopen(write_fd, "wb") as output, os.fdopen(os.memfd_create("event"), "w+b") as event:
                event.write(content)
                event.seek(0)
                self._process = subprocess.Popen(  # noqa: S603  # the user's own command, as a list
                    command,
                    stdin=event,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    env={name: value for name, value in environment.items() if name not in _NOT_PASSED_ON},
                )
            undo.pop_all()

    def wait(self, *, limit_s: float) -> Outcome:
        """Wait until the program has ended, and kill it after `limit_s`; also kill processes that it leaves behind."""
        process = self._process
        is_late = not self._follow(self._began_s + limit_s)
        self._kill_group()
        try:
            code = process.wait(_KILL_WAIT_S)
        except subprocess.TimeoutExpired:
            return Outcome("does not end although it was killed", self._is_killed)
        finally:
            os.close(self._output_fd)
        if self._is_killed:
            return Outcome("", is_killed=True)
        if is_late:
            return Outcome(f"not done after {limit_s:g} s, killed{self._told()}")
        if code:
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            return Outcome(f"{how}{self._told()}")
        return Outcome("")

    def kill(self) -> None:
        """Kill the program; `wait` then returns. May be called from another thread."""
        self._is_killed = True
        self._kill_group()

    def _kill_group(self) -> None:
        """Kill the program and all processes of its group."""
        if self._process.returncode is not None:  # the number may belong to others by now
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _follow(self, deadline_s: float) -> bool:
        """Read the output until the program has ended; return False if it has not in time."""
        ended = os.pidfd_open(self._process.pid)
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(ended, selectors.EVENT_READ)
                selector.register(self._output_fd, selectors.EVENT_READ)
                while (left_s := deadline_s - time.monotonic()) > 0:
                    ready = {key.fd for key, _ in selector.select(left_s)}
                    if self._output_fd in ready and not self._read():
                        selector.unregister(self._output_fd)
                    if ended in ready:
                        self._read()
                        return True
                return False
        finally:
            os.close(ended)

    def _read(self) -> bool:
        """Read some output; return False at its end."""
        try:
            found = os.read(self._output_fd, _READ_BYTES)
        except BlockingIOError:
            return True
        self._output = (self._output + found)[-OUTPUT_BYTES:]
        return bool(found)

    def _told(self) -> str:
        """Return the last line of the output, as the end of a message."""
        lines = self._output.decode("utf-8", "replace").strip().splitlines()
        line = lines[-1].strip() if lines else ""
        shown = "".join(letter if letter.isprintable() else "?" for letter in line)
        return f": {shown[:MAX_TOLD]}" if shown else ""
