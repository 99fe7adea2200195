"""Knows whether the wall clock can be believed: most Pis have none that runs while they are off."""

from datetime import UTC, datetime
from pathlib import Path

RELEASED = datetime(2026, 11, 1, tzinfo=UTC)
"""Before this program was written nothing can have been logged by it."""

UNSET = "unset"
"""What a log line says under `clock` while the clock is not set."""

_TIMESYNC = "run/systemd/timesync"
"""There while systemd-timesyncd keeps the clock; it makes the file `synchronized` once that is set.

Source: systemd-timesyncd.service(8).
"""

_FROM_HARDWARE = "sys/class/rtc/*/hctosys"
"""1 where the kernel took the time from a hardware clock. Source: Linux, admin-guide/rtc.rst."""


def is_set(now: datetime | None = None, *, root: Path = Path("/")) -> bool:
    """Whether nothing speaks against the clock's time.

    Without timesyncd somebody else keeps the clock, and is believed. now: what it shows. root: where /run and /sys are.
    """
    if (now or datetime.now(UTC)) < RELEASED:
        return False
    timesync = root / _TIMESYNC
    return (timesync / "synchronized").exists() or not timesync.exists() or _is_from_hardware(root)


def _is_from_hardware(root: Path) -> bool:
    for told in root.glob(_FROM_HARDWARE):
        try:
            if told.read_text().strip() == "1":
                return True
        except OSError:
            continue
    return False
