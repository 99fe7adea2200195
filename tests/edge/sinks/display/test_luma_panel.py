"""Displays on I2C and SPI get the right bytes through luma; a missing bus, package or display is a clear error."""

import errno
import sys
from types import ModuleType

import cv2
import numpy as np
import pytest

pytest.importorskip("luma.core", reason="luma is not installed: make extras")
pytest.importorskip("luma.oled", reason="luma.oled is not installed: make extras")
pytest.importorskip("luma.lcd", reason="luma.lcd is not installed: make extras")

from luma.core.device import dummy
from luma.core.interface.serial import noop

from edge.errors import SinkError
from edge.settings.sinks import DisplaySettings
from edge.sinks.display import luma_panel, panel
from edge.sinks.display.luma_panel import LumaPanel
from edge.sinks.display.panel import open_panel

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # luma uses a deprecated method of Pillow

_OFF, _ON, _CONTRAST = 0xAE, 0xAF, 0x81


class Bus:
    """An I2C bus with one display, which records what is written to it."""

    plugged = True
    opened = closed = 0
    written: list

    def __init__(self, port):
        self.port, self.fd = port, 7
        Bus.opened += 1
        Bus.last = self

    def write_i2c_block_data(self, address, mode, data):
        if not Bus.plugged:
            raise OSError(errno.EREMOTEIO, "Remote I/O error")
        assert (address, mode) == (0x3C, 0)
        Bus.written.append(("command", list(data)))

    def i2c_rdwr(self, message):
        if not Bus.plugged:
            raise OSError(errno.EREMOTEIO, "Remote I/O error")
        Bus.written.append(("data", list(message)[1:]))

    def close(self):
        Bus.closed += 1


class Pins(ModuleType):
    """The part of RPi.GPIO that luma needs.

    Attributes:
        levels: the levels to which each pin was set, in order.
    """

    BCM, OUT, LOW, HIGH = 11, 0, 0, 1

    def __init__(self):
        super().__init__("RPi.GPIO")
        self.levels = {}

    def setmode(self, mode):
        assert mode == self.BCM

    def setup(self, pin, _direction):
        self.levels.setdefault(pin, [])

    def output(self, pin, level):
        self.levels[pin].append(level)

    def cleanup(self, _pins=None):
        pass


class Spi:
    """spidev's SpiDev, which records the bytes that are written while the data pin (24) is high."""

    def __init__(self, pins):
        self.pins, self.data, self.closed = pins, [], 0

    def open(self, port, device):
        self.place = port, device

    def writebytes(self, data):
        if self.pins.levels[24][-1]:
            self.data.extend(data)

    def close(self):
        self.closed += 1


@pytest.fixture
def bus(monkeypatch, tmp_path):
    """An I2C bus at dev/i2c-1 below the returned folder."""
    Bus.plugged, Bus.opened, Bus.closed, Bus.written = True, 0, 0, []
    monkeypatch.setattr("smbus2.SMBus", Bus)
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/i2c-1").touch()
    return tmp_path


@pytest.fixture
def spi(monkeypatch, tmp_path):
    """An SPI bus at dev/spidev0.0 below `spi.root`."""
    pins = Pins()
    spi = Spi(pins)
    board, driver = ModuleType("RPi"), ModuleType("spidev")
    board.GPIO, driver.SpiDev = pins, lambda: spi
    monkeypatch.setitem(sys.modules, "RPi", board)
    monkeypatch.setitem(sys.modules, "RPi.GPIO", pins)
    monkeypatch.setitem(sys.modules, "spidev", driver)
    monkeypatch.setattr("luma.lcd.device.sleep", lambda _s: None)
    monkeypatch.setattr("luma.core.interface.serial.sleep", lambda _s: None)
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/spidev0.0").touch()
    spi.root = tmp_path
    return spi


def data_written():
    return [byte for kind, data in Bus.written if kind == "data" for byte in data]


def white(width, height):
    return np.full((height, width, 3), 255, np.uint8)


@pytest.mark.parametrize("colored", [False, True])
def test_a_luma_device_shows_the_picture(monkeypatch, colored):
    """On luma's dummy device each pixel is as drawn: red is red, and one bit is black or white."""
    device = dummy(width=128, height=64, mode="RGB" if colored else "1")
    monkeypatch.setattr(luma_panel, "_open_serial", lambda _settings: noop())
    monkeypatch.setattr(luma_panel, "_open_device", lambda _settings, _serial: device)
    panel = LumaPanel(DisplaySettings(device="ssd1306"))
    assert (panel.width, panel.height, panel.colored) == (128, 64, colored)
    picture = np.zeros((64, 128, 3), np.uint8)
    picture[10:20, 30:40] = (0, 0, 255) if colored else (255, 255, 255)
    panel.show(picture)
    shown = np.asarray(device.image.convert("RGB"))
    assert np.array_equal(shown, picture[..., ::-1])


def test_the_luma_emulator_shows_the_picture(monkeypatch, tmp_path):
    """The emulator's `capture` writes the picture that a display would show to a file."""
    emulator = pytest.importorskip("luma.emulator.device", reason="luma.emulator is not installed")
    device = emulator.capture(width=160, height=128, scale=1, file_template=str(tmp_path / "{0}.png"))
    monkeypatch.setattr(luma_panel, "_open_serial", lambda _settings: noop())
    monkeypatch.setattr(luma_panel, "_open_device", lambda _settings, _serial: device)
    panel = LumaPanel(DisplaySettings(device="st7735"))
    picture = np.random.default_rng(0).integers(0, 255, (128, 160, 3), np.uint8)
    panel.show(picture)
    assert np.array_equal(cv2.imread(str(tmp_path / "1.png")), picture)


@pytest.mark.parametrize("name", ["ssd1306", "sh1106"])
def test_a_one_bit_display_on_i2c_gets_its_commands(bus, name):
    """It is probed, cleared, written, dimmed by its contrast, cleared again and switched off."""
    panel = open_panel(DisplaySettings(device=name), root=bus)
    assert (panel.width, panel.height, panel.colored) == (128, 64, False)
    assert Bus.written[0] == ("command", [0xE3])
    assert data_written() == [0] * 1024
    Bus.written.clear()
    panel.show(white(128, 64))
    assert data_written() == [255] * 1024
    panel.dim(dimmed=True)
    assert Bus.written[-1] == ("command", [_CONTRAST, 1])
    Bus.written.clear()
    panel.close()
    assert ("command", [_OFF]) in Bus.written
    assert data_written() == [0] * 1024
    assert Bus.closed


def test_a_rotated_display_swaps_width_and_height(bus):
    """The size is that of the orientation in which the display is viewed."""
    panel = open_panel(DisplaySettings(device="ssd1306", rotate=90), root=bus)
    assert (panel.width, panel.height) == (64, 128)
    panel.show(white(64, 128))


def test_an_unplugged_display_is_an_error_and_leaves_no_open_bus(bus):
    """An unplugged display is an error when it is opened and in every later call, and no bus stays open."""
    Bus.plugged = False
    with pytest.raises(SinkError, match=r"ssd1306 on /dev/i2c-1: expected a response, found: .*0x3C: check its wires"):
        open_panel(DisplaySettings(device="ssd1306"), root=bus)
    assert Bus.opened == 1 <= Bus.closed
    Bus.plugged = True
    panel = open_panel(DisplaySettings(device="ssd1306"), root=bus)
    Bus.plugged, Bus.closed = False, 0
    for broken in (lambda: panel.show(white(128, 64)), lambda: panel.dim(dimmed=True), panel.close):
        with pytest.raises(SinkError, match="expected a response"):
            broken()
    assert Bus.closed


def test_a_closed_display_does_not_stay_in_memory(bus):
    """Luma's exit hook refers to each device for ever, and a loose wire causes many reopened displays."""
    panel = open_panel(DisplaySettings(device="ssd1306"), root=bus)
    panel.close()
    assert vars(panel._device) == {}


def test_an_unsupported_size_is_an_error(bus):
    """The error has the size and the settings to change."""
    with pytest.raises(
        SinkError, match=r"ssd1306 on .*: expected a size that .* supports, found: .*100 x 50: set display"
    ):
        open_panel(DisplaySettings(device="ssd1306", width=100, height=50), root=bus)


@pytest.mark.parametrize(
    ("name", "width", "height"), [("st7735", 160, 128), ("st7789", 240, 240), ("ili9341", 320, 240)]
)
def test_a_colour_display_on_spi_gets_its_pixels(spi, name, width, height):
    """Three bytes per pixel, red first; dimming darkens the pixels; closing switches the backlight off."""
    panel = open_panel(DisplaySettings(device=name), root=spi.root)
    assert (panel.width, panel.height, panel.colored) == (width, height, True)
    assert spi.place == (0, 0)
    assert spi.max_speed_hz == 16_000_000
    assert spi.pins.levels[25] == [0, 1], "reset"
    assert spi.pins.levels[18] == [1], "lit"
    spi.data.clear()
    picture = np.zeros((height, width, 3), np.uint8)
    picture[...] = (10, 20, 200)
    panel.show(picture)
    assert spi.data[-3:] == [200, 20, 10]
    assert len(spi.data) >= 3 * width * height
    panel.dim(dimmed=True)
    panel.show(picture)
    assert spi.data[-3:] == [40, 4, 2]
    panel.close()
    assert spi.data[-3:] == [0, 0, 0]
    assert spi.pins.levels[18][-1] == 0
    assert spi.closed


def test_the_wiring_follows_the_settings(spi):
    """Bus speed, pins, a backlight that is not wired, and the offset in the memory of the controller are settings."""
    settings = DisplaySettings(
        device="st7735", width=160, height=80, spi_mhz=8, reset_pin=27, light_pin=-1, bgr=True, invert=True, offset_x=1,
        offset_y=26,
    )  # fmt: skip
    panel = open_panel(settings, root=spi.root)
    assert (panel.width, panel.height) == (160, 80)
    assert spi.max_speed_hz == 8_000_000
    assert set(spi.pins.levels) == {24, 27}
    assert spi.data[-8 - 160 * 80 * 3 :][:8] == [0, 1, 0, 160, 0, 26, 0, 105], "columns and rows of the picture"


def test_a_one_bit_display_on_spi_gets_its_pixels(spi):
    """With `interface = "spi"` an SSD1306 is driven through SPI, at a lower speed than a colour display."""
    panel = open_panel(DisplaySettings(device="ssd1306", interface="spi"), root=spi.root)
    assert spi.max_speed_hz == 8_000_000
    spi.data.clear()
    panel.show(white(128, 64))
    assert spi.data[-1024:] == [255] * 1024


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"device": "ssd1306"}, "expected the display's bus /dev/i2c-1, found none: sudo raspi-config nonint do_i2c 0"),
        ({"device": "st7789", "spi_device": 1}, r"bus /dev/spidev0\.1, found none: sudo raspi-config nonint do_spi 0"),
        ({"device": "framebuffer"}, "bus /dev/fb0, found none: load its driver with a dtoverlay"),
    ],
)
def test_a_missing_bus_is_an_error_with_a_remedy(tmp_path, settings, line):
    """The error has the command that enables the bus."""
    with pytest.raises(SinkError, match=line):
        open_panel(DisplaySettings(**settings), root=tmp_path)


@pytest.mark.parametrize(("name", "group"), [("ssd1306", "i2c"), ("ili9341", "spi"), ("framebuffer", "video")])
def test_a_bus_without_permission_is_an_error_with_the_group(monkeypatch, tmp_path, name, group):
    """The error has the command that adds the user to the group of the bus."""

    def refuse(*_mode, **_options):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(panel.Path, "open", refuse)
    with pytest.raises(SinkError, match=rf"expected permission to use it, found none: sudo usermod -aG {group} \$USER"):
        open_panel(DisplaySettings(device=name), root=tmp_path)


def test_a_bus_that_is_not_a_device_is_an_error(tmp_path):
    """A folder at the path of the bus cannot be opened."""
    (tmp_path / "dev/i2c-1").mkdir(parents=True)
    with pytest.raises(SinkError, match="/dev/i2c-1: expected the display's bus, found: Is a directory"):
        open_panel(DisplaySettings(device="ssd1306"), root=tmp_path)


@pytest.mark.parametrize(
    ("module", "name", "line"),
    [
        ("luma.oled", "ssd1306", r"luma\.oled and luma\.lcd, found none: .*luma\.oled"),
        ("RPi", "ili9341", r"RPi\.GPIO, found none: .*RPi\.GPIO"),
        ("spidev", "ili9341", "spidev, found none: .*spidev"),
    ],
)
@pytest.mark.usefixtures("bus")
def test_a_missing_package_is_an_error_with_a_remedy(monkeypatch, tmp_path, module, name, line):
    """The error has the package and how to install it; a bus that was opened before is closed."""
    (tmp_path / "dev/spidev0.0").touch()
    pins = ModuleType("RPi")
    pins.GPIO = Pins()
    for found in ("RPi", "RPi.GPIO"):
        monkeypatch.setitem(sys.modules, found, pins if found == "RPi" else pins.GPIO)
    missing = [known for known in (module, "RPi.GPIO") if known.startswith(module)]
    for known in {module, *missing}:
        monkeypatch.setitem(sys.modules, known, None)
    monkeypatch.setattr("luma.core.interface.serial.sleep", lambda _s: None)
    with pytest.raises(SinkError, match=f"expected the package {line}"):
        open_panel(DisplaySettings(device=name), root=tmp_path)
    assert Bus.opened <= Bus.closed
