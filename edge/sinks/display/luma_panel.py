"""A display that luma drives, on I2C or SPI."""

import cv2
import luma.core.error
from luma.core.device import device as LumaDevice  # noqa: N812  # a class, whatever its case
from luma.core.interface.serial import i2c, noop, spi
from PIL import Image

from edge.errors import SinkError
from edge.records import Color
from edge.sink_settings import DisplaySettings
from edge.sinks.display.panel import I2C_DEVICES, bus_of, darken, is_i2c

_NOP = 0xE3
"""Does nothing on a SSD1306 and a SH1106; their data sheets, "NOP"."""

_BRIGHT, _DIM = 0xCF, 0x01
"""Contrast of a one-bit display, 0 to 255."""

_ONE_BIT_MHZ, _COLOR_MHZ = 8, 16

_SIZES = {"ssd1306": (128, 64), "sh1106": (128, 64), "st7735": (160, 128), "st7789": (240, 240), "ili9341": (320, 240)}
"""Width and height of most modules, px."""


class LumaPanel:
    """A display on I2C or SPI. width, height: px, as it is looked at. colored: else it has one bit for each pixel."""

    def __init__(self, settings: DisplaySettings) -> None:
        """Open bus and display, and clear it.

        Raises:
            SinkError: it cannot be opened, or does not answer.
            ModuleNotFoundError: a package is missing.
        """
        self._name = f"{settings.device} on {bus_of(settings)}"
        self._serial: i2c | spi | None = None
        try:
            self._serial = _open_serial(settings)
            self._device = _open_device(settings, self._serial)
        except Exception as error:  # luma's checks are assertions, and a board's pins have errors of their own
            self._close_serial()
            if isinstance(error, ModuleNotFoundError):
                raise
            raise self._translated(error) from error
        self.width, self.height = self._device.size
        self.colored = self._device.mode != "1"
        self._dimmed = False

    def show(self, picture: Color) -> None:
        """Show (height, width, 3) uint8 BGR.

        Raises:
            SinkError: it does not answer.
        """
        if self.colored and self._dimmed:
            picture = darken(picture)
        image = Image.fromarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
        try:
            self._device.display(image if self.colored else image.convert("1", dither=Image.Dither.NONE))
        except (OSError, luma.core.error.Error) as error:
            raise self._translated(error) from error

    def dim(self, *, dimmed: bool) -> None:
        """Darker, or as bright as usual; holds from the next picture on.

        Raises:
            SinkError: it does not answer.
        """
        self._dimmed = dimmed
        if self.colored:
            return
        try:
            self._device.contrast(_DIM if dimmed else _BRIGHT)
        except (OSError, luma.core.error.Error) as error:
            raise self._translated(error) from error

    def close(self) -> None:
        """Switch it off and clear it, and give the bus back.

        luma's own `cleanup` does not, up to the versions that Debian 12 has, and lets go of the backlight's pin.
        """
        try:
            getattr(self._device, "backlight", bool)(False)
            self._device.hide()
            self._device.clear()
        except (OSError, luma.core.error.Error) as error:
            raise self._translated(error) from error
        finally:
            self._close_serial()
            vars(self._device).clear()  # luma's exit hook holds on to every device: let it hold nothing

    def _close_serial(self) -> None:
        if self._serial is not None:
            self._serial.cleanup()

    def _translated(self, error: Exception) -> SinkError:
        found = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, luma.core.error.DeviceDisplayModeError):
            return SinkError(f"{self._name}: expected a size that it has, found: {found}: set display.width and height")
        return SinkError(f"{self._name}: expected an answer, found: {found}: check its wires and the settings")


def _open_serial(settings: DisplaySettings) -> "i2c | spi":
    if is_i2c(settings):
        bus = i2c(port=settings.i2c_port, address=settings.i2c_address)
        try:
            bus.command(_NOP)  # before luma makes a device of it, which would stay in memory
        except Exception:  # whatever it was, it goes on from here, and the bus is not left open
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
    usual_width, usual_height = _SIZES[settings.device]
    options: dict[str, object] = {
        "width": settings.width or usual_width,
        "height": settings.height or usual_height,
        "rotate": settings.rotate // 90,
    }
    if settings.device in I2C_DEVICES:
        from luma.oled import device as oled  # noqa: PLC0415  # one of the two packages is enough

        return getattr(oled, settings.device)(serial, **options)
    from luma.lcd import device as lcd  # noqa: PLC0415  # as above

    light: dict[str, object] = {"gpio_LIGHT": settings.light_pin} if settings.light_pin >= 0 else {"gpio": noop()}
    light["active_low"] = False  # the older ones take it the other way round
    if settings.device != "st7789":
        options |= {"bgr": settings.bgr, "h_offset": settings.offset_x, "v_offset": settings.offset_y}
    if settings.device == "st7735":
        options["inverse"] = settings.invert
    return getattr(lcd, settings.device)(serial, **options, **light)
