"""Reads how hot the board is, and whether it is throttled."""

from pathlib import Path

THERMAL_ZONES = "sys/class/thermal"
THROTTLED = "sys/devices/platform/soc/soc:firmware/get_throttled"
"""The Raspberry Pi firmware's flags, as hexadecimal text.

Source: Raspberry Pi documentation, `vcgencmd get_throttled`: bit 0 under-voltage, 1 frequency capped, 2 throttled,
3 soft temperature limit; the same 16 bits higher for what has happened since boot.
"""

UNDER_VOLTAGE, SLOWED = 0b0001, 0b1110


class Board:
    """The machine's sensors; what it does not have is None. root: where /sys is looked for."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._zones = sorted((root / THERMAL_ZONES).glob("thermal_zone*/temp"))
        self._throttled = root / THROTTLED

    def temperature_c(self) -> float | None:
        """The hottest zone, degrees Celsius."""
        readings = [reading for zone in self._zones if (reading := _read_int(zone, 10)) is not None]
        return max(readings) / 1000 if readings else None

    def is_slowed(self) -> bool:
        """Whether the firmware holds the processor back now, for its heat or its supply."""
        return bool((_read_int(self._throttled, 16) or 0) & SLOWED)

    def is_under_voltage(self) -> bool:
        """Whether the supply is too weak now."""
        return bool((_read_int(self._throttled, 16) or 0) & UNDER_VOLTAGE)


def _read_int(path: Path, base: int) -> int | None:
    try:
        return int(path.read_text(), base)
    except (OSError, ValueError):
        return None  # a sensor may be missing, and some zones answer only while they are powered
