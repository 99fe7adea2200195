"""The doctor says whether the broker is found and lets us in; none of it keeps a run from going on."""

import os
import subprocess
import sys

import msgspec
import pytest
from mosquitto import PASSWD, wait_for

pytest.importorskip("paho.mqtt", reason="paho-mqtt is not installed: pip install '.[mqtt]' in the project's folder")

from edge.doctor import mqtt
from edge.doctor.context import Context
from edge.doctor.runner import run_checks
from edge.runtime.answer import Answerer
from edge.status import SinkStatus


@pytest.fixture
def find(tmp_path):
    """Run the check, with these lines in the section."""

    def find(*lines):
        config = tmp_path / "edge.toml"
        config.write_text("\n".join(["[mqtt]", *lines]))
        (line,) = run_checks(mqtt.CHECKS, Context(config, root=tmp_path))
        return line.finding

    return find


def at(broker):
    return 'host = "127.0.0.1"', f"port = {broker.port}", 'device_id = "pi"'


@pytest.fixture
def closed_broker(new_broker, tmp_path):
    """A broker that lets in Ada alone; her password is where the unit loads it from."""
    passwords, stored = tmp_path / "passwords", tmp_path / "etc/edge-emotion/mqtt-password"
    subprocess.run([PASSWD, "-b", "-c", passwords, "ada", "right"], check=True)  # noqa: S603  # ours
    stored.parent.mkdir(parents=True)
    stored.write_text("right\n")
    return new_broker("allow_anonymous false", f"password_file {passwords}")


def test_without_a_broker_in_the_settings(find):
    """Nothing is looked for."""
    assert (find().status, find().text) == ("ok", "not asked for")


def test_a_broker_that_lets_us_in(find, broker, new_settings, open_sink):
    """It is told as whom; a service that is connected at the time is not thrown out."""
    sink = open_sink(new_settings(broker))
    wait_for(lambda: sink._presence._told)
    found = find(*at(broker))
    assert (found.status, found.text) == ("ok", f"127.0.0.1:{broker.port} lets us in, as pi")
    assert sink.error == ""


def test_a_broker_that_is_not_there(find, broker):
    """A warning: readings wait on disk; the remedy is what the running service would say."""
    broker.stop()
    found = find(*at(broker))
    assert found.status == "warning"
    assert found.text.endswith("found the port closed")
    assert found.remedy == "start it, or set mqtt.port"


def test_the_password_that_the_unit_loads_is_tried(find, closed_broker, tmp_path):
    """The right one is well, a wrong one is a warning."""
    assert find(*at(closed_broker), 'username = "ada"').text.endswith("lets ada in, as pi")
    (tmp_path / "etc/edge-emotion/mqtt-password").write_text("wrong\n")
    found = find(*at(closed_broker), 'username = "ada"')
    assert (found.status, found.remedy) == ("warning", "check mqtt.username and its password")


def test_a_password_that_only_root_can_read(find, closed_broker, monkeypatch):
    """Somebody else is told to ask as root, instead of being told of a wrong password."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    found = find(*at(closed_broker), 'username = "ada"')
    assert (found.status, found.remedy) == ("warning", "sudo edge-emotion doctor")


def test_a_password_that_crosses_the_network_unencrypted(find, closed_broker, monkeypatch):
    """Within the machine it does not matter."""
    monkeypatch.setattr(mqtt, "_LOOPBACK", ("nowhere",))
    found = find(*at(closed_broker), 'username = "ada"')
    assert (found.status, found.remedy) == ("warning", "set mqtt.tls")
    assert "crosses the network unencrypted" in found.text


def test_settings_that_cannot_be_used(find):
    """The same line as the sink's."""
    found = find('host = "broker"', 'topic = "home/#"')
    assert found.status == "warning"
    assert found.text.startswith("mqtt.topic: expected words between slashes")


@pytest.mark.parametrize(
    ("said", "status"), [({"note": "broker:1883 as pi"}, "ok"), ({"error": "expected a broker: start it"}, "warning")]
)
def test_what_the_running_service_says_is_passed_on(find, tmp_path, world, said, status):
    """It knows best, and is not disturbed."""
    path = tmp_path / "run/edge-emotion/status.sock"
    path.parent.mkdir(parents=True)
    world.change(sinks=[SinkStatus(name="mqtt", **said)])
    answerer = Answerer(path, lambda: msgspec.json.encode(world.status))
    found = find('host = "broker.invalid"')
    answerer.close()
    assert (found.status, found.remedy) == (status, "start it" if status == "warning" else "")


def test_a_missing_package_is_named(find, monkeypatch):
    """With the command that brings it."""
    monkeypatch.setitem(sys.modules, "paho", None)
    assert find('host = "broker"').remedy == "pip install '.[mqtt]' in the project's folder"
