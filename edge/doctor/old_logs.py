"""Checks that the log's old files stay within their limits."""

from pathlib import Path
from typing import TYPE_CHECKING

from edge import clock
from edge.doctor.check import Check
from edge.doctor.context import Context
from edge.doctor.finding import Finding, failed, ok, warning
from edge.errors import SinkError

if TYPE_CHECKING:
    from edge.settings import Settings  # needs msgspec: whether that is there is for a check to say

_MB = 1e6


def is_rotated(settings: "Settings") -> bool:
    """Whether the log is rotated, as far as the settings tell: a file or a folder is no camera."""
    source = Path(settings.source.use)
    is_camera = not (source.is_file() or source.is_dir())
    return settings.log.rotate == "always" or (settings.log.rotate == "auto" and is_camera)


def _old_files(context: Context) -> Finding:
    from edge.doctor.storage import existing_folder  # noqa: PLC0415  # it asks here whether the log is rotated
    from edge.sinks.rotated import rotated_files  # noqa: PLC0415  # needs msgspec, as above

    settings, path = context.settings.log, context.at_working(context.settings.log.path)
    if not is_rotated(context.settings):
        return ok("the log is not rotated: log.rotate")
    facts = context.statvfs(existing_folder(path))
    free_mb = facts.f_bavail * facts.f_frsize / _MB
    if free_mb < settings.keep_free_mb:
        text = f"expected {settings.keep_free_mb:.0f} MB free, found {free_mb:.0f} MB: nothing is logged until then"
        remedy = "free some space, or set log.keep_free_mb to less"
        return failed(text, remedy) if settings.on_error == "stop" else warning(text, remedy)
    if context.settings.privacy.retention_days and not clock.is_set(root=context.root):
        return warning(
            "expected a clock that is set, found one that is not: how old lines are is known by its time only",
            "sudo timedatectl set-ntp true",
        )
    try:
        files = rotated_files(path)
        size_mb = sum(file.path.stat().st_size for file in files) / _MB
    except PermissionError:
        return ok(f"the service's own, at most {settings.keep_mb:.0f} MB")
    return ok(f"{len(files)}, {size_mb:.1f} MB of at most {settings.keep_mb:.0f} MB")


CHECKS = (Check("sinks", "old logs", _old_files, SinkError.exit_code),)
