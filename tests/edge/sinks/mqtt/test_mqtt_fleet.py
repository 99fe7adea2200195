"""The files that docs/fleet.md tells a reader to copy work as they are."""

import json
import re
import subprocess
from pathlib import Path
from shutil import which

import pytest
from mosquitto import PASSWD
from samples import make_observation
from waiting import wait_for

pytest.importorskip("paho.mqtt", reason="paho-mqtt is not installed")

DOCS = Path(__file__).parents[4] / "docs"


@pytest.fixture
def fleet(new_broker, tmp_path):
    """A broker with the configuration of the docs but without TLS; each user's password is its name."""
    lines = [
        line
        for line in (DOCS / "mosquitto.conf").read_text().splitlines()
        if not line.startswith(("#", "listener", "cafile", "certfile", "keyfile"))
    ]
    passwords, access = tmp_path / "passwords", tmp_path / "access"
    passwords.touch(mode=0o600)
    access.touch(mode=0o600)
    access.write_bytes((DOCS / "mosquitto.acl").read_bytes())
    text = "\n".join(lines).replace("/etc/mosquitto/edge-emotion.acl", str(access))
    for name in ("a1", "a2", "homeassistant"):
        subprocess.run([PASSWD, "-b", passwords, name, name], check=True)  # noqa: S603  # a fixed program
        (tmp_path / name).write_text(name)
        (tmp_path / name).chmod(0o600)
    broker = new_broker(*text.replace("/etc/mosquitto/devices", str(passwords)).splitlines())
    yield broker
    warnings = [line for line in broker.read_log().splitlines() if "Warning" in line]
    assert [line for line in warnings if "run as root" not in line] == [], "the shipped files are free of faults"


@pytest.fixture
def home_assistant(fleet, listen):
    """A listener to all topics, with the rights of Home Assistant's user."""
    return listen(fleet, user="homeassistant")


def test_the_access_list_allows_everything_a_device_publishes(fleet, home_assistant, new_settings, open_sink, tmp_path):
    """Readings, state, availability and discovery of two devices arrive on topics of their own."""
    for name in ("a1", "a2"):
        settings = new_settings(
            fleet,
            device_id=name,
            username="{device_id}",
            password_file=str(tmp_path / name),
            queue=str(tmp_path / f"{name}.db"),
        )
        open_sink(settings).write(make_observation("happy"))
    wait_for(lambda: {line["device"] for line in home_assistant.readings()} == {"a1", "a2"})
    topics = {topic for topic, *_ in home_assistant.messages}
    assert topics == {
        *(f"edge-emotion/{name}/{leaf}" for name in ("a1", "a2") for leaf in ("reading", "state", "availability")),
        *(f"homeassistant/device/edge-emotion-{name}/config" for name in ("a1", "a2")),
    }


def test_nobody_can_take_the_client_id_of_another(fleet, home_assistant, new_settings, open_sink, tmp_path, listen):
    """A client that logs in as `a2` with the client id of `a1` does not disconnect it."""
    settings = new_settings(fleet, device_id="a1", username="a1", password_file=str(tmp_path / "a1"))
    sink = open_sink(settings)
    wait_for(lambda: home_assistant.payloads("a1/availability") == ["online"])
    thief = listen(fleet, name="edge-emotion-a1", user="a2")
    sink.write(make_observation("happy"))
    wait_for(home_assistant.readings)
    assert (home_assistant.payloads("a1/availability"), sink.error) == (["online"], "")
    thief.close()


def test_two_devices_with_the_same_id_are_named(fleet, new_settings, open_sink, tmp_path):
    """The access list lets a device see that another one uses its topics."""
    sinks = [
        open_sink(
            new_settings(
                fleet,
                device_id="a1",
                username="a1",
                password_file=str(tmp_path / "a1"),
                queue=str(tmp_path / f"{number}.db"),
            )
        )
        for number in range(2)
    ]
    for sink in sinks:
        wait_for(lambda sink=sink: "found another device using edge-emotion-a1" in sink.error)


@pytest.mark.parametrize("discovery", ["", "homeassistant"])
def test_a_device_cannot_publish_for_another(fleet, new_settings, open_sink, tmp_path, discovery):
    """A device's password permits neither another device's topics nor another one's discovery topic."""
    foreign = {"device_id": "a2", "username": "a1", "password_file": str(tmp_path / "a1"), "discovery": discovery}
    sink = open_sink(new_settings(fleet, **foreign))
    wait_for(lambda: sink.error)
    assert "found: not authorized: see the broker's access list" in sink.error


PROMTOOL = which("promtool", path="/usr/sbin:/usr/bin:/usr/local/bin")


def expressions():
    """Return each query of the dashboard, with values in place of Grafana's variables."""
    dashboard = json.loads((DOCS / "grafana-dashboard.json").read_text())
    found = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    return [expr.replace("$__rate_interval", "5m").replace("$device", ".+") for expr in found]


def test_the_dashboard_queries_documented_metrics_only():
    """A misspelt name would leave a panel empty."""
    documented = set(re.findall(r"`((?:edge_emotion|process)_\w+)", (DOCS / "metrics.md").read_text()))
    queried = {name for expr in expressions() for name in re.findall(r"(?:edge_emotion|process)_\w+", expr)}
    assert queried
    assert {re.sub(r"_bucket$", "", name) for name in queried} <= documented


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed: make setup-system")
def test_the_dashboards_queries_are_valid(tmp_path):
    """Prometheus accepts each of them as a recording rule."""
    rules = [{"record": f"panel:{number}", "expr": expr} for number, expr in enumerate(expressions())]
    path = tmp_path / "rules.yml"
    path.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = subprocess.run([PROMTOOL, "check", "rules", path], capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stdout + done.stderr
