"""A framebuffer gets pictures in its own pixel format and orientation, and is cleared at the end."""

import numpy as np
import pytest

from edge.errors import SinkError
from edge.settings.sinks import DisplaySettings
from edge.sinks.display.panel import open_panel

WIDTH, HEIGHT = 10, 4


@pytest.fixture
def framebuffer(tmp_path):
    """Create /dev/fb0 and its description in /sys below `tmp_path`; return the device file."""

    def make(bits, *, stride=None, size=f"{WIDTH},{HEIGHT}"):
        facts, device = tmp_path / "sys/class/graphics/fb0", tmp_path / "dev/fb0"
        facts.mkdir(parents=True)
        device.parent.mkdir()
        (facts / "virtual_size").write_text(f"{size}\n")
        (facts / "bits_per_pixel").write_text(f"{bits}\n")
        (facts / "stride").write_text(f"{WIDTH * bits // 8 if stride is None else stride}\n")
        device.write_bytes(b"\xaa" * 500)
        return device

    return make


@pytest.fixture
def open_framebuffer(tmp_path):
    """Open /dev/fb0 below `tmp_path`; it is closed at the end of the test."""
    panels = []

    def open_with(**settings):
        panels.append(open_panel(DisplaySettings(device="framebuffer", **settings), root=tmp_path))
        return panels[-1]

    yield open_with
    for panel in panels:
        panel._file.close()


@pytest.mark.parametrize(
    ("bits", "bgr", "pixel"),
    [
        (16, False, [0x00, 0xF8]),
        (16, True, [0x1F, 0x00]),
        (24, False, [0, 0, 255]),
        (24, True, [255, 0, 0]),
        (32, False, [0, 0, 255, 255]),
    ],
)
def test_red_is_red_in_each_format(open_framebuffer, framebuffer, bits, bgr, pixel):
    """Of 16 bits, the five highest are red; in 24 and 32 bits the first byte is blue."""
    device = framebuffer(bits)
    panel = open_framebuffer(bgr=bgr)
    assert (panel.width, panel.height, panel.colored) == (WIDTH, HEIGHT, True)
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[0, 1] = (0, 0, 255)
    panel.show(picture)
    place = bits // 8
    assert list(device.read_bytes()[place : 2 * place]) == pixel


def test_lines_are_padded_to_the_stride(open_framebuffer, framebuffer):
    """A line that is longer in memory than on the screen is padded, so that the next one begins where it should."""
    device = framebuffer(24, stride=64)
    panel = open_framebuffer()
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[2, 0] = 200
    panel.show(picture)
    assert list(device.read_bytes()[128:132]) == [200, 200, 200, 0]


@pytest.mark.parametrize(("rotate", "place"), [(0, 0), (90, 9), (180, 39), (270, 30)])
def test_a_picture_is_rotated_clockwise(open_framebuffer, framebuffer, rotate, place):
    """The top left corner of the picture moves around the screen, and width and height follow."""
    device = framebuffer(24)
    panel = open_framebuffer(rotate=rotate)
    assert (panel.width, panel.height) == ((WIDTH, HEIGHT) if rotate % 180 == 0 else (HEIGHT, WIDTH))
    picture = np.zeros((panel.height, panel.width, 3), np.uint8)
    picture[0, 0] = 255
    panel.show(picture)
    assert device.read_bytes()[3 * place] == 255


def test_a_framebuffer_is_cleared_dimmed_and_cleared_again(open_framebuffer, framebuffer):
    """It is cleared when it is opened and when it is closed; while dimmed, pixels have a fifth of their value."""
    device = framebuffer(24)
    panel = open_framebuffer()
    assert set(device.read_bytes()[:120]) == {0}
    panel.dim(dimmed=True)
    panel.show(np.full((HEIGHT, WIDTH, 3), 200, np.uint8))
    assert set(device.read_bytes()[:120]) == {40}
    panel.close()
    assert set(device.read_bytes()[:120]) == {0}
    assert set(device.read_bytes()[120:]) == {0xAA}, "memory behind the visible area was written"


@pytest.mark.parametrize(
    ("bits", "stride", "line"), [(8, None, "found 8 bits"), (24, 20, "10 px a line, found 24 bits and 20 bytes")]
)
def test_an_unsupported_pixel_format_is_an_error(open_framebuffer, framebuffer, bits, stride, line):
    """The error has the number of bits, and the length of a line that is too short."""
    framebuffer(bits, stride=stride)
    with pytest.raises(SinkError, match=line):
        open_framebuffer()


def test_a_framebuffer_without_a_readable_size_is_an_error(open_framebuffer, framebuffer):
    """The error asks whether the driver is loaded."""
    framebuffer(24, size="wide")
    with pytest.raises(SinkError, match=r"/dev/fb0: expected a framebuffer, found: .*is its driver loaded"):
        open_framebuffer()


def test_a_framebuffer_that_cannot_be_written_is_an_error(tmp_path, open_framebuffer, framebuffer):
    """A read-only file stands for a framebuffer that is gone."""
    framebuffer(24)
    panel = open_framebuffer()
    reader = open(tmp_path / "dev/fb0", "rb", buffering=0)  # noqa: PTH123, SIM115  # replaces the file of the panel
    panel._file.close()
    panel._file = reader
    with pytest.raises(SinkError, match="expected a framebuffer, found"):
        panel.show(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    reader.close()
