"""Runs checks so that none can hang, crash or end the whole."""

import json
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.doctor.check import Check
from edge.doctor.context import Context
from edge.doctor.finding import INSTALL_AGAIN, Finding, Status, failed, from_error
from edge.doctor.programs import ask
from edge.errors import EdgeError

_HOME = Path(__file__).resolve().parents[2]

_START = "import sys; sys.path.append(sys.argv.pop(1)); from edge.doctor.isolated import main; main()"
"""`-P` and this instead of `-m`: the package is found wherever it lies, and the working directory is not searched.
`-B`: a check leaves nothing behind, not even bytecode."""


@dataclass(frozen=True, slots=True)
class Line:
    """A check and what it found."""

    check: Check
    finding: Finding


def run_checks(checks: Sequence[Check], context: Context) -> Iterator[Line]:
    """Run one after the other; each result is given as soon as it is there."""
    for check in checks:
        yield Line(check, _run_isolated(check, context) if check.isolated else _run_on_thread(check, context))


def look(check: Check, context: Context) -> Finding:
    """Run a check here and now; what it raises becomes a failure."""
    try:
        return check.look(context)
    except EdgeError as error:
        return from_error(error)
    except ImportError as error:
        return failed(f"expected every package to load, found: {error}", f"{INSTALL_AGAIN}, or make run")
    except Exception as error:  # noqa: BLE001  # a check that breaks is a line of the report, whatever broke it
        sentence = " ".join(str(error).split())
        return failed(f"the check itself failed: {type(error).__name__}: {sentence}", "report this line")


def _run_on_thread(check: Check, context: Context) -> Finding:
    findings: list[Finding] = []
    # A daemon, so that a driver that never answers does not keep the process from ending.
    thread = threading.Thread(target=lambda: findings.append(look(check, context)), name=check.name, daemon=True)
    thread.start()
    thread.join(check.limit_s)
    return findings[0] if findings else _late(check)


def _run_isolated(check: Check, context: Context) -> Finding:
    request = json.dumps({"name": check.name, "config": _text(context.config), "root": str(context.root)})
    answer = ask([sys.executable, "-B", "-P", "-c", _START, str(_HOME), request], limit_s=check.limit_s)
    if answer is None:
        return failed(f"expected a Python that can be started, found none at {sys.executable}", "install it again")
    if answer.exit_code is None:
        return _late(check)
    if answer.exit_code < 0:
        return failed(f"what it tries was ended by {signal.Signals(-answer.exit_code).name}", "install it again")
    try:
        said = json.loads(answer.output)
        return Finding(Status(said["status"]), said["text"], said["remedy"])
    except (ValueError, KeyError):
        last = (answer.errors.strip().splitlines() or ["no word of why"])[-1]
        return failed(f"the check itself failed: {last}", "report this line")


def _late(check: Check) -> Finding:
    return failed(f"expected an answer within {check.limit_s:g} s, found none", "reboot, then try again")


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path.resolve())
