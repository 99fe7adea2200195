"""Runs other programs with a time limit."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

_KILL_WAIT_S = 1.0
"""A killed program that has not ended by then hangs in a driver, and is abandoned."""


@dataclass(frozen=True, slots=True)
class ProgramResult:
    """How a program ended.

    Attributes:
        exit_code: -N if signal N ended the program; None if it exceeded the time limit.
        output: its standard output.
        errors: its standard error.
    """

    exit_code: int | None
    output: str
    errors: str


def run_program(command: Sequence[str], *, limit_s: float) -> ProgramResult | None:
    """Run a program and return how it ended; None if there is no such program.

    A program that exceeds the time limit is killed, together with all processes that it has started.
    """
    environment = os.environ | {"LC_ALL": "C"}  # the output is parsed
    try:
        process = subprocess.Popen(  # noqa: S603  # the commands are constants of this package
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=environment,
            start_new_session=True,
        )
    except OSError:
        return None
    try:
        output, errors = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=_KILL_WAIT_S)
        return ProgramResult(None, "", "")
    return ProgramResult(process.returncode, output, errors)
