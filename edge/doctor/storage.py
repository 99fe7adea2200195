"""Checks that the log has room."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from edge.doctor.check import Check
from edge.doctor.context import Context
from edge.doctor.finding import Finding, failed, ok, warning
from edge.doctor.old_logs import is_rotated
from edge.errors import SinkError

_LEAST_MB, _FEW_MB = 5, 100
"""Below the first nothing useful can be logged: that ends a run, unless `log.on_error` has it go on without a log.
Below the second the disk may be full within days."""

_MB = 1 << 20

_TELLING = _MB
"""A log of this size, bytes, tells its rate."""

_SOON = 14
"""Days."""

_DAY = timedelta(days=1)


def _space(context: Context) -> Finding:
    log = context.at_working(context.settings.log.path)
    folder = existing_folder(log)
    facts = context.statvfs(folder)
    free_mb = facts.f_bavail * facts.f_frsize // _MB
    remedy = f"sudo du -xh {folder} | sort -h | tail names what takes the room"
    if facts.f_flag & os.ST_RDONLY:
        mounted = next(place for place in (folder, *folder.parents) if place.is_mount())
        return failed(
            f"{folder}: expected a file system that can be written, found a read-only one",
            f"sudo mount -o remount,rw {mounted}",
        )
    if facts.f_files and not facts.f_favail and context.settings.log.on_error == "stop":
        return failed(f"{folder}: expected room for a file, found no inode free", remedy)
    if free_mb < _LEAST_MB and context.settings.log.on_error == "stop":
        return failed(f"{folder}: expected {_LEAST_MB} MB free, found {free_mb} MB", remedy)
    if free_mb < _FEW_MB:
        return warning(f"{folder}: expected {_FEW_MB} MB free, found {free_mb} MB", remedy)
    days = _days_left(log, free_mb * _MB)
    if days is None or is_rotated(context.settings):
        return ok(f"{folder}: {free_mb} MB free")
    said = f"{folder}: {free_mb} MB free, full in {days:.0f} days at the log's rate so far"
    return warning(said, 'set log.mode to "changes", or move the log away now and then') if days < _SOON else ok(said)


def existing_folder(path: Path) -> Path:
    """Return the nearest folder above `path` that is there; the log makes those below."""
    return next(folder for folder in path.absolute().parents if _is_folder(folder))


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except PermissionError:  # inside a folder that is closed to us
        return False


def _days_left(log: Path, free: int) -> float | None:
    """How long the disk lasts when the log goes on growing as it has, days; None where it does not tell yet."""
    try:
        with log.open("rb") as file:
            began = datetime.fromisoformat(json.loads(file.readline())["time"])
        grown, age = log.stat().st_size, datetime.now(UTC) - began
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return None if grown < _TELLING or age <= timedelta() else free / grown * (age / _DAY)


CHECKS = (Check("storage", "space", _space, SinkError.exit_code),)
