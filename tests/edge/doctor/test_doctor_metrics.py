"""The doctor says where the figures for Prometheus are, or why they cannot be served."""

import socket
import sys

import msgspec
import pytest

pytest.importorskip("prometheus_client", reason="prometheus_client is not installed")
pytest.importorskip("waitress", reason="waitress is not installed")

from statuses import HEALTHY

from edge.runtime.answer import Answerer
from edge.status import SinkStatus

STATUS = HEALTHY


@pytest.fixture
def taken():
    """A port that somebody else has."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def enabled(config, taken):
    """Settings that ask for figures on a port in use."""
    return config(f"[metrics]\nenabled = true\nport = {taken}")


@pytest.fixture
def service(open_root):
    """Let a service answer that has this to say of its figures."""
    path = open_root / "run/edge-emotion/status.sock"
    path.parent.mkdir(parents=True)
    answerers = []

    def say(**facts):
        status = msgspec.structs.replace(STATUS, sinks=[SinkStatus(name="metrics", **facts)])
        answerers.append(Answerer(path, lambda: msgspec.json.encode(status)))
        return open_root

    yield say
    for answerer in answerers:
        answerer.close()


def test_by_default_there_are_none(find):
    """Nothing is looked for."""
    assert (find("metrics").status, find("metrics").text) == ("ok", "not asked for")


def test_a_free_port_is_well(find, config):
    """It is tried, and given back."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        free = other.getsockname()[1]
    found = find("metrics", config=config(f"[metrics]\nenabled = true\nport = {free}"))
    assert (found.status, found.text) == ("ok", f"port {free} of 127.0.0.1 is free")


def test_a_port_in_use_is_a_warning(find, enabled, taken):
    """The run would go on without figures; the remedy is the key to change."""
    found = find("metrics", config=enabled)
    assert found.status == "warning"
    assert found.text == f"expected port {taken} of 127.0.0.1, found: address already in use"
    assert found.remedy == "set metrics.port or metrics.address to another"


def test_a_port_that_the_service_itself_has_is_well(find, enabled, service):
    """Where they are is told, too."""
    found = find("metrics", config=enabled, root=service(note="http://127.0.0.1:9464/metrics"))
    assert (found.status, found.text) == ("ok", "http://127.0.0.1:9464/metrics")


def test_what_the_service_says_is_wrong_is_passed_on(find, enabled, service):
    """It knows best."""
    found = find("metrics", config=enabled, root=service(error="expected port 80 of 127.0.0.1, found: no: set another"))
    assert (found.status, found.remedy) == ("warning", "set another")


def test_a_missing_package_is_named(find, enabled, monkeypatch):
    """With the command that brings it."""
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    found = find("metrics", config=enabled)
    assert found.status == "warning"
    assert found.remedy == "pip install '.[metrics]' in the project's folder"
