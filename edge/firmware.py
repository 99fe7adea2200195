"""Asks the Raspberry Pi's firmware, through its command `vcgencmd`."""

import subprocess
import time
from pathlib import Path

VCGENCMD = "usr/bin/vcgencmd"

ASK_AGAIN_S = 10.0
"""An answer is kept this long: each question starts a process."""

_TIMEOUT_S = 2.0


class Firmware:
    """The command's answers; None where there is no such command, or it has none. root: where it is looked for."""

    def __init__(self, root: Path = Path("/")) -> None:
        path = root / VCGENCMD
        self._command = path if path.exists() else None
        self._answers: dict[str, tuple[float, str]] = {}

    def throttle_flags(self) -> int | None:
        """The bits of `vcgencmd get_throttled`."""
        try:
            return int(_value(self._ask("get_throttled")), 16)
        except ValueError:
            return None

    def core_v(self) -> float | None:
        """The processor's voltage, V."""
        try:
            return float(_value(self._ask("measure_volts")).rstrip("V"))
        except ValueError:
            return None

    def _ask(self, question: str) -> str:
        if self._command is None:
            return ""
        asked_at, answer = self._answers.get(question, (float("-inf"), ""))
        if time.monotonic() - asked_at >= ASK_AGAIN_S:
            answer = _run(self._command, question)
            self._answers[question] = time.monotonic(), answer
        return answer


def _run(command: Path, question: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603  # the firmware's own tool
            [command, question], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ""  # not permitted, or hung
    return done.stdout


def _value(answer: str) -> str:
    """What follows the = of an answer such as `throttled=0x50005` or `volt=0.8500V`."""
    return answer.partition("=")[2].strip()
