"""A run does not depend on its broker: it goes on without one, and reports what is wrong."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from threading import Thread

import pytest
from ports import free_port
from waiting import wait_for

from edge.counters import Counters
from edge.model.bundled import BUNDLED_MODEL
from edge.model.manifest import read_model
from edge.pipeline.fanout import deliver
from edge.pipeline.sinks import SinkContext, new_optional_sinks
from edge.runtime.queue import BoundedQueue, Policy
from edge.settings.schema import Settings
from edge.settings.sinks import MqttSettings
from edge.status import SinkStatus

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[4]
MODEL = read_model(BUNDLED_MODEL)[1]


def run(folder, mqtt, *options):
    """Run `edge-emotion run` with these lines of settings; return the completed process."""
    config = folder / "edge.toml"
    config.write_text(f"[mqtt]\n{mqtt}\nqueue = '{folder}/queue'\ndevice_id = 'pi'\n")
    command = [sys.executable, "-m", "edge", "run", "--config", config, "--log", folder / "log.jsonl", *options]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=REPOSITORY)  # noqa: S603  # this interpreter


@pytest.mark.parametrize("fault", ["port closed", "topic forbidden", "package missing"])
def test_the_run_goes_on_without_a_broker(tmp_path, monkeypatch, fault):
    """The fault is one line on the console, the log has the readings, and the exit code is 0."""
    mqtt = f"host = '127.0.0.1'\nport = {free_port()}"
    text = "expected a broker at 127.0.0.1:"
    if fault == "topic forbidden":
        mqtt, text = f"{mqtt}\ntopic = 'home/#'", "mqtt.topic: expected words between slashes"
    if fault == "package missing":
        (tmp_path / "paho").mkdir()
        (tmp_path / "paho/__init__.py").write_text("raise ModuleNotFoundError('no', name='paho')")
        text = "expected the package paho-mqtt, found none: "
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    elif find_spec("paho") is None:
        pytest.skip("paho-mqtt is not installed")
    source = "demo.mp4" if fault == "port closed" else "astronaut_face.png"  # connecting takes a moment to fail
    done = run(tmp_path, mqtt, "--source", REPOSITORY / "edge/assets" / source)
    assert done.returncode == 0, done.stderr
    warnings = [line for line in done.stderr.splitlines() if line.startswith("WARNING: mqtt: ")]
    assert len(warnings) == 1
    assert text in warnings[0]
    assert (tmp_path / "log.jsonl").read_text()


def test_readings_of_a_run_reach_the_broker(tmp_path, broker, listen):
    """The clip's events and a state with the model's labels arrive, and availability ends with `offline`."""
    pytest.importorskip("paho.mqtt", reason="paho-mqtt is not installed")
    listener = listen(broker)
    done = run(tmp_path, f"host = '127.0.0.1'\nport = {broker.port}", "--source", REPOSITORY / "edge/assets/demo.mp4")
    assert done.returncode == 0, done.stderr
    wait_for(lambda: listener.payloads("/availability")[-1] == "offline")
    lines = listener.readings()
    assert [line["number"] for line in lines] == list(range(1, len(lines) + 1))
    assert {"appeared", "left"} <= {line["event"] for line in lines}
    assert set(listener.states()[-1]["shares"]) == set(MODEL.labels)


def test_the_supervised_sink_passes_on_error_and_note(tmp_path, run_status):
    """`edge-emotion status`, systemd and the metrics take the sink's state from there."""
    pytest.importorskip("paho.mqtt", reason="paho-mqtt is not installed")
    settings = Settings(
        mqtt=MqttSettings(host="127.0.0.1", port=free_port(), device_id="pi", queue=str(tmp_path / "queue"))
    )
    sinks = new_optional_sinks(settings, SinkContext(run_status, Counters(), MODEL, MODEL.labels))
    (sink,) = sinks.readings
    inbox = BoundedQueue(Policy.DROP_OLDEST, capacity=10)
    thread = Thread(target=deliver, args=(sink, inbox))
    thread.start()
    wait_for(lambda: sink.error)
    status = SinkStatus(name=sink.name, error=sink.error, note=sink.note, stored=sink.stored, lost=sink.lost)
    inbox.close()
    thread.join()
    assert "found the port closed: start it, or set mqtt.port" in status.error
    assert status.note.endswith("as pi, 0 readings wait")


def test_another_missing_module_is_not_reported_as_paho(monkeypatch, tmp_path, run_status):
    """Only a missing paho-mqtt leads to the advice to install it."""
    for name in ("edge.sinks.mqtt.sink", "edge.sinks.mqtt.topics"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "edge.sinks.mqtt.topics", None)
    settings = Settings(mqtt=MqttSettings(host="127.0.0.1", queue=str(tmp_path / "queue")))
    sinks = new_optional_sinks(settings, SinkContext(run_status, Counters(), MODEL, MODEL.labels))
    with pytest.raises(ModuleNotFoundError, match=r"edge\.sinks\.mqtt\.topics"):
        sinks.readings[0]._new_sink()
