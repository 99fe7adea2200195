"""The doctor names what keeps the small display dark; the service runs all the same."""

import sys

import msgspec
import pytest

from edge.runtime.answer import Answerer
from edge.status import SinkStatus, Status

OLED = '[display]\ndevice = "ssd1306"\n'

FACTS = {
    "version": "0", "pid": 1, "state": "running", "since": "", "uptime_s": 1.0, "source": "camera", "frames": 1,
    "fps": 1.0, "latency_ms_p50": None, "latency_ms_p95": None, "faces": 0, "dropped": 0, "undelivered": 0,
    "reopens": 0, "log": "log.jsonl", "log_dropped": 0, "temperature_c": None, "throttled": None, "core_v": None,
}  # fmt: skip
"""What a service says of itself that does not matter here."""


@pytest.fixture
def packages(monkeypatch):
    """As if luma's two packages were there."""
    monkeypatch.setattr("edge.doctor.display.find_spec", lambda name: name)


def test_without_a_display_there_is_nothing_to_look_at(find):
    found = find("display")
    assert (found.status, found.text) == ("ok", "none asked for")


@pytest.mark.parametrize(("device", "package"), [("ssd1306", "luma.oled"), ("st7789", "luma.lcd")])
def test_a_missing_package_is_named(find, config, monkeypatch, device, package):
    """The one that drives it."""
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr("edge.doctor.display.find_spec", lambda _name: None)
    found = find("display", config=config(f'[display]\ndevice = "{device}"\n'))
    assert (found.status, found.remedy) == ("warning", f"sudo apt install python3-{package}")
    assert f"expected the package {package}, found none" in found.text


def test_without_luma_at_all_the_package_is_named_too(find, config, monkeypatch):
    def fail(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr("edge.doctor.display.find_spec", fail)
    assert "expected the package luma.oled" in find("display", config=config(OLED)).text


@pytest.mark.usefixtures("packages")
@pytest.mark.parametrize(
    ("device", "bus", "remedy"),
    [
        ("ssd1306", "/dev/i2c-1", "sudo raspi-config nonint do_i2c 0"),
        ("ili9341", "/dev/spidev0.0", "sudo raspi-config nonint do_spi 0"),
        ("framebuffer", "/dev/fb0", "load its driver with a dtoverlay in /boot/firmware/config.txt"),
    ],
)
def test_a_missing_bus_is_named_with_what_turns_it_on(find, config, device, bus, remedy):
    found = find("display", config=config(f'[display]\ndevice = "{device}"\n'))
    assert (found.status, found.text) == ("warning", f"expected the display's bus {bus}, found none")
    assert found.remedy == remedy


@pytest.mark.usefixtures("packages")
@pytest.mark.parametrize(("mode", "status"), [(0o600, "warning"), (0o666, "ok")])
def test_a_bus_that_is_not_permitted_is_named_with_its_group(find, config, tree, mode, status):
    """Read and write, both."""
    bus = tree({"dev/i2c-1": ""}) / "dev/i2c-1"
    bus.chmod(mode)
    found = find("display", config=config(OLED), files={"dev/i2c-1": ""})
    assert found.status == status
    assert found.remedy == ("" if status == "ok" else "sudo usermod -aG i2c somebody")
    assert "ssd1306 on /dev/i2c-1" in found.text or "expected leave for somebody" in found.text


@pytest.mark.usefixtures("packages")
@pytest.mark.parametrize(("error", "status"), [("", "ok"), ("ssd1306: no answer: check its wires", "warning")])
def test_a_service_that_runs_knows_best(find, config, open_root, error, status):
    """It has the display, and says whether it answers."""
    path = open_root / "run/edge-emotion/status.sock"
    path.parent.mkdir(parents=True)
    sink = SinkStatus(name="display", note="ssd1306, 128x64", error=error)
    answerer = Answerer(path, lambda: msgspec.json.encode(Status(**FACTS, sinks=[sink])))
    found = find("display", config=config(OLED), root=open_root)
    answerer.close()
    assert found.status == status
    assert found.text == ("ssd1306, 128x64" if status == "ok" else "ssd1306: no answer")
