"""The doctor reports what keeps the display, the live page and the metrics from working, always as warnings."""

import socket
import sys

import pytest

from edge.device.packages import install_command
from edge.doctor.check import Identity
from edge.status import SinkStatus

OLED = '[display]\ndevice = "ssd1306"\n'

TOKEN = "Zm9vYmFyYmF6cXV4Zm9vYmFy"  # noqa: S105  # an example that no page accepts
TOKEN_FILE = "etc/edge-emotion/web-token"  # noqa: S105  # a path
ROOT, SOMEBODY = Identity("root", 0, frozenset([0])), Identity("somebody", 54321, frozenset([54321]))


@pytest.fixture
def port():
    """A port that is free."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.fixture
def luma(monkeypatch):
    """Let luma's two packages appear to be installed."""
    monkeypatch.setattr("edge.doctor.sinks.find_spec", lambda name: name)


@pytest.fixture
def page(config, port):
    """Return a function that writes a configuration with the page on a free port, and more lines of its section."""
    pytest.importorskip("flask", reason="the live page needs Flask")
    pytest.importorskip("waitress", reason="the live page needs waitress")
    return lambda more="": config(f"[page]\nenabled = true\nport = {port}\n{more}")


@pytest.fixture
def metrics(config, port):
    """A configuration with metrics on a free port."""
    pytest.importorskip("prometheus_client", reason="prometheus_client is not installed")
    pytest.importorskip("waitress", reason="waitress is not installed")
    return config(f"[metrics]\nenabled = true\nport = {port}")


@pytest.mark.parametrize("name", ["display", "page", "metrics", "MQTT"])
def test_sink_that_is_not_enabled_is_not_checked(run_check, name):
    """By default every optional sink is off, and nothing is examined."""
    finding = run_check(name)
    assert (finding.status, finding.text) == ("ok", "not enabled")


@pytest.mark.parametrize(("device", "package"), [("ssd1306", "luma.oled"), ("st7789", "luma.lcd")])
def test_missing_display_package(run_check, config, monkeypatch, device, package):
    """The warning names the package for this display, and the remedy installs it."""
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr("edge.doctor.sinks.find_spec", lambda _name: None)
    finding = run_check("display", config=config(f'[display]\ndevice = "{device}"\n'))
    assert (finding.status, finding.remedy) == ("warning", install_command(package, is_optional=True))
    assert f"expected the package {package}, found none" in finding.text


def test_missing_luma(run_check, config, monkeypatch):
    """Without any package of luma's, where looking for one raises, the missing package is named as well."""

    def fail(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr("edge.doctor.sinks.find_spec", fail)
    assert "expected the package luma.oled" in run_check("display", config=config(OLED)).text


@pytest.mark.usefixtures("luma")
@pytest.mark.parametrize(
    ("device", "bus", "remedy"),
    [
        ("ssd1306", "/dev/i2c-1", "sudo raspi-config nonint do_i2c 0"),
        ("ili9341", "/dev/spidev0.0", "sudo raspi-config nonint do_spi 0"),
        ("framebuffer", "/dev/fb0", "load its driver with a dtoverlay in /boot/firmware/config.txt"),
    ],
)
def test_missing_display_bus(run_check, config, device, bus, remedy):
    """The warning names the bus, and the remedy enables it."""
    finding = run_check("display", config=config(f'[display]\ndevice = "{device}"\n'))
    assert (finding.status, finding.text) == ("warning", f"expected the display's bus {bus}, found none")
    assert finding.remedy == remedy


@pytest.mark.usefixtures("luma")
@pytest.mark.parametrize(("mode", "status"), [(0o600, "warning"), (0o666, "ok")])
def test_display_bus_that_is_not_permitted(run_check, config, tree, mode, status):
    """A bus that the user may not read and write is a warning, whose remedy adds the user to the bus's group."""
    bus = tree({"dev/i2c-1": ""}) / "dev/i2c-1"
    bus.chmod(mode)
    finding = run_check("display", config=config(OLED), files={"dev/i2c-1": ""})
    assert finding.status == status
    assert finding.remedy == ("" if status == "ok" else "sudo usermod -aG i2c somebody")
    assert finding.text.startswith("ssd1306 on /dev/i2c-1" if status == "ok" else "/dev/i2c-1: somebody may not use it")


@pytest.mark.usefixtures("luma")
@pytest.mark.parametrize(("error", "status"), [("", "ok"), ("ssd1306: no answer: check its wires", "warning")])
def test_display_of_the_running_service(run_check, config, serve_status, error, status):
    """While the service drives the display, its own status is the finding."""
    root = serve_status(sinks=[SinkStatus(name="display", note="ssd1306, 128x64", error=error)])
    finding = run_check("display", config=config(OLED), root=root)
    assert finding.status == status
    assert finding.text == ("ssd1306, 128x64" if status == "ok" else "ssd1306: no answer")


def test_free_page_port(run_check, page, port):
    """A port that can be opened is ok."""
    finding = run_check("page", config=page())
    assert (finding.status, finding.text) == ("ok", f"port {port} of 127.0.0.1 is free")


def test_page_port_in_use(run_check, page, port):
    """A port in use is a warning, whose remedy names the keys to change."""
    with socket.create_server(("127.0.0.1", port)):
        finding = run_check("page", config=page())
    assert (finding.status, finding.remedy) == ("warning", "set page.port or page.address to another")


def test_page_address_of_another_machine(run_check, page, tree):
    """An address that is not this machine's is a warning."""
    elsewhere = f'address = "192.0.2.1"\ntoken_file = "/{TOKEN_FILE}"'
    root = tree({TOKEN_FILE: TOKEN})
    (root / TOKEN_FILE).chmod(0o600)
    finding = run_check("page", config=page(elsewhere), root=root, identity=ROOT)
    assert (finding.status, "cannot assign requested address" in finding.text) == ("warning", True)


def test_page_on_the_network_without_a_token(run_check, page):
    """An address that other machines reach needs a token."""
    finding = run_check("page", config=page('address = "0.0.0.0"'))
    assert finding.status == "warning"
    assert "expected page.token_file" in finding.text


@pytest.mark.parametrize(
    ("content", "mode", "identity", "words"),
    [
        (TOKEN, 0o600, ROOT, "is free"),
        (TOKEN, 0o604, ROOT, "expected a secret token"),
        ("short", 0o600, ROOT, "expected a token of 16 or more"),
        (None, 0o600, ROOT, "found no such file"),
        (TOKEN, 0o600, SOMEBODY, "expected a token that somebody may read, found one that somebody may not"),
    ],
)
def test_page_token(run_check, page, tree, content, mode, identity, words):
    """A token that others may read, is too short or missing, or that the user may not read is a warning.

    The token itself never appears in the finding.
    """
    root = tree({TOKEN_FILE: content})
    if content is not None:
        (root / TOKEN_FILE).chmod(mode)
    finding = run_check("page", config=page(f'token_file = "/{TOKEN_FILE}"'), root=root, identity=identity)
    assert words in finding.text
    assert finding.status == ("ok" if words == "is free" else "warning")
    assert bool(finding.remedy) == (finding.status == "warning")
    assert TOKEN not in finding.text + finding.remedy


@pytest.mark.parametrize(
    ("fields", "status", "text"),
    [
        ({"note": "http://127.0.0.1:8470"}, "ok", "http://127.0.0.1:8470"),
        ({"error": "expected this, found that: do so"}, "warning", "expected this, found that"),
    ],
)
def test_page_of_the_running_service(run_check, page, serve_status, port, fields, status, text):
    """While the service serves the page and so uses its port, its own status is the finding."""
    root = serve_status(sinks=[SinkStatus(name="page", **fields)])
    with socket.create_server(("127.0.0.1", port)):
        finding = run_check("page", config=page(), root=root)
    assert (finding.status, finding.text) == (status, text)


def test_missing_page_package(run_check, page, monkeypatch):
    """The remedy installs the page's packages."""
    monkeypatch.setitem(sys.modules, "flask", None)
    assert run_check("page", config=page()).remedy == install_command("flask")


def test_free_metrics_port(run_check, metrics, port):
    """A port that can be opened is ok, and is closed again."""
    for _ in range(2):
        finding = run_check("metrics", config=metrics)
        assert (finding.status, finding.text) == ("ok", f"port {port} of 127.0.0.1 is free")


def test_metrics_port_in_use(run_check, metrics, port):
    """A port in use is a warning, whose remedy names the keys to change."""
    with socket.create_server(("127.0.0.1", port)):
        finding = run_check("metrics", config=metrics)
    assert finding.status == "warning"
    assert finding.text == f"expected port {port} of 127.0.0.1, found: address already in use"
    assert finding.remedy == "set metrics.port or metrics.address to another"


@pytest.mark.parametrize(
    ("fields", "status", "text"),
    [
        ({"note": "http://127.0.0.1:9464/metrics"}, "ok", "http://127.0.0.1:9464/metrics"),
        ({"error": "expected port 80, found: no: set another"}, "warning", "expected port 80, found: no"),
    ],
)
def test_metrics_of_the_running_service(run_check, metrics, serve_status, port, fields, status, text):
    """While the service serves metrics and so uses the port, its own status is the finding."""
    root = serve_status(sinks=[SinkStatus(name="metrics", **fields)])
    with socket.create_server(("127.0.0.1", port)):
        finding = run_check("metrics", config=metrics, root=root)
    assert (finding.status, finding.text) == (status, text)


def test_missing_metrics_package(run_check, metrics, monkeypatch):
    """The remedy installs the packages for metrics."""
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    finding = run_check("metrics", config=metrics)
    assert finding.status == "warning"
    assert finding.remedy == install_command("prometheus_client")
