"""A folder with the files that a Pi's kernel and firmware keep in /sys."""

from pathlib import Path

import pytest


class SysFiles:
    """A thermal zone and the firmware's throttle flags below a root folder."""

    def __init__(self, root: Path) -> None:
        zone = root / "sys/class/thermal/thermal_zone0"
        firmware = root / "sys/devices/platform/soc/soc:firmware"
        zone.mkdir(parents=True)
        firmware.mkdir(parents=True)
        self.temperature, self._throttled = zone / "temp", firmware / "get_throttled"
        self.set(50.0)

    def set(self, temperature_c: float, *, throttled: str = "0") -> None:
        """Write a temperature, and throttle flags in hexadecimal."""
        self.temperature.write_text(f"{int(temperature_c * 1000)}\n")
        self._throttled.write_text(throttled + "\n")


@pytest.fixture
def sys_files(tmp_path):
    return SysFiles(tmp_path)
