"""Says when a log is rotated, and does it."""

import errno
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from edge.sink_settings import LogSettings
from edge.sinks.archive import Archive, Limits
from edge.sinks.rotated import read_first

log = logging.getLogger(__name__)

AGAIN_S = 3600.0
"""What could not be rotated is tried again after this long, s; until then the log grows."""


_MB, _DAY_S = 1e6, 86400.0


@dataclass(frozen=True, slots=True)
class Keeping:
    """When a log is rotated, and what is kept.

    most_bytes: of the log, before it is rotated. longest_s: from its first line on, s.
    """

    most_bytes: int
    longest_s: float
    limits: Limits


def new_keeping(settings: LogSettings, *, retention_days: float) -> Keeping:
    """What the settings ask for. A file holds at most half of the days for which a line may be kept."""
    longest_days = min(settings.rotate_days, retention_days / 2 or settings.rotate_days)
    return Keeping(
        most_bytes=round(settings.rotate_mb * _MB),
        longest_s=longest_days * _DAY_S,
        limits=Limits(
            most_bytes=round(settings.keep_mb * _MB),
            free_bytes=round(settings.keep_free_mb * _MB),
            longest_s=retention_days * _DAY_S,
            span_s=longest_days * _DAY_S,
        ),
    )


class Rotation:
    """Rotates the log at `path`. on_change: called when the archive has something to do."""

    def __init__(self, path: Path, archive: Archive, keeping: Keeping, *, on_change: Callable[[], None]) -> None:
        self._path = path
        self._archive = archive
        self._keeping = keeping
        self._on_change = on_change
        self._began_s = self._not_before_s = float("-inf")

    def begin(self) -> None:
        """The log is open: note how old it is.

        Raises:
            OSError: it cannot be read.
        """
        age_s = 0.0
        first = read_first(self._path)
        if first is not None and not first.clock:
            age_s = max(0.0, (datetime.now(UTC) - first.time).total_seconds())
        self._began_s = time.monotonic() - age_s  # from here on by the clock that never steps

    def is_due(self, coming: int) -> bool:
        """Whether the log is to be rotated before so many bytes more are written.

        Raises:
            OSError: it cannot be looked at.
        """
        now_s = time.monotonic()
        try:
            facts = self._path.stat()
        except FileNotFoundError:
            return False
        if not facts.st_size or now_s < self._not_before_s:  # a device or a pipe has no size either
            return False
        return facts.st_size + coming > self._keeping.most_bytes or now_s - self._began_s >= self._keeping.longest_s

    def rotate(self) -> None:
        """Rotate the log, which is closed. What prevents it is logged, and the log grows on."""
        try:
            self._archive.take()
        except OSError as error:
            log.warning("%s: the log cannot be rotated: %s; trying again later", self._path, error.strerror or error)
            self._not_before_s = time.monotonic() + AGAIN_S
        self._on_change()

    def check_room(self, size: int) -> None:
        """Look whether so many bytes more may be written.

        Raises:
            OSError: they would not leave enough of the disk free; or the disk cannot be asked.
        """
        if size and not self._archive.has_room(size):
            self._on_change()
            free_mb = self._keeping.limits.free_bytes / _MB
            raise OSError(errno.ENOSPC, f"less than {free_mb:.0f} MB would be free (log.keep_free_mb)")
