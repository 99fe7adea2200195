"""Checks that the log can be written, that it has room, and that rotated files stay within their limits."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from edge.device import clock
from edge.doctor.check import ENTER, WRITE, Check, Context, Finding, failed, ok, warning
from edge.errors import SinkError
from edge.sources.address import is_network

if TYPE_CHECKING:
    from edge.settings.schema import Settings


_MIN_FREE_MB, _LOW_FREE_MB = 5, 100
"""Below the first nothing useful can be logged, which ends a run unless `log.on_error` lets it go on without a log.
Below the second the disk may be full within days."""

_MIB, _MB = 1 << 20, 1e6

_RATE_FROM_BYTES = _MIB
"""A log of at least this size shows its growth rate."""

_SOON_DAYS = 14

_DAY = timedelta(days=1)


def _check_space(context: Context) -> Finding:
    log = context.at_setting(context.settings.log.path)
    folder = _existing_folder(log)
    stat = context.statvfs(folder)
    free_mb = stat.f_bavail * stat.f_frsize // _MIB
    remedy = f"sudo du -xh {folder} | sort -h | tail lists what uses the space"
    if stat.f_flag & os.ST_RDONLY:
        mount = next(path for path in (folder, *folder.parents) if path.is_mount())
        return failed(
            f"{folder}: expected a file system that can be written, found a read-only one",
            f"sudo mount -o remount,rw {mount}",
        )
    if stat.f_files and not stat.f_favail and context.settings.log.on_error == "stop":
        return failed(f"{folder}: expected room for a file, found no inode free", remedy)
    if free_mb < _MIN_FREE_MB and context.settings.log.on_error == "stop":
        return failed(f"{folder}: expected {_MIN_FREE_MB} MB free, found {free_mb} MB", remedy)
    if free_mb < _LOW_FREE_MB:
        return warning(f"{folder}: expected {_LOW_FREE_MB} MB free, found {free_mb} MB", remedy)
    days = _days_left(log, free_mb * _MIB)
    text = f"{folder}: {free_mb} MB free"
    if days is not None and not _is_rotated(context.settings):
        text += f", full in {days:.0f} days at the log's rate so far"
        if days < _SOON_DAYS:
            return warning(text, 'set log.mode to "changes", or move the log away now and then')
    return ok(text)


def _existing_folder(path: Path) -> Path:
    """Return the nearest folder above `path` that exists; opening the log creates those below it."""
    return next(folder for folder in path.absolute().parents if _is_folder(folder))


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except PermissionError:  # it lies in a folder that this user may not enter
        return False


def _days_left(log: Path, free: int) -> float | None:
    """Return how long the disk lasts if the log grows as it has so far, days; None if that is not known yet."""
    try:
        with log.open("rb") as file:
            began = datetime.fromisoformat(json.loads(file.readline())["time"])
        size, age = log.stat().st_size, datetime.now(UTC) - began
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return None if size < _RATE_FROM_BYTES or age <= timedelta() else free / size * (age / _DAY)


def _is_rotated(settings: "Settings") -> bool:
    """Return whether the log is rotated, judging by the settings: a file or a folder is no camera."""
    use = settings.source.use
    is_live = is_network(use) or not (Path(use).is_file() or Path(use).is_dir())
    return settings.log.rotate == "always" or (settings.log.rotate == "auto" and is_live)


def _check_log(context: Context) -> Finding:
    """Examine the log's path and permissions without opening the log, which would create it."""
    path = context.at_setting(context.settings.log.path)
    try:
        return _check_path(path, context)
    except PermissionError:
        return _not_permitted(path, context)


def _check_path(path: Path, context: Context) -> Finding:
    if path.is_dir():
        return failed(f"{path}: expected the log's file, found a folder", "set log.path to a file in it")
    if path.exists():
        if not context.identity.may(path, WRITE):
            return _not_permitted(path, context)
        return ok(f"{path}: {path.stat().st_size / _MB:.1f} MB so far")
    parent = next(parent for parent in path.absolute().parents if parent.exists())
    if not parent.is_dir():
        return failed(f"{path}: expected a folder at {parent}, found a file", "set log.path to another path")
    if not context.identity.may(parent, WRITE | ENTER):
        return _not_permitted(path, context)
    return ok(f"{path}: will be created")


def _not_permitted(path: Path, context: Context) -> Finding:
    """Return a failure, or a warning if it is the service's own log, which only the service and root may use."""
    name = context.identity.name
    if context.at(context.instance.logs) in path.parents:
        return warning(f"{path}: the service's log, which {name} may not read", "sudo edge-emotion doctor")
    text = f"{path}: expected a log that {name} may write, found one that {name} may not"
    # The remedy never changes the owner of a folder, which may belong to the system.
    return failed(text, f"sudo chown {name} {path}" if _exists(path) else "set log.path to another path")


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:
        return False


def _check_rotated_files(context: Context) -> Finding:
    from edge.sinks.log.rotated_names import rotated_files

    settings, path = context.settings.log, context.at_setting(context.settings.log.path)
    if not _is_rotated(context.settings):
        return ok("the log is not rotated: log.rotate")
    stat = context.statvfs(_existing_folder(path))
    free_mb = stat.f_bavail * stat.f_frsize / _MB
    if free_mb < settings.keep_free_mb:
        text = f"expected {settings.keep_free_mb:.0f} MB free, found {free_mb:.0f} MB: nothing is logged until then"
        remedy = "free some space, or set log.keep_free_mb to less"
        return failed(text, remedy) if settings.on_error == "stop" else warning(text, remedy)
    if context.settings.privacy.retention_days and not clock.is_set(root=context.root):
        return warning(
            "expected a clock that is set, found one that is not: the age of lines is known from it alone",
            "sudo timedatectl set-ntp true",
        )
    try:
        files = rotated_files(path)
        size_mb = sum(file.path.stat().st_size for file in files) / _MB
    except PermissionError:
        return ok(f"the service's own, at most {settings.keep_mb:.0f} MB")
    return ok(f"{len(files)}, {size_mb:.1f} MB of at most {settings.keep_mb:.0f} MB")


CHECKS = (
    Check("storage", "space", _check_space, SinkError.exit_code),
    Check("sinks", "log", _check_log, SinkError.exit_code),
    Check("sinks", "old logs", _check_rotated_files, SinkError.exit_code),
)
