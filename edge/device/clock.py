"""Checks whether the wall clock is set: most Pis have no clock that runs while they are off."""

from datetime import UTC, datetime
from pathlib import Path

from edge.device.files import ROOT, read_int

RELEASED = datetime(2026, 11, 1, tzinfo=UTC)
"""The program did not exist before this date, so a clock that shows an earlier one is wrong."""

UNSET = "unset"
"""The value of `clock` in a log line that was written while the clock was not set."""

_TIMESYNC = "run/systemd/timesync"
"""Exists while systemd-timesyncd runs, which creates the file `synchronized` in it once it has set the clock.

Source: systemd-timesyncd.service(8).
"""

_SET_FROM_RTC = "sys/class/rtc/*/hctosys"
"""1 if the kernel took the time from this hardware clock at boot. Source: Linux, admin-guide/rtc.rst."""


def is_synchronized(*, root: Path = ROOT) -> bool:
    """Return whether systemd-timesyncd has set the clock from a time server since the machine was started.

    Args:
        root: the folder that holds /run.
    """
    return (root / _TIMESYNC / "synchronized").exists()


def is_set(now: datetime | None = None, *, root: Path = ROOT) -> bool:
    """Return False if there is evidence that the clock is not set.

    Without systemd-timesyncd another program may set the clock, and the time is believed.

    Args:
        now: the time that the clock shows; the present one by default.
        root: the folder that holds /run and /sys.
    """
    if (now or datetime.now(UTC)) < RELEASED:
        return False
    timesync = root / _TIMESYNC
    if not timesync.exists() or (timesync / "synchronized").exists():
        return True
    return any(read_int(clock) == 1 for clock in root.glob(_SET_FROM_RTC))
