"""Reads the board's sensors: its temperature, core voltage, and the firmware's throttle flags."""

import subprocess
import time
from pathlib import Path

from edge.device.files import ROOT, read_int, read_text

THERMAL_ZONES = "sys/class/thermal"

GET_THROTTLED = "sys/devices/platform/*/*:firmware/get_throttled"
"""The Raspberry Pi firmware's throttle flags, as hexadecimal text.

Source: Raspberry Pi documentation, `vcgencmd get_throttled`: bit 0 under-voltage, 1 frequency capped, 2 throttled,
3 soft temperature limit; the same 16 bits higher for what has happened since boot.
"""

VOLTAGE_ALARMS = "sys/class/hwmon/hwmon*/in0_lcrit_alarm"
"""1 while the supply voltage is too low, if the folder's `name` is rpi_volt. Source: Linux, raspberrypi-hwmon."""

UNDER_VOLTAGE, THROTTLED = 0b0001, 0b1110
"""Masks of the throttle flags: the supply is too weak; the processor's clock is limited, for whatever reason."""

SINCE_BOOT = 16
"""A flag shifted up by this many bits tells whether it has been set at any time since boot."""

FLAG_NAMES = ("under-voltage", "frequency capped", "throttled", "soft temperature limit")

VCGENCMD = "usr/bin/vcgencmd"
"""The firmware's command-line tool."""

KEEP_S = 10.0
"""The tool's output is kept this long, because each call starts a process."""

_TIMEOUT_S = 2.0


class Sensors:
    """The board's sensors; a value that this machine does not have is None.

    The throttle flags come from /sys, else from `vcgencmd`, else from the kernel's voltage alarm.

    Args:
        root: the folder that holds /sys and /usr.
    """

    def __init__(self, root: Path = ROOT) -> None:
        self._zones = sorted((root / THERMAL_ZONES).glob("thermal_zone*/temp"))
        self._throttled = next(root.glob(GET_THROTTLED), None)
        self._voltage_alarm = next(
            (alarm for alarm in root.glob(VOLTAGE_ALARMS) if read_text(alarm.with_name("name")) == "rpi_volt"), None
        )
        self._vcgencmd = Vcgencmd(root)

    def temperature_c(self) -> float | None:
        """Return the temperature of the hottest thermal zone, degrees Celsius."""
        millidegrees = [value for zone in self._zones if (value := read_int(zone)) is not None]
        return max(millidegrees) / 1000 if millidegrees else None

    def throttle_flags(self) -> int | None:
        """Return the throttle flags, as `GET_THROTTLED` documents them."""
        flags = read_int(self._throttled, 16) if self._throttled else self._vcgencmd.throttle_flags()
        return read_int(self._voltage_alarm) if flags is None and self._voltage_alarm else flags

    def core_v(self) -> float | None:
        """Return the processor's core voltage, V."""
        return self._vcgencmd.core_v()

    def log_fields(self) -> dict[str, object]:
        """Return the sensors' values as fields of a log line, without those that this machine does not have."""
        flags, values = self.throttle_flags(), {"temperature_c": self.temperature_c(), "core_v": self.core_v()}
        fields: dict[str, object] = {name: value for name, value in values.items() if value is not None}
        return fields if flags is None else fields | {"throttled": describe_flags(flags)}

    def is_throttled(self) -> bool:
        """Return whether the firmware limits the processor's clock now, because of heat or a weak supply."""
        return bool((self.throttle_flags() or 0) & THROTTLED)

    def is_under_voltage(self) -> bool:
        """Return whether the supply is too weak now."""
        return bool((self.throttle_flags() or 0) & UNDER_VOLTAGE)


def describe_flags(flags: int) -> list[str]:
    """Return the throttle flags in words: first those that are set now, then those that were set since boot."""
    now = [name for bit, name in enumerate(FLAG_NAMES) if flags >> bit & 1]
    before = [name for bit, name in enumerate(FLAG_NAMES) if flags >> bit + SINCE_BOOT & 1 and name not in now]
    return [*now, *(f"{name} since boot" for name in before)]


class Vcgencmd:
    """Queries the firmware through its tool `vcgencmd`; every value is None if the tool is absent or fails.

    Args:
        root: the folder that holds /usr.
    """

    def __init__(self, root: Path = ROOT) -> None:
        path = root / VCGENCMD
        self._path = path if path.exists() else None
        self._outputs: dict[str, tuple[float, str]] = {}

    def throttle_flags(self) -> int | None:
        """Return the flags from `vcgencmd get_throttled`."""
        try:
            return int(self._query("get_throttled"), 16)
        except ValueError:
            return None

    def core_v(self) -> float | None:
        """Return the core voltage from `vcgencmd measure_volts`, V."""
        try:
            return float(self._query("measure_volts").rstrip("V"))
        except ValueError:
            return None

    def _query(self, command: str) -> str:
        """Return the value in an output such as `throttled=0x50005` or `volt=0.8500V`; empty if there is none."""
        if self._path is None:
            return ""
        queried_at, output = self._outputs.get(command, (float("-inf"), ""))
        if time.monotonic() - queried_at >= KEEP_S:
            output = _output(self._path, command)
            self._outputs[command] = time.monotonic(), output
        return output.partition("=")[2].strip()


def _output(vcgencmd: Path, command: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603  # runs the firmware's own tool
            [vcgencmd, command], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ""  # not permitted, or it hangs
    return done.stdout
