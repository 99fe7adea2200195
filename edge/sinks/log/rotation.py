"""Decides when a log is rotated, and rotates it."""

import errno
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from edge.settings.sinks import LogSettings
from edge.sinks.log.archive import Archive, RetentionLimits
from edge.sinks.log.rotated_names import first_line_time

log = logging.getLogger(__name__)

RETRY_S = 3600.0
"""Wait before a failed rotation is tried again, s; the log keeps growing until then."""

_MB, _DAY_S = 1e6, 86400.0


@dataclass(frozen=True, slots=True)
class RotationPolicy:
    """When a log is rotated, and how much of it is kept.

    Attributes:
        max_bytes: size at which the log is rotated.
        max_age_s: age of the first line at which the log is rotated, s.
        retention: how much is kept of what was rotated.
    """

    max_bytes: int
    max_age_s: float
    retention: RetentionLimits


def rotation_policy(settings: LogSettings, *, retention_days: float) -> RotationPolicy:
    """Return the policy that the settings describe.

    A file covers at most half of the days for which a line may be kept.

    Args:
        settings: the `[log]` section.
        retention_days: how long a line may be kept, days; 0 for ever.
    """
    max_days = min(settings.rotate_days, retention_days / 2 or settings.rotate_days)
    return RotationPolicy(
        max_bytes=round(settings.rotate_mb * _MB),
        max_age_s=max_days * _DAY_S,
        retention=RetentionLimits(
            max_bytes=round(settings.keep_mb * _MB),
            min_free_bytes=round(settings.keep_free_mb * _MB),
            max_age_s=retention_days * _DAY_S,
            max_file_span_s=max_days * _DAY_S,
        ),
    )


class Rotation:
    """Rotates one log according to a policy."""

    def __init__(self, path: Path, archive: Archive, policy: RotationPolicy, *, on_change: Callable[[], None]) -> None:
        """Prepare to rotate a log.

        Args:
            path: the log.
            archive: receives the rotated files.
            policy: when to rotate.
            on_change: called when the archive needs tidying.
        """
        self._path = path
        self._archive = archive
        self._policy = policy
        self._on_change = on_change
        self._began_s = self._not_before_s = float("-inf")

    def log_opened(self) -> None:
        """Determine the age of the log from its first line; call it each time the log was opened.

        Raises:
            OSError: the log cannot be read.
        """
        age_s = 0.0
        # Reading a pipe that took the log's place would never end: this process holds its other end.
        first = first_line_time(self._path) if self._path.is_file() else None
        if first is not None and not first.clock:
            age_s = max(0.0, (datetime.now(UTC) - first.time).total_seconds())
        self._began_s = time.monotonic() - age_s  # monotonic from here on: the wall clock may step

    def is_due(self, size: int) -> bool:
        """Return whether to rotate the log before `size` more bytes are written.

        Raises:
            OSError: the size of the log cannot be determined.
        """
        now_s = time.monotonic()
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            return False
        if not stat.st_size or now_s < self._not_before_s:  # a device or a pipe has size 0, too
            return False
        return stat.st_size + size > self._policy.max_bytes or now_s - self._began_s >= self._policy.max_age_s

    def rotate(self) -> None:
        """Rotate the log, which must be closed. A failure is logged, and the log keeps growing."""
        try:
            self._archive.rotate()
        except OSError as error:
            log.warning("%s: the log cannot be rotated: %s; trying again later", self._path, error.strerror or error)
            self._not_before_s = time.monotonic() + RETRY_S
        self._on_change()

    def check_free_space(self, size: int) -> None:
        """Check that `size` more bytes leave enough of the disk free.

        Raises:
            OSError: they do not, or the free space cannot be determined.
        """
        if size and not self._archive.has_free_space(size):
            self._on_change()
            free_mb = self._policy.retention.min_free_bytes / _MB
            raise OSError(errno.ENOSPC, f"less than {free_mb:.0f} MB would be free (log.keep_free_mb)")
