"""Asks other programs, under a time limit."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

_LAST_WAIT_S = 1.0
"""A program that was killed and is still there after this hangs in a driver: it is left behind."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a program said. exit_code: -N when it was ended by signal N, as Python has it; None: it ran out of time."""

    exit_code: int | None
    output: str
    errors: str


def ask(words: Sequence[str], *, limit_s: float) -> Answer | None:
    """Run a program and return its answer; None where there is no such program.

    One that is not done within `limit_s` is killed with all that it has started.
    """
    environment = os.environ | {"LC_ALL": "C"}  # answers are parsed
    try:
        process = subprocess.Popen(  # noqa: S603  # our own words
            words,
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
            process.communicate(timeout=_LAST_WAIT_S)
        return Answer(None, "", "")
    return Answer(process.returncode, output, errors)
