"""Runs the checks so that none of them can hang, crash or end the report."""

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from edge.device.packages import PROJECT, REINSTALL, install_command
from edge.doctor import camera, log, machine, model, service, sinks
from edge.doctor.check import Check, CheckStatus, Context, Finding, failed, from_error
from edge.doctor.programs import run_program
from edge.errors import EdgeError
from edge.settings.instance import Instance

CHECKS = (
    *machine.CHECKS,
    *service.SETTINGS_CHECKS,
    *model.CHECKS,
    *camera.CHECKS,
    *log.CHECKS,
    *sinks.CHECKS,
    *service.CHECKS,
)
"""All checks in the order in which they run: what others depend on comes first."""

_CHILD = "import sys; sys.path.append(sys.argv.pop(1)); from edge.doctor.runner import child_main; child_main()"
"""The program of an isolated check's process, run with `-P -c` instead of `-m`: the package is found wherever it lies,
and the working directory is not searched. `-B`: a check leaves nothing behind, not even bytecode."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A check and its finding."""

    check: Check
    finding: Finding


def run_checks(checks: Sequence[Check], context: Context) -> Iterator[CheckResult]:
    """Run the checks one after the other, and yield each result as soon as it is there."""
    for check in checks:
        yield CheckResult(check, _run_isolated(check, context) if check.isolated else _run_on_thread(check, context))


def run_check(check: Check, context: Context) -> Finding:
    """Run a check in this thread; an exception becomes a failure."""
    try:
        return check.run(context)
    except EdgeError as error:
        return from_error(error)
    except ImportError as error:
        # A library that cannot be loaded, unlike a module that is missing, has no name.
        remedy = install_command(error.name) if error.name else f"{REINSTALL}, or make run"
        return failed(f"expected every package to load, found: {error}", remedy)
    except Exception as error:  # noqa: BLE001  # any error in a check is one line of the report
        message = " ".join(str(error).split())
        return failed(f"the check itself failed: {type(error).__name__}: {message}", "report this line")


def _run_on_thread(check: Check, context: Context) -> Finding:
    findings: list[Finding] = []
    # A daemon thread, so that a driver that never returns does not keep the process from ending.
    thread = threading.Thread(target=lambda: findings.append(run_check(check, context)), name=check.name, daemon=True)
    thread.start()
    thread.join(check.limit_s)
    return findings[0] if findings else _too_late(check)


def _run_isolated(check: Check, context: Context) -> Finding:
    config = None if context.config is None else str(context.config.resolve())
    request = json.dumps(
        {"name": check.name, "config": config, "instance": context.instance.name, "root": str(context.root)}
    )
    command = [sys.executable, "-B", "-P", "-c", _CHILD, str(PROJECT), request]
    result = run_program(command, limit_s=check.limit_s)
    if result is None:
        return failed(f"expected a Python that can be started, found none at {sys.executable}", "install it again")
    if result.exit_code is None:
        return _too_late(check)
    if result.exit_code < 0:
        return failed(f"the check's process was ended by {signal.Signals(-result.exit_code).name}", "install it again")
    try:
        finding = json.loads(result.output)
        return Finding(CheckStatus(finding["status"]), finding["text"], finding["remedy"])
    except (ValueError, KeyError):
        last = (result.errors.strip().splitlines() or ["without a message"])[-1]
        return failed(f"the check itself failed: {last}", "report this line")


def _too_late(check: Check) -> Finding:
    return failed(f"expected a result within {check.limit_s:g} s, found none", "reboot, then try again")


def child_main() -> None:
    """Run the check that the first argument requests, and write its finding to standard output as a line of JSON."""
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries print to standard output as well, where only the finding may appear
    request = json.loads(sys.argv[1])
    config = request["config"]
    context = Context(
        config=Path(config) if config else None, instance=Instance(request["instance"]), root=Path(request["root"])
    )
    check = next(check for check in CHECKS if check.name == request["name"])
    output.write(json.dumps(asdict(run_check(check, context))))
    output.flush()
    # Ends without clean-up, in which a driver's thread or a library's destructor could still crash or hang.
    os._exit(0)
