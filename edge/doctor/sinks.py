"""Checks each configured sink."""

from pathlib import Path

from edge.doctor.check import Check
from edge.doctor.context import Context
from edge.doctor.finding import Finding, failed, ok
from edge.doctor.storage import existing_folder
from edge.errors import SinkError

_READ, _WRITE, _ENTER = 4, 2, 1
_SERVICE_LOGS = Path("/var/log/edge-emotion")


def _log(context: Context) -> Finding:
    """Look only: opening the log would make it."""
    path = context.at_working(context.settings.log.path)
    try:
        return _log_at(path, context)
    except PermissionError:
        return failed(
            f"{path}: expected a log that may be written, found a folder above it that may not be entered",
            _who(path, context),
        )


def _log_at(path: Path, context: Context) -> Finding:
    if path.is_dir():
        return failed(f"{path}: expected the log's file, found a folder", "set log.path to a file in it")
    if path.exists():
        if not context.identity.may(path, _WRITE):
            return failed(
                f"{path}: expected a log that {context.identity.name} may write, found one that is not",
                _who(path, context),
            )
        return ok(f"{path}: {path.stat().st_size / 1e6:.1f} MB so far")
    above = next(parent for parent in path.absolute().parents if parent.exists())
    if not above.is_dir():
        return failed(f"{path}: expected a folder at {above}, found a file", "set log.path to another place")
    if not context.identity.may(above, _WRITE | _ENTER):
        return failed(
            f"{above}: expected a folder that {context.identity.name} may write to, found one that is not",
            _who(path, context),
        )
    return ok(f"{path}: will be made")


def _who(path: Path, context: Context) -> str:
    if context.at(str(_SERVICE_LOGS)) in path.parents:
        return "it belongs to the service: sudo edge-emotion doctor"
    return f"sudo chown {context.identity.name} {path if path.exists() else existing_folder(path)}"


CHECKS = (Check("sinks", "log", _log, SinkError.exit_code),)
