"""The interface of a display panel, and the function that opens the configured one."""

from pathlib import Path
from typing import Protocol

import numpy as np

from edge.device.packages import install_command
from edge.errors import SinkError
from edge.records import Color
from edge.settings.sinks import DisplaySettings

I2C_DEVICES = ("ssd1306", "sh1106")
"""Controllers that `interface = "auto"` expects on I2C; all others are on SPI."""

_DIM_BRIGHTNESS = 0.2
"""Brightness of a dimmed colour display, 0.0 to 1.0; its pixels are darkened because its backlight is on or off."""


_SIZES = {
    "ssd1306": (128, 64),
    "sh1106": (128, 64),
    "st7735": (160, 128),
    "st7789": (240, 240),
    "ili9341": (320, 240),
    "framebuffer": (320, 240),
}
"""Width and height of the most common module with each controller, px."""


class Panel(Protocol):
    """A display.

    Attributes:
        width: width in the orientation in which it is viewed, px.
        height: height in that orientation, px.
        colored: whether it has colours; else it has one bit per pixel.
    """

    width: int
    height: int
    colored: bool

    def show(self, picture: Color) -> None:
        """Show a picture, (height, width, 3) uint8 BGR.

        Raises:
            SinkError: the display does not respond.
        """

    def dim(self, *, dimmed: bool) -> None:
        """Dim the display, or restore its normal brightness, from the next picture on.

        Raises:
            SinkError: the display does not respond.
        """

    def close(self) -> None:
        """Clear the display and release its bus.

        Raises:
            SinkError: the display does not respond.
        """


def darken(picture: Color) -> Color:
    """Return the picture for a dimmed colour display."""
    return (picture * _DIM_BRIGHTNESS).astype(np.uint8)


def bus_path(settings: DisplaySettings) -> str:
    """Return the path of the device file through which the display is driven."""
    if settings.device == "framebuffer":
        return settings.framebuffer
    if is_i2c(settings):
        return f"/dev/i2c-{settings.i2c_port}"
    return f"/dev/spidev{settings.spi_port}.{settings.spi_device}"


def is_i2c(settings: DisplaySettings) -> bool:
    """Return whether the display is on I2C."""
    return settings.interface == "i2c" or (settings.interface == "auto" and settings.device in I2C_DEVICES)


def bus_remedy(bus: str) -> str:
    """Return what to do if the device file does not exist."""
    if "/fb" in bus:
        return "load its driver with a dtoverlay in /boot/firmware/config.txt"
    return f"sudo raspi-config nonint do_{'i2c' if 'i2c' in bus else 'spi'} 0"


def bus_group(bus: str) -> str:
    """Return the group that may use the device file on Raspberry Pi OS."""
    return "video" if "/fb" in bus else "i2c" if "i2c" in bus else "spi"


def controller_size(settings: DisplaySettings) -> tuple[int, int]:
    """Return width and height as the controller counts them, px."""
    width, height = _SIZES[settings.device]
    return settings.width or width, settings.height or height


def viewed_size(settings: DisplaySettings) -> tuple[int, int]:
    """Return width and height in the orientation in which the display is viewed, px."""
    width, height = controller_size(settings)
    return (height, width) if settings.rotate in {90, 270} else (width, height)


def open_panel(settings: DisplaySettings, *, root: Path = Path("/")) -> Panel:
    """Open the display that the settings name.

    Args:
        settings: the `[display]` section.
        root: folder that contains /dev and /sys.

    Raises:
        SinkError: a package or the bus is missing, the bus may not be used, or the display does not respond.
    """
    _check_bus(bus_path(settings), root)
    if settings.device == "framebuffer":
        from edge.sinks.display.framebuffer import Framebuffer  # noqa: PLC0415  # only one of the two drivers is needed

        return Framebuffer(settings, root=root)
    try:
        from edge.sinks.display.luma_panel import LumaPanel  # noqa: PLC0415  # luma is optional

        return LumaPanel(settings)
    except ModuleNotFoundError as error:
        raise _missing_package(error) from error


def _check_bus(bus: str, root: Path) -> None:
    try:
        with (root / bus.lstrip("/")).open("r+b", buffering=0):
            return
    except FileNotFoundError as error:
        raise SinkError(f"expected the display's bus {bus}, found none: {bus_remedy(bus)}") from error
    except PermissionError as error:
        group = bus_group(bus)
        raise SinkError(f"{bus}: expected permission to use it, found none: sudo usermod -aG {group} $USER") from error
    except OSError as error:
        raise SinkError(f"{bus}: expected the display's bus, found: {error.strerror}: is the file a device?") from error


def _missing_package(error: ModuleNotFoundError) -> SinkError:
    top = (error.name or "").partition(".")[0]
    names = {"spidev": ("spidev",), "RPi": ("RPi.GPIO",), "smbus2": ("smbus2",), "PIL": ("Pillow",)}
    packages = names.get(top, ("luma.oled", "luma.lcd"))
    command = install_command(*packages, is_optional=True)
    return SinkError(f"expected the package {' and '.join(packages)}, found none: {command}")
