"""The metrics endpoint serves whoever may read it, however other clients behave, and explains why it cannot."""

import socket
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack

import pytest

pytest.importorskip("prometheus_client", reason="prometheus_client is not installed")
pytest.importorskip("waitress", reason="waitress is not installed")

from metrics_client import port_of, text_of
from ports import free_port

from edge.errors import SinkError
from edge.settings.sinks import MetricsSettings
from edge.sinks.web_server import SLOW_S


@pytest.mark.parametrize(("path", "method", "code"), [("/", "GET", 404), ("/metrics", "POST", 405)])
def test_anything_else_is_refused(endpoint, path, method, code):
    """The endpoint serves one path, and only for reading."""
    request = urllib.request.Request(endpoint.note.replace("/metrics", path), method=method)  # noqa: S310  # an http:// URL of this machine
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=60)  # noqa: S310  # an http:// URL of this machine
    assert refused.value.code == code
    refused.value.close()


@pytest.mark.parametrize(
    ("host", "code"),
    [("127.0.0.1:9464", 200), ("localhost", 200), ("pi.example", 200), ("evil.example", 403), ("[", 403)],
)
def test_a_foreign_host_name_is_refused(open_endpoint, host, code):
    """A site that points its own name at this machine (DNS rebinding) cannot read the metrics."""
    endpoint = open_endpoint(MetricsSettings(port=0, hosts=("Pi.example",)))
    with socket.create_connection(("127.0.0.1", port_of(endpoint))) as client:
        client.sendall(f"GET /metrics HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
        assert client.makefile("rb").readline().split()[1] == str(code).encode()


def test_slow_clients_delay_nobody(endpoint):
    """With ten unfinished requests and ten unread responses a scrape succeeds, and closing does not wait for them."""
    with ExitStack() as clients:
        for number in range(20):
            client = clients.enter_context(socket.create_connection(("127.0.0.1", port_of(endpoint)), timeout=60))
            if number % 2:
                client.sendall(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n" * (1 + number % 4))
            else:
                client.sendall(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        started_s = time.monotonic()
        assert "edge_emotion_faces" in text_of(endpoint)
        endpoint.close()
        assert time.monotonic() - started_s < SLOW_S  # when the first of them would be disconnected


def test_closing_releases_the_port(open_endpoint):
    """A new endpoint can listen on the same port."""
    settings = MetricsSettings(port=free_port())
    first = open_endpoint(settings)
    assert text_of(first)
    first.close()
    assert open_endpoint(settings).note == first.note


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("127.0.0.1", "address already in use"),
        ("192.0.2.1", "cannot assign requested address"),
        ("no such host", "name or service not known"),
    ],
)
def test_an_unusable_port_is_reported_in_one_line(open_endpoint, endpoint, address, found):
    """Whether it is in use, of another machine, or no address at all, the line names the settings to change."""
    settings = MetricsSettings(address=address, port=port_of(endpoint))
    with pytest.raises(SinkError) as refused:
        open_endpoint(settings)
    line = str(refused.value)
    assert line == (
        f"expected port {settings.port} of {address}, found: {found}: set metrics.port or metrics.address to another"
    )


def test_a_missing_package_is_reported_in_one_line(open_endpoint, monkeypatch):
    """The line contains the command that installs it."""
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(SinkError, match=r"^expected the package prometheus_client, found none: "):
        open_endpoint()
