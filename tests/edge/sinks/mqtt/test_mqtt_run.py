"""A run whose broker cannot be had is a run like any other, and says what is missing."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from threading import Thread

import pytest
from mosquitto import free_port, wait_for

from edge.extras import Surroundings, open_extras
from edge.manifest import read_model
from edge.meters import Meters
from edge.runtime.handover import HandOver, Policy
from edge.settings import Settings
from edge.shipped import SHIPPED_MODEL
from edge.sink_settings import MqttSettings
from edge.status import SinkStatus

REPOSITORY = Path(__file__).parents[4]
MODEL = read_model(SHIPPED_MODEL)[1]


def run(folder, mqtt, *options):
    """Run the command on the clip that ships; return the process when it has ended."""
    config = folder / "edge.toml"
    config.write_text(f"[mqtt]\n{mqtt}\nqueue = '{folder}/queue'\ndevice_id = 'pi'\n")
    words = [sys.executable, "-m", "edge", "run", "--config", config, "--log", folder / "log.jsonl", *options]
    return subprocess.run(words, check=False, capture_output=True, text=True, cwd=REPOSITORY, timeout=120)  # noqa: S603


@pytest.mark.parametrize("fault", ["port closed", "topic forbidden", "package missing"])
def test_the_run_goes_on(tmp_path, monkeypatch, fault):
    """One line on the fault, all readings in the log, exit code 0."""
    mqtt = f"host = '127.0.0.1'\nport = {free_port()}"
    words = "expected a broker at 127.0.0.1:"
    if fault == "topic forbidden":
        mqtt, words = f"{mqtt}\ntopic = 'home/#'", "mqtt.topic: expected words between slashes"
    if fault == "package missing":
        (tmp_path / "paho").mkdir()
        (tmp_path / "paho/__init__.py").write_text("raise ModuleNotFoundError('no', name='paho')")
        words = "expected the package paho-mqtt, found none: pip install '.[mqtt]' in the project's folder"
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    elif find_spec("paho") is None:
        pytest.skip("paho-mqtt is not installed: pip install '.[mqtt]' in the project's folder")
    source = "demo.mp4" if fault == "port closed" else "astronaut_face.png"  # a connection takes a moment to fail
    done = run(tmp_path, mqtt, "--source", REPOSITORY / "edge/assets" / source)
    assert done.returncode == 0, done.stderr
    told = [line for line in done.stderr.splitlines() if line.startswith("WARNING: mqtt: ")]
    assert len(told) == 1
    assert words in told[0]
    assert (tmp_path / "log.jsonl").read_text()


def test_readings_of_a_run_reach_the_broker(tmp_path, broker, listen):
    """The command as a user starts it: what changes in the clip arrives, and availability ends with `offline`."""
    pytest.importorskip("paho.mqtt", reason="paho-mqtt is not installed: pip install '.[mqtt]' in the project's folder")
    listener = listen(broker)
    done = run(tmp_path, f"host = '127.0.0.1'\nport = {broker.port}", "--source", REPOSITORY / "edge/assets/demo.mp4")
    assert done.returncode == 0, done.stderr
    wait_for(lambda: listener.on("/availability")[-1] == "offline")
    lines = listener.readings()
    assert [line["number"] for line in lines] == list(range(1, len(lines) + 1))
    assert {"appeared", "left"} <= {line["event"] for line in lines}
    state = json.loads(listener.on("/state")[-1])
    assert set(state["shares"]) == set(read_model(SHIPPED_MODEL)[1].labels)


def test_what_is_wrong_is_in_the_status(tmp_path, world):
    """For `edge-emotion status`, systemd and the figures; what waits and what was dropped is there as well."""
    pytest.importorskip("paho.mqtt", reason="paho-mqtt is not installed: pip install '.[mqtt]' in the project's folder")
    settings = Settings(
        mqtt=MqttSettings(host="127.0.0.1", port=free_port(), device_id="pi", queue=str(tmp_path / "queue"))
    )
    extras = open_extras(settings, Surroundings(lambda: world.status, Meters(), MODEL, MODEL.labels))
    (guard,) = extras.sinks
    inbox = HandOver(Policy.NEWEST_WINS, capacity=10)
    thread = Thread(target=guard.deliver, args=(inbox,))
    thread.start()
    wait_for(lambda: guard.error)
    inbox.close()
    status = SinkStatus(name=guard.name, error=guard.error, note=guard.note, stored=guard.stored, lost=guard.lost)
    thread.join(20)
    assert "found the port closed: start it, or set mqtt.port" in status.error
    assert status.note.endswith("as pi, 0 readings wait")


def test_a_package_that_is_missing_for_another_reason(monkeypatch, tmp_path, world):
    """It is not said to be paho-mqtt, which would send the user the wrong way."""
    for name in ("edge.sinks.mqtt.sink", "edge.sinks.mqtt.topics"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "edge.device_id", None)
    settings = Settings(mqtt=MqttSettings(host="127.0.0.1", queue=str(tmp_path / "queue")))
    extras = open_extras(settings, Surroundings(lambda: world.status, Meters(), MODEL, MODEL.labels))
    with pytest.raises(ModuleNotFoundError, match=r"edge\.device_id"):
        extras.sinks[0]._open_consumer()
