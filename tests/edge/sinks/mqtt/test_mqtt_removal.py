"""Nothing stays in Home Assistant that does not exist any more: entities, and the device itself."""

import json

import pytest
from device import LABELS
from samples import make_status
from waiting import wait_for

pytest.importorskip("paho.mqtt", reason="paho-mqtt is not installed")

from edge.counters import Counters
from edge.labels import CLASS_SETS
from edge.model.bundled import BUNDLED_MODEL
from edge.model.manifest import read_manifest
from edge.pipeline.sinks import SinkContext, new_optional_sinks
from edge.settings.schema import Settings
from edge.settings.sinks import MqttSettings, PageSettings
from edge.sinks.mqtt.placement import Placement, PlacementMemory, find_left_behind, queue_path

CONFIG = "homeassistant/device/edge-emotion-pi/config"
MODEL = read_manifest(BUNDLED_MODEL.with_suffix(".json"))


@pytest.fixture
def announce(broker, listen, new_settings, open_sink):
    """Return a function that runs a sink for a moment; it returns the entities of the discovery message."""

    def announce(*, labels=LABELS, counts_only=False, page_url="", **changed):
        settings = new_settings(broker, **changed)
        sink = open_sink(settings, labels=labels, counts_only=counts_only, page_url=page_url)
        wait_for(lambda: sink._publisher._was_announced or sink.error)
        assert not sink.error
        sink.close()
        message = retained(broker, listen).get(CONFIG)
        return message and json.loads(message)["components"]

    return announce


def retained(broker, listen):
    """Return what the broker keeps: topic to payload."""
    listener = listen(broker, name="late")
    listener.publish("end", "")
    wait_for(lambda: any(topic == "end" for topic, *_ in listener.messages))
    listener.close()
    return {topic: payload for topic, payload, is_retained in listener.messages if is_retained}


def test_shares_of_classes_that_are_gone_are_removed(announce):
    """After a change from seven to five classes the other two have their platform alone, which removes them."""
    assert announce()["share-disgust"].keys() > {"platform"}
    five = announce(labels=CLASS_SETS[5])
    for gone in ("share-disgust", "share-fear"):
        assert five[gone] == {"platform": "sensor"}
    assert "disgust" not in five["dominant"]["options"]
    assert announce(labels=LABELS)["share-disgust"].keys() > {"platform"}


def test_temperature_exists_only_with_a_sensor(announce, run_status):
    """Without a sensor there is no entity that would be unknown for ever."""
    assert announce()["temperature"].keys() > {"platform"}
    run_status.value = make_status(temperature_c=None)
    assert announce()["temperature"] == {"platform": "sensor"}


def test_entities_of_single_faces_are_removed_with_counts_only(announce):
    """The minute's counts have neither an emotion of now nor events."""
    announced = announce(counts_only=True)
    assert (announced["emotion"], announced["face"]) == ({"platform": "sensor"}, {"platform": "event"})


def test_every_stub_names_the_platform_of_its_entity(announce, run_status):
    """Home Assistant ignores a stub with another platform."""
    full = {key: entity["platform"] for key, entity in announce().items()}
    run_status.value = make_status(temperature_c=None)
    assert {key: entity["platform"] for key, entity in announce(labels=LABELS[:2], counts_only=True).items()} == full


def test_the_device_links_to_the_page(broker, listen, announce):
    """Home Assistant's page of the device has a link to the live page if there is one."""
    announce(page_url="http://10.0.0.7:8470")
    device = json.loads(retained(broker, listen)[CONFIG])["device"]
    assert device["configuration_url"] == "http://10.0.0.7:8470"
    announce()
    assert "configuration_url" not in json.loads(retained(broker, listen)[CONFIG])["device"]


@pytest.mark.parametrize(
    ("page", "host", "url"),
    [
        ({"enabled": True, "address": "10.0.0.7", "token_file": "x"}, "hub", "http://10.0.0.7:8470"),
        ({"enabled": True}, "127.0.0.1", "http://127.0.0.1:8470"),
        ({"enabled": True}, "hub", ""),  # only this machine can open it, and Home Assistant is on another one
        ({"enabled": True, "address": "10.0.0.7", "token_file": "x", "port": 0}, "hub", ""),
        ({}, "127.0.0.1", ""),
    ],
)
def test_only_a_page_that_can_be_opened_is_linked(page, host, url):
    """A link that leads to the wrong machine is worse than none."""
    settings = Settings(page=PageSettings(**page), mqtt=MqttSettings(host=host))
    (mqtt,) = new_optional_sinks(settings, SinkContext(make_status, Counters(), MODEL, MODEL.labels)).readings
    assert mqtt._new_sink()._page_url == url


@pytest.mark.parametrize(
    "changed",
    [{"discovery": ""}, {"discovery": "other"}, {"device_id": "new"}, {"topic": "home/camera"}],
    ids=lambda changed: next(iter(changed)),
)
def test_a_device_that_moves_leaves_nothing_behind(broker, listen, announce, changed):
    """With discovery off, or under another prefix, id or topic, the broker keeps nothing under the old one."""
    announce()
    assert set(retained(broker, listen)) == {CONFIG, "edge-emotion/pi/state", "edge-emotion/pi/availability"}
    announce(**changed)
    topic, device_id = changed.get("topic", "edge-emotion"), changed.get("device_id", "pi")
    discovery = changed.get("discovery", "homeassistant")
    configs = {f"{discovery}/device/edge-emotion-{device_id}/config"} if discovery else set()
    expected = configs | {f"{topic}/{device_id}/{leaf}" for leaf in ("state", "availability")}
    assert set(retained(broker, listen)) == expected


def test_a_device_that_moves_to_another_broker_leaves_nothing_behind(
    broker, new_broker, listen, new_settings, announce, open_sink
):
    """The former broker is told, with the settings that were used for it."""
    announce()
    other = new_broker()
    sink = open_sink(new_settings(other))
    wait_for(lambda: sink._publisher._was_announced)
    assert retained(broker, listen) == {}


def test_a_former_broker_that_is_gone_delays_nobody(broker, new_broker, new_settings, announce, open_sink, caplog):
    """One warning says what is still published; the device works at the new broker."""
    announce()
    broker.stop()
    sink = open_sink(new_settings(new_broker()))
    wait_for(lambda: sink._publisher._was_announced)
    assert sink.error == ""
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    (warning,) = [text for text in warnings if "the device is still published" in text]
    assert "found the port closed" in warning


@pytest.fixture
def start_without_mqtt(new_settings):
    """Return a function that starts the optional sinks of settings without a broker; it returns MQTT's note."""

    def start():
        settings = Settings(mqtt=new_settings(host=""))
        sinks = new_optional_sinks(settings, SinkContext(make_status, Counters(), MODEL, MODEL.labels)).servers
        for sink in sinks:
            sink.poll()
            sink.close()
        return [sink._new_sink for sink in sinks]

    return start


def test_turning_mqtt_off_removes_the_device(broker, listen, announce, start_without_mqtt, caplog):
    """The next start without MQTT removes the device, and the one after that has nothing to do."""
    caplog.set_level("INFO")
    announce()
    assert start_without_mqtt()
    assert "mqtt: is off; the device was removed from 127.0.0.1, edge-emotion/pi" in caplog.messages
    assert retained(broker, listen) == {}
    assert start_without_mqtt() == []


def test_a_removal_that_fails_is_tried_again(broker, listen, announce, start_without_mqtt, caplog):
    """While the broker is away the device stays published; the next start removes it."""
    announce()
    broker.stop()
    start_without_mqtt()
    assert "mqtt: is off, but the device is still published; trying again at the next start" in caplog.text
    broker.start()
    start_without_mqtt()
    assert retained(broker, listen) == {}
    assert start_without_mqtt() == []


def test_another_run_without_mqtt_leaves_the_device_alone(tmp_path):
    """A run on a video, with settings of its own, is not the one that has published the device."""
    environment = {"XDG_STATE_HOME": str(tmp_path)}
    path = queue_path(MqttSettings(), environment)
    PlacementMemory(path, environment).store(Placement(MqttSettings(host="hub"), "pi"))
    assert find_left_behind(MqttSettings(), environment) is None
    service = {"STATE_DIRECTORY": str(path.parent)}
    assert find_left_behind(MqttSettings(), service) is not None
    assert find_left_behind(MqttSettings(host="hub"), service) is None


@pytest.mark.parametrize("content", [b"", b"[]", b'{"settings": {"hosts": 1}, "device_id": "pi"}', b"[" * 9999])
def test_a_damaged_memory_costs_a_warning(tmp_path, content, caplog):
    """A file that a power cut has damaged is ignored."""
    (tmp_path / "queue-placement.json").write_bytes(content)
    assert PlacementMemory(tmp_path / "queue", {}).read() is None
    assert "it is ignored" in caplog.text


def test_the_memory_contains_no_password(announce, tmp_path):
    """It names the password's file."""
    (tmp_path / "secret").write_text("swordfish\n")
    (tmp_path / "secret").chmod(0o600)
    announce(username="ada", password_file=str(tmp_path / "secret"))
    assert b"swordfish" not in (tmp_path / "queue.sqlite3-placement.json").read_bytes()
