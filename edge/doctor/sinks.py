"""Checks each configured sink."""

from pathlib import Path

from edge.doctor.check import Check
from edge.doctor.context import Context
from edge.doctor.finding import Finding, failed, ok, warning
from edge.errors import SinkError

_WRITE, _ENTER = 2, 1
_SERVICE_LOGS = "/var/log/edge-emotion"


def _log(context: Context) -> Finding:
    """Look only: opening the log would make it."""
    path = context.at_working(context.settings.log.path)
    try:
        return _log_at(path, context)
    except PermissionError:
        return _closed(path, context)


def _log_at(path: Path, context: Context) -> Finding:
    if path.is_dir():
        return failed(f"{path}: expected the log's file, found a folder", "set log.path to a file in it")
    if path.exists():
        if not context.identity.may(path, _WRITE):
            return _closed(path, context)
        return ok(f"{path}: {path.stat().st_size / 1e6:.1f} MB so far")
    above = next(parent for parent in path.absolute().parents if parent.exists())
    if not above.is_dir():
        return failed(f"{path}: expected a folder at {above}, found a file", "set log.path to another place")
    if not context.identity.may(above, _WRITE | _ENTER):
        return _closed(path, context)
    return ok(f"{path}: will be made")


def _closed(path: Path, context: Context) -> Finding:
    """Whether that is a fault depends on whose log it is: the service's own is closed to everybody else."""
    name = context.identity.name
    if context.at(_SERVICE_LOGS) in path.parents:
        return warning(f"{path}: the service's own: {name} cannot tell whether it is well", "sudo edge-emotion doctor")
    text = f"{path}: expected a log that {name} may write, found one that {name} may not"
    # A folder is not taken away from whoever has it: it may be the system's.
    return failed(text, f"sudo chown {name} {path}" if _is_there(path) else "set log.path to another place")


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:
        return False


CHECKS = (Check("sinks", "log", _log, SinkError.exit_code),)
