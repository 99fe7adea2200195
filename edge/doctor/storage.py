"""Checks that the log has room."""

import os
from pathlib import Path

from edge.doctor.check import Check
from edge.doctor.context import Context
from edge.doctor.finding import Finding, failed, ok, warning
from edge.errors import SinkError

_LEAST_MB, _FEW_MB = 5, 100
"""Below the first nothing useful can be logged: that ends a run, unless `log.on_error` has it go on without a log.
Below the second the disk may be full within days."""

_MB = 1 << 20


def _space(context: Context) -> Finding:
    folder = existing_folder(context.at_working(context.settings.log.path))
    facts = context.statvfs(folder)
    free_mb = facts.f_bavail * facts.f_frsize // _MB
    remedy = f"sudo du -xh {folder} | sort -h | tail names what takes the room"
    if facts.f_flag & os.ST_RDONLY:
        return failed(
            f"{folder}: expected a file system that can be written, found a read-only one", "sudo mount -o remount,rw /"
        )
    if facts.f_files and not facts.f_favail and context.settings.log.on_error == "stop":
        return failed(f"{folder}: expected room for a file, found no inode free", remedy)
    if free_mb < _LEAST_MB and context.settings.log.on_error == "stop":
        return failed(f"{folder}: expected {_LEAST_MB} MB free, found {free_mb} MB", remedy)
    if free_mb < _FEW_MB:
        return warning(f"{folder}: expected {_FEW_MB} MB free, found {free_mb} MB", remedy)
    return ok(f"{folder}: {free_mb} MB free")


def existing_folder(path: Path) -> Path:
    """Return the nearest folder above `path` that is there; the log makes those below."""
    return next(folder for folder in path.absolute().parents if folder.is_dir())


CHECKS = (Check("storage", "space", _space, SinkError.exit_code),)
