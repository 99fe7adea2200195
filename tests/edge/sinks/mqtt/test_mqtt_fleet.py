"""What docs/fleet.md tells a reader to copy works as it stands."""

import json
import re
import subprocess
from pathlib import Path
from shutil import which

import pytest
from mosquitto import PASSWD, wait_for

pytest.importorskip("paho.mqtt", reason="paho-mqtt is not installed: pip install '.[mqtt]' in the project's folder")

DOCS = Path(__file__).parents[4] / "docs"


@pytest.fixture
def fleet(new_broker, tmp_path):
    """The broker of the docs without its encryption: users `a1` and `a2` are devices; a password is its name."""
    lines = [
        line
        for line in (DOCS / "mosquitto.conf").read_text().splitlines()
        if not line.startswith(("#", "listener", "cafile", "certfile", "keyfile"))
    ]
    text = "\n".join(lines).replace("/etc/mosquitto/edge-emotion.acl", str(DOCS / "mosquitto.acl"))
    passwords = tmp_path / "passwords"
    passwords.touch(mode=0o600)
    for name in ("a1", "a2", "homeassistant"):
        subprocess.run([PASSWD, "-b", passwords, name, name], check=True)  # noqa: S603  # ours
        (tmp_path / name).write_text(name)
        (tmp_path / name).chmod(0o600)
    return new_broker(*text.replace("/etc/mosquitto/devices", str(passwords)).splitlines())


@pytest.fixture
def home_assistant(fleet, listen):
    """What listens to everything, with its own rights."""
    return listen(fleet, user="homeassistant")


def test_each_device_may_say_all_that_it_has_to(fleet, home_assistant, new_settings, open_sink, seen, tmp_path):
    """Readings, state, availability and discovery of two devices arrive, and it is told apart whose they are."""
    for name in ("a1", "a2"):
        settings = new_settings(
            fleet,
            device_id=name,
            username="{device_id}",
            password_file=str(tmp_path / name),
            queue=str(tmp_path / f"{name}.db"),
        )
        open_sink(settings).write(seen(0, "happy"))
    wait_for(lambda: {line["device"] for line in home_assistant.readings()} == {"a1", "a2"})
    topics = {topic for topic, *_ in home_assistant.messages}
    assert topics == {
        *(f"edge-emotion/{name}/{what}" for name in ("a1", "a2") for what in ("reading", "state", "availability")),
        *(f"homeassistant/device/edge-emotion-{name}/config" for name in ("a1", "a2")),
    }
    home_assistant.publish("homeassistant/status", "online")
    wait_for(lambda: len([topic for topic, *_ in home_assistant.messages if topic.endswith("/config")]) == 4)


@pytest.mark.parametrize("discovery", ["", "homeassistant"])
def test_a_device_cannot_speak_for_another(fleet, new_settings, open_sink, tmp_path, discovery):
    """Neither on its topics nor to Home Assistant, and with a password of its own least of all."""
    theirs = {"device_id": "a2", "username": "a1", "password_file": str(tmp_path / "a1"), "discovery": discovery}
    sink = open_sink(new_settings(fleet, **theirs))
    wait_for(lambda: sink.error)
    assert "found: not authorized: see the broker's access list" in sink.error


PROMTOOL = which("promtool", path="/usr/sbin:/usr/bin:/usr/local/bin")


def expressions():
    """Each query of the dashboard, with what Grafana puts in for its variables."""
    dashboard = json.loads((DOCS / "grafana-dashboard.json").read_text())
    found = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    return [expr.replace("$__rate_interval", "5m").replace("$device", ".+") for expr in found]


def test_the_dashboard_asks_for_figures_that_there_are():
    """As docs/metrics.md has them."""
    documented = set(re.findall(r"`((?:edge_emotion|process)_\w+)", (DOCS / "metrics.md").read_text()))
    asked = {name for expr in expressions() for name in re.findall(r"(?:edge_emotion|process)_\w+", expr)}
    assert asked
    assert {re.sub(r"_bucket$", "", name) for name in asked} <= documented


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed: make setup-system")
def test_prometheus_understands_the_dashboards_queries(tmp_path):
    """Each is checked as a rule."""
    rules = [{"record": f"it:{number}", "expr": expr} for number, expr in enumerate(expressions())]
    path = tmp_path / "rules.yml"
    path.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = subprocess.run([PROMTOOL, "check", "rules", path], capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stdout + done.stderr
