"""What every display offers, and how one is opened."""

from pathlib import Path
from typing import Protocol

import numpy as np

from edge.errors import SinkError
from edge.records import Color
from edge.sink_settings import DisplaySettings

I2C_DEVICES = ("ssd1306", "sh1106")
"""With `interface = "auto"` these are on I2C, and the others on SPI."""


class Panel(Protocol):
    """A display. width, height: px, as it is looked at. colored: else it has one bit for each pixel."""

    width: int
    height: int
    colored: bool

    def show(self, picture: Color) -> None:
        """Show (height, width, 3) uint8 BGR.

        Raises:
            SinkError: it does not answer.
        """

    def dim(self, *, dimmed: bool) -> None:
        """Darker, or as bright as usual; holds from the next picture on.

        Raises:
            SinkError: it does not answer.
        """

    def close(self) -> None:
        """Clear it, and give everything back."""


_DIM_SHARE = 0.2
"""Of a colour display's brightness: its backlight is either on or off."""


def darken(picture: Color) -> Color:
    """Return a picture for a colour display that is dimmed."""
    return (picture * _DIM_SHARE).astype(np.uint8)


def bus_of(settings: DisplaySettings) -> str:
    """The file that the kernel offers the display's wires as."""
    if settings.device == "framebuffer":
        return settings.framebuffer
    if is_i2c(settings):
        return f"/dev/i2c-{settings.i2c_port}"
    return f"/dev/spidev{settings.spi_port}.{settings.spi_device}"


def is_i2c(settings: DisplaySettings) -> bool:
    """Whether the display is on I2C."""
    return settings.interface == "i2c" or (settings.interface == "auto" and settings.device in I2C_DEVICES)


def remedy_of(bus: str) -> str:
    """How that file comes to be there."""
    if "/fb" in bus:
        return "load its driver with a dtoverlay in /boot/firmware/config.txt"
    return f"sudo raspi-config nonint do_{'i2c' if 'i2c' in bus else 'spi'} 0"


def group_of(bus: str) -> str:
    """Who may use that file, on Raspberry Pi OS."""
    return "video" if "/fb" in bus else "i2c" if "i2c" in bus else "spi"


def open_panel(settings: DisplaySettings, *, root: Path = Path("/")) -> Panel:
    """Open the display that the settings name. root: where /dev and /sys are looked for.

    Raises:
        SinkError: a package or the bus is missing or not permitted, or the display does not answer.
    """
    _check_bus(bus_of(settings), root)
    if settings.device == "framebuffer":
        from edge.sinks.display.framebuffer import Framebuffer  # noqa: PLC0415  # the others need luma, this does not

        return Framebuffer(settings, root=root)
    try:
        from edge.sinks.display.luma_panel import LumaPanel  # noqa: PLC0415  # loaded only where it is asked for

        return LumaPanel(settings)
    except ModuleNotFoundError as error:
        raise _missing(error) from error


def _check_bus(bus: str, root: Path) -> None:
    try:
        with (root / bus.lstrip("/")).open("r+b", buffering=0):
            return
    except FileNotFoundError as error:
        raise SinkError(f"expected the display's bus {bus}, found none: {remedy_of(bus)}") from error
    except PermissionError as error:
        group = group_of(bus)
        raise SinkError(f"{bus}: expected leave to use it, found none: sudo usermod -aG {group} $USER") from error
    except OSError as error:
        raise SinkError(f"{bus}: expected the display's bus, found: {error.strerror}: is the file a device?") from error


def _missing(error: ModuleNotFoundError) -> SinkError:
    top = (error.name or "").partition(".")[0]
    packages = {
        "spidev": ("spidev", "sudo apt install python3-spidev"),
        "RPi": ("RPi.GPIO", "sudo apt install python3-rpi-lgpio"),
        "smbus2": ("smbus2", "sudo apt install python3-smbus2"),
        "PIL": ("Pillow", "sudo apt install python3-pil"),
    }
    luma = (
        "luma.oled and luma.lcd",
        "make extras, or apt's python3-luma.oled python3-luma.lcd",
    )
    name, remedy = packages.get(top, luma)
    return SinkError(f"expected the package {name}, found none: {remedy}")
