"""The doctor reports whether the broker accepts a login, and never fails over it: a run needs no broker."""

import os
import subprocess
import sys

import msgspec
import pytest
from mosquitto import PASSWD
from samples import make_status
from waiting import wait_for

pytest.importorskip("paho.mqtt", reason="paho-mqtt is not installed")

from edge.device.packages import install_command
from edge.doctor import sinks
from edge.doctor.check import Context
from edge.doctor.runner import run_checks
from edge.service.status_server import StatusServer
from edge.sinks.mqtt import broker as broker_module
from edge.status import SinkStatus


@pytest.fixture
def find(tmp_path):
    """Return a function that runs the check with these lines in `[mqtt]`, and returns its finding."""

    def find(*lines):
        config = tmp_path / "edge.toml"
        config.write_text("\n".join(["[mqtt]", *lines]))
        (check,) = [check for check in sinks.CHECKS if check.name == "MQTT"]
        (result,) = run_checks([check], Context(config, root=tmp_path))
        return result.finding

    return find


def at(broker):
    """Return the settings that lead to a broker."""
    return 'host = "127.0.0.1"', f"port = {broker.port}", 'device_id = "pi"'


@pytest.fixture
def closed_broker(new_broker, tmp_path):
    """A broker that admits only user `ada`, whose password is where the unit loads it from."""
    passwords, stored = tmp_path / "passwords", tmp_path / "etc/edge-emotion/mqtt-password"
    subprocess.run([PASSWD, "-b", "-c", passwords, "ada", "right"], check=True)  # noqa: S603  # a fixed program
    stored.parent.mkdir(parents=True)
    stored.write_text("right\n")
    return new_broker("allow_anonymous false", f"password_file {passwords}")


def test_without_a_broker_in_the_settings(find):
    """Without a broker in the settings no connection is attempted."""
    assert (find().status, find().text) == ("ok", "not enabled")


def test_a_broker_that_accepts_the_login(find, broker, new_settings, open_sink):
    """The finding names the device id; a service that is connected at the time keeps its connection."""
    sink = open_sink(new_settings(broker))
    wait_for(lambda: sink._publisher._was_announced)
    found = find(*at(broker))
    assert (found.status, found.text) == ("ok", f"127.0.0.1:{broker.port} accepts an anonymous client, as pi")
    assert sink.error == ""


def test_a_broker_that_is_down(find, broker):
    """The finding is a warning with the remedy that the running service would log."""
    broker.stop()
    found = find(*at(broker))
    assert found.status == "warning"
    assert found.text.endswith("found the port closed")
    assert found.remedy == "start it, or set mqtt.port"


def test_the_units_password_is_used(find, closed_broker, tmp_path):
    """The password of the unit is used: the right one is fine, and a wrong one is a warning."""
    assert find(*at(closed_broker), 'username = "ada"').text.endswith("accepts ada, as pi")
    (tmp_path / "etc/edge-emotion/mqtt-password").write_text("wrong\n")
    found = find(*at(closed_broker), 'username = "ada"')
    assert (found.status, found.remedy) == ("warning", "check mqtt.username and its password")


def test_a_password_that_only_root_can_read(find, closed_broker, monkeypatch):
    """The remedy for another user is to run the doctor as root; it does not claim that the password is wrong."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    found = find(*at(closed_broker), 'username = "ada"')
    assert (found.status, found.remedy) == ("warning", "sudo edge-emotion doctor")


def test_a_password_sent_unencrypted(find, closed_broker, monkeypatch):
    """A password that would be sent unencrypted is a warning unless the broker is on this machine."""
    monkeypatch.setattr(broker_module, "_LOOPBACK", ("nowhere",))
    found = find(*at(closed_broker), 'username = "ada"')
    assert (found.status, found.remedy) == ("warning", "set mqtt.tls")
    assert "crosses the network unencrypted" in found.text


def test_settings_that_cannot_be_used(find):
    """The finding is the line that the sink would log."""
    found = find('host = "broker"', 'topic = "home/#"')
    assert found.status == "warning"
    assert found.text.startswith("mqtt.topic: expected words between slashes")


@pytest.mark.parametrize(
    ("fields", "status"), [({"note": "broker:1883 as pi"}, "ok"), ({"error": "expected a broker: start it"}, "warning")]
)
def test_the_running_services_state_is_reported(find, tmp_path, fields, status):
    """If the service runs, its own error or note is the finding, and no second connection is made."""
    path = tmp_path / "run/edge-emotion/status.sock"
    path.parent.mkdir(parents=True)
    running = make_status(sinks=[SinkStatus(name="mqtt", **fields)])
    server = StatusServer(path, lambda: msgspec.json.encode(running))
    found = find('host = "broker.invalid"')
    server.close()
    assert (found.status, found.remedy) == (status, "start it" if status == "warning" else "")


def test_a_missing_package_is_named(find, monkeypatch):
    """If paho-mqtt is missing, the remedy is the command that installs it."""
    monkeypatch.setitem(sys.modules, "paho", None)
    assert find('host = "broker"').remedy == install_command("paho-mqtt")
