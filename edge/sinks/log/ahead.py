"""Tells whether the wall clock may be ahead, so that lines look older than they are."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from edge.device import clock
from edge.sinks.log.rotated_names import first_line_time, last_line_time, rotated_files

log = logging.getLogger(__name__)

DOUBT = timedelta(days=1)
"""A clock that is ahead of the log by more than this is in doubt, until it is synchronized or has run for as long."""


class ClockAhead:
    """Doubts a clock that is further ahead than the log and the machine's uptime explain.

    A hardware clock with an empty battery, or a wrong date set by hand, may be ahead by years. Such a clock must not
    remove a log by its age. A machine that was really off for long is in doubt for a day, too.

    Args:
        path: the log. Its newest line from before this boot tells how late it is at least.
        is_synchronized: returns whether a time server has confirmed the clock.
        now: returns the wall clock's time.
        uptime: returns the time since the machine was started.
    """

    def __init__(
        self,
        path: Path,
        *,
        is_synchronized: Callable[[], bool] = clock.is_synchronized,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        uptime: Callable[[], timedelta] = lambda: timedelta(seconds=time.clock_gettime(time.CLOCK_BOOTTIME)),
    ) -> None:
        self._is_synchronized = is_synchronized
        self._now = now
        self._uptime = uptime
        self._lock = threading.Lock()
        booted = now() - uptime()
        newest = _newest_before(path, booted)
        # The clock's offset from the uptime, as far as it is trusted: at boot it was later than the newest line.
        self._trusted = booted if newest is None else newest
        self._doubted_since = timedelta()

    def __call__(self) -> bool:
        """Return whether the clock is in doubt now. Call it regularly: one that finds no doubt confirms the clock."""
        with self._lock:
            uptime = self._uptime()
            offset = self._now() - uptime
            is_ahead = offset - self._trusted > DOUBT
            if is_ahead and not self._is_synchronized() and uptime - self._doubted_since < DOUBT:
                return True
            self._trusted, self._doubted_since = offset, uptime
            return False


def _newest_before(path: Path, moment: datetime) -> datetime | None:
    """Return the newest known time of a log before `moment`; None if there is none."""
    times = [file.ended for file in rotated_files(path) if file.ended]
    try:
        for read in (first_line_time, last_line_time):
            line = read(path)
            if line is not None and not line.clock:
                times.append(line.time)
    except OSError:
        pass  # there is no log yet
    return max((found for found in times if found < moment), default=None)
