"""Drives a display on I2C or SPI through the luma packages."""

import cv2
import luma.core.error
from luma.core.device import device as LumaDevice  # noqa: N812  # luma names this class in lower case
from luma.core.interface.serial import i2c, noop, spi
from PIL import Image

from edge.errors import SinkError
from edge.records import Color
from edge.settings.sinks import DisplaySettings
from edge.sinks.display.panel import I2C_DEVICES, bus_path, controller_size, darken, is_i2c

_NOP = 0xE3
"""Command without effect. Source: data sheets of the SSD1306 and the SH1106, "NOP"."""

_BRIGHT, _DIM = 0xCF, 0x01
"""Contrast of a one-bit display, 0 to 255."""

_ONE_BIT_MHZ, _COLOR_MHZ = 8, 16


class LumaPanel:
    """A display on I2C or SPI.

    Attributes:
        width: width in the orientation in which it is viewed, px.
        height: height in that orientation, px.
        colored: whether it has colours; else it has one bit per pixel.
    """

    def __init__(self, settings: DisplaySettings) -> None:
        """Open the bus and the display, and clear the display.

        Raises:
            SinkError: the bus cannot be opened, or the display does not respond.
            ModuleNotFoundError: a package is missing.
        """
        self._name = f"{settings.device} on {bus_path(settings)}"
        self._serial: i2c | spi | None = None
        try:
            self._serial = _open_serial(settings)
            self._device = _open_device(settings, self._serial)
        except Exception as error:  # luma checks with assertions, and GPIO libraries raise errors of their own
            self._close_serial()
            if isinstance(error, ModuleNotFoundError):
                raise
            raise self._translated(error) from error
        self.width, self.height = self._device.size
        self.colored = self._device.mode != "1"
        self._dimmed = False

    def show(self, picture: Color) -> None:
        """Show a picture, (height, width, 3) uint8 BGR.

        Raises:
            SinkError: the display does not respond.
        """
        if self.colored and self._dimmed:
            picture = darken(picture)
        image = Image.fromarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
        try:
            self._device.display(image if self.colored else image.convert("1", dither=Image.Dither.NONE))
        except (OSError, luma.core.error.Error) as error:
            raise self._translated(error) from error

    def dim(self, *, dimmed: bool) -> None:
        """Dim the display, or restore its normal brightness, from the next picture on.

        Raises:
            SinkError: the display does not respond.
        """
        self._dimmed = dimmed
        if self.colored:
            return
        try:
            self._device.contrast(_DIM if dimmed else _BRIGHT)
        except (OSError, luma.core.error.Error) as error:
            raise self._translated(error) from error

    def close(self) -> None:
        """Switch the display off, clear it and release the bus.

        luma's own `cleanup` does not clear it in the versions up to that of Debian 12, and releases the pin of the
        backlight.

        Raises:
            SinkError: the display does not respond.
        """
        try:
            getattr(self._device, "backlight", bool)(False)
            self._device.hide()
            self._device.clear()
        except (OSError, luma.core.error.Error) as error:
            raise self._translated(error) from error
        finally:
            self._close_serial()
            vars(self._device).clear()  # luma's exit hook keeps a reference to every device: leave it an empty one

    def _close_serial(self) -> None:
        if self._serial is not None:
            self._serial.cleanup()

    def _translated(self, error: Exception) -> SinkError:
        found = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, luma.core.error.DeviceDisplayModeError):
            return SinkError(
                f"{self._name}: expected a size that the display supports, found: {found}: set display.width and height"
            )
        return SinkError(f"{self._name}: expected a response, found: {found}: check its wires and the settings")


def _open_serial(settings: DisplaySettings) -> "i2c | spi":
    if is_i2c(settings):
        bus = i2c(port=settings.i2c_port, address=settings.i2c_address)
        try:
            bus.command(_NOP)  # before luma creates a device for it, which would stay in memory
        except Exception:  # any error: it is raised again once the bus is closed
            bus.cleanup()
            raise
        return bus
    mhz = settings.spi_mhz or (_ONE_BIT_MHZ if settings.device in I2C_DEVICES else _COLOR_MHZ)
    return spi(
        port=settings.spi_port,
        device=settings.spi_device,
        bus_speed_hz=mhz * 1_000_000,
        gpio_DC=settings.data_pin,
        gpio_RST=settings.reset_pin,
        reset_hold_time=0.01,
        reset_release_time=0.15,
    )


def _open_device(settings: DisplaySettings, serial: "i2c | spi") -> LumaDevice:
    width, height = controller_size(settings)
    options: dict[str, object] = {
        "width": width,
        "height": height,
        "rotate": settings.rotate // 90,
    }
    if settings.device in I2C_DEVICES:
        from luma.oled import device as oled  # noqa: PLC0415  # only one of luma.oled and luma.lcd need be installed

        return getattr(oled, settings.device)(serial, **options)
    from luma.lcd import device as lcd  # noqa: PLC0415  # only one of luma.oled and luma.lcd need be installed

    light: dict[str, object] = {"gpio_LIGHT": settings.light_pin} if settings.light_pin >= 0 else {"gpio": noop()}
    light["active_low"] = False  # older versions of luma.lcd default to True
    if settings.device != "st7789":
        options |= {"bgr": settings.bgr, "h_offset": settings.offset_x, "v_offset": settings.offset_y}
    if settings.device == "st7735":
        options["inverse"] = settings.invert
    return getattr(lcd, settings.device)(serial, **options, **light)
