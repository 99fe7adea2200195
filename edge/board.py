"""Reads how hot the board is, and whether its firmware is content."""

from pathlib import Path

from edge.firmware import Firmware

THERMAL_ZONES = "sys/class/thermal"
THROTTLED = "sys/devices/platform/*/*:firmware/get_throttled"
"""The Raspberry Pi firmware's flags, as hexadecimal text.

Source: Raspberry Pi documentation, `vcgencmd get_throttled`: bit 0 under-voltage, 1 frequency capped, 2 throttled,
3 soft temperature limit; the same 16 bits higher for what has happened since boot.
"""

UNDER_VOLTAGE, SLOWED = 0b0001, 0b1110

SINCE_BOOT = 16
"""So many bits higher a flag says that it was so at some time since boot."""

FLAG_NAMES = ("under-voltage", "frequency capped", "throttled", "soft temperature limit")

VOLTAGE_SENSORS = "sys/class/hwmon/hwmon*/in0_lcrit_alarm"
"""1 while the supply is too weak, where the folder's `name` is rpi_volt. Source: Linux, raspberrypi-hwmon."""


class Board:
    """The machine's sensors; what it does not have is None. root: where /sys and /usr are looked for."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._zones = sorted((root / THERMAL_ZONES).glob("thermal_zone*/temp"))
        self._throttled = next(root.glob(THROTTLED), None)
        self._voltage_alarm = next(
            (alarm for alarm in root.glob(VOLTAGE_SENSORS) if _read(alarm.with_name("name")).strip() == "rpi_volt"),
            None,
        )
        self._firmware = Firmware(root)

    def temperature_c(self) -> float | None:
        """The hottest zone, degrees Celsius."""
        readings = [reading for zone in self._zones if (reading := _read_int(zone, 10)) is not None]
        return max(readings) / 1000 if readings else None

    def throttle_flags(self) -> int | None:
        """The firmware's flags as in `THROTTLED`: from /sys, else from `vcgencmd`, else from the voltage sensor."""
        flags = _read_int(self._throttled, 16) if self._throttled else self._firmware.throttle_flags()
        if flags is None and self._voltage_alarm:
            return _read_int(self._voltage_alarm, 10)
        return flags

    def core_v(self) -> float | None:
        """The processor's voltage, V."""
        return self._firmware.core_v()

    def describe(self) -> dict[str, object]:
        """What a log says of the board: only what it tells."""
        flags, told = self.throttle_flags(), {"temperature_c": self.temperature_c(), "core_v": self.core_v()}
        known: dict[str, object] = {name: value for name, value in told.items() if value is not None}
        return known if flags is None else known | {"throttled": name_flags(flags)}

    def is_slowed(self) -> bool:
        """Whether the firmware holds the processor back now, for its heat or its supply."""
        return bool((self.throttle_flags() or 0) & SLOWED)

    def is_under_voltage(self) -> bool:
        """Whether the supply is too weak now."""
        return bool((self.throttle_flags() or 0) & UNDER_VOLTAGE)


def name_flags(flags: int) -> list[str]:
    """What the firmware's flags say: first what is, then what has been since boot and is no more."""
    names = []
    for bit, name in enumerate(FLAG_NAMES):
        if flags >> bit & 1:
            names.append(name)
        elif flags >> (bit + SINCE_BOOT) & 1:
            names.append(f"{name} since boot")
    return sorted(names, key=lambda name: name.endswith("since boot"))


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""  # a sensor may be missing, and some zones answer only while they are powered


def _read_int(path: Path, base: int) -> int | None:
    try:
        return int(_read(path), base)
    except ValueError:
        return None
