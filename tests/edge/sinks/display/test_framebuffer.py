"""A framebuffer is given lines as long as it has them, in its own format, and is dark at the end."""

import numpy as np
import pytest

from edge.errors import SinkError
from edge.sink_settings import DisplaySettings
from edge.sinks.display.panel import open_panel

WIDTH, HEIGHT = 10, 4


@pytest.fixture
def framebuffer(tmp_path):
    """Make /dev/fb0, and what the kernel says of it, below `tmp_path`; return it."""

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
def open_it(tmp_path):
    """Open it; it is closed at the end."""
    panels = []

    def opened(**settings):
        panels.append(open_panel(DisplaySettings(device="framebuffer", **settings), root=tmp_path))
        return panels[-1]

    yield opened
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
def test_red_is_red_in_each_format(open_it, framebuffer, bits, bgr, pixel):
    """In 16 bits five are for red, the highest; in 24 and 32 blue comes first."""
    device = framebuffer(bits)
    panel = open_it(bgr=bgr)
    assert (panel.width, panel.height, panel.colored) == (WIDTH, HEIGHT, True)
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[0, 1] = (0, 0, 255)
    panel.show(picture)
    place = bits // 8
    assert list(device.read_bytes()[place : 2 * place]) == pixel


def test_a_line_that_is_longer_in_memory_is_filled_up(open_it, framebuffer):
    device = framebuffer(24, stride=64)
    panel = open_it()
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[2, 0] = 200
    panel.show(picture)
    assert list(device.read_bytes()[128:132]) == [200, 200, 200, 0]


@pytest.mark.parametrize(("rotate", "place"), [(0, 0), (90, 9), (180, 39), (270, 30)])
def test_it_can_be_turned(open_it, framebuffer, rotate, place):
    """The picture's first corner goes round, clockwise."""
    device = framebuffer(24)
    panel = open_it(rotate=rotate)
    assert (panel.width, panel.height) == ((WIDTH, HEIGHT) if rotate % 180 == 0 else (HEIGHT, WIDTH))
    picture = np.zeros((panel.height, panel.width, 3), np.uint8)
    picture[0, 0] = 255
    panel.show(picture)
    assert device.read_bytes()[3 * place] == 255


def test_it_is_cleared_before_and_after_and_dimmed_between(open_it, framebuffer):
    device = framebuffer(24)
    panel = open_it()
    assert set(device.read_bytes()[:120]) == {0}
    panel.dim(dimmed=True)
    panel.show(np.full((HEIGHT, WIDTH, 3), 200, np.uint8))
    assert set(device.read_bytes()[:120]) == {40}
    panel.close()
    assert set(device.read_bytes()[:120]) == {0}
    assert set(device.read_bytes()[120:]) == {0xAA}, "what is not ours is left alone"


@pytest.mark.parametrize(
    ("bits", "stride", "line"), [(8, None, "found 8 bits"), (24, 20, "10 px a line, found 24 bits and 20 bytes")]
)
def test_a_format_that_is_not_known_is_told(open_it, framebuffer, bits, stride, line):
    framebuffer(bits, stride=stride)
    with pytest.raises(SinkError, match=line):
        open_it()


def test_a_framebuffer_without_its_facts_is_told(open_it, framebuffer):
    framebuffer(24, size="wide")
    with pytest.raises(SinkError, match=r"/dev/fb0: expected a framebuffer, found: .*is its driver loaded"):
        open_it()


def test_one_that_takes_no_more_is_told(tmp_path, open_it, framebuffer):
    """It has gone, for one; here it was closed."""
    framebuffer(24)
    panel = open_it()
    reader = open(tmp_path / "dev/fb0", "rb", buffering=0)  # noqa: PTH123, SIM115  # read-only, in the place of ours
    panel._file.close()
    panel._file = reader
    with pytest.raises(SinkError, match="expected a framebuffer, found"):
        panel.show(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    reader.close()
