"""Prints what the checks found, and turns it into an exit code."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from edge import __version__
from edge.doctor.catalogue import CHECKS
from edge.doctor.context import Context
from edge.doctor.finding import Status
from edge.doctor.runner import Line, run_checks

_NAME_WIDTH = max(len(check.name) for check in CHECKS)
_STATUS_WIDTH = max(len(status) for status in Status)


def doctor(config: Path | None, *, camera: bool, as_json: bool, stream: TextIO = sys.stdout) -> int:
    """Run all checks, print a line for each, and return the exit code: 0 when the service would run.

    config: the settings' file; None: the installed one, else the defaults. camera: else the camera is left alone.
    """
    checks = [check for check in CHECKS if camera or check.family != "camera"]
    lines = []
    for line in run_checks(checks, Context(config)):
        lines.append(line)
        if not as_json:
            print(as_text(line), file=stream, flush=True)
    exit_code = exit_code_of(lines)
    print(as_object(lines) if as_json else _verdict(exit_code), file=stream, flush=True)
    return exit_code


def exit_code_of(lines: Iterable[Line]) -> int:
    """0 where nothing has failed, else the exit code of the first check that has."""
    return next((line.check.exit_code for line in lines if line.finding.status is Status.FAILED), 0)


def as_text(line: Line) -> str:
    """Status, name, what was found, and after a colon the remedy."""
    finding = line.finding
    remedy = f": {finding.remedy}" if finding.remedy else ""
    return f"{finding.status:<{_STATUS_WIDTH}}  {line.check.name:<{_NAME_WIDTH}}  {finding.text}{remedy}"


def as_object(lines: list[Line]) -> str:
    """All lines as one JSON object, for programs."""
    exit_code = exit_code_of(lines)
    checks = [
        {
            "family": line.check.family,
            "name": line.check.name,
            "status": line.finding.status,
            "text": line.finding.text,
            "remedy": line.finding.remedy,
        }
        for line in lines
    ]
    return json.dumps(
        {"version": __version__, "would_run": exit_code == 0, "exit_code": exit_code, "checks": checks},
        ensure_ascii=False,
        indent=2,
    )


def _verdict(exit_code: int) -> str:
    return "it would run" if exit_code == 0 else f"it would not run (exit code {exit_code})"
