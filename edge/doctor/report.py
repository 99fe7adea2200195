"""The `doctor` command: prints what the checks found, and returns the exit code."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from edge import __version__
from edge.doctor.check import CheckStatus, Context
from edge.doctor.runner import CHECKS, CheckResult, run_checks
from edge.errors import printable
from edge.settings.instance import Instance

_NAME_WIDTH = max(len(check.name) for check in CHECKS)
_STATUS_WIDTH = max(len(status) for status in CheckStatus)


def doctor(
    config: Path | None,
    *,
    camera: bool,
    as_json: bool,
    instance: Instance = Instance(),  # noqa: B008  # it is frozen
    stream: TextIO = sys.stdout,
) -> int:
    """Run all checks, print a line for each, and return the exit code: 0 if the service would run.

    Args:
        config: the configuration; None for the installed one, else the defaults.
        camera: whether to run the checks that open the camera.
        as_json: print one JSON object at the end instead of lines.
        instance: the service to check.
        stream: where to print.
    """
    checks = [check for check in CHECKS if camera or check.family != "camera"]
    results = []
    for result in run_checks(checks, Context(config, instance=instance)):
        results.append(result)
        if not as_json:
            print(printable(format_line(result)), file=stream, flush=True)
    exit_code = exit_code_of(results)
    print(format_json(results) if as_json else _verdict(exit_code), file=stream, flush=True)
    return exit_code


def exit_code_of(results: Iterable[CheckResult]) -> int:
    """Return the exit code of the first check that failed; 0 if none did."""
    return next((result.check.exit_code for result in results if result.finding.status is CheckStatus.FAILED), 0)


def format_line(result: CheckResult) -> str:
    """Return status, name and text of a finding in one line, with the remedy after a colon."""
    finding = result.finding
    remedy = f": {finding.remedy}" if finding.remedy else ""
    return f"{finding.status:<{_STATUS_WIDTH}}  {result.check.name:<{_NAME_WIDTH}}  {finding.text}{remedy}"


def format_json(results: list[CheckResult]) -> str:
    """Return all results as one JSON object, for programs."""
    exit_code = exit_code_of(results)
    checks = [
        {
            "family": result.check.family,
            "name": result.check.name,
            "status": result.finding.status,
            "text": result.finding.text,
            "remedy": result.finding.remedy,
        }
        for result in results
    ]
    return json.dumps(
        {"version": __version__, "would_run": exit_code == 0, "exit_code": exit_code, "checks": checks},
        ensure_ascii=False,
        indent=2,
    )


def _verdict(exit_code: int) -> str:
    return "it would run" if exit_code == 0 else f"it would not run (exit code {exit_code})"
