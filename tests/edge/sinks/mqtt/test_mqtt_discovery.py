"""Home Assistant understands what it is told: each field is in its documentation, and has a value that it allows.

Source of the rules: home-assistant.io, integrations "MQTT" (device discovery payload), "MQTT Sensor" and "MQTT Binary
sensor"; "Sensor" and "Binary sensor" for the device classes.
"""

import json
import re

import pytest
from device import LABELS
from mosquitto import wait_for

pytest.importorskip("paho.mqtt", reason="paho-mqtt is not installed: pip install '.[mqtt]' in the project's folder")
pytest.importorskip("jinja2", reason="jinja2 is not installed: Home Assistant's templates are written in it")

import jinja2

from edge.sinks.mqtt.discovery import describe_device
from edge.sinks.mqtt.topics import Topics

TEXT, NUMBER, FLAG, LIST = (str,), (int,), (bool,), (list,)

SHARED = {
    "availability": LIST,
    "availability_mode": TEXT,
    "availability_template": TEXT,
    "availability_topic": TEXT,
    "payload_available": TEXT,
    "payload_not_available": TEXT,
    "command_topic": TEXT,
    "state_topic": TEXT,
    "qos": NUMBER,
    "encoding": TEXT,
}
"""What may stand beside the components, for all of them."""

DEVICE = {
    "identifiers": (str, list),
    "connections": LIST,
    **dict.fromkeys(
        (
            "configuration_url",
            "hw_version",
            "manufacturer",
            "model",
            "model_id",
            "name",
            "serial_number",
            "suggested_area",
            "sw_version",
            "via_device",
        ),
        TEXT,
    ),
}

ORIGIN = dict.fromkeys(("name", "sw_version", "support_url"), TEXT)

ENTITY = SHARED | {
    "platform": TEXT,
    "unique_id": TEXT,
    "name": TEXT,
    "device_class": TEXT,
    "enabled_by_default": FLAG,
    "entity_category": TEXT,
    "entity_picture": TEXT,
    "expire_after": NUMBER,
    "force_update": FLAG,
    "icon": TEXT,
    "json_attributes_template": TEXT,
    "json_attributes_topic": TEXT,
    "object_id": TEXT,
    "default_entity_id": TEXT,
    "value_template": TEXT,
}

PLATFORMS = {
    "sensor": ENTITY
    | {
        "last_reset_value_template": TEXT,
        "options": LIST,
        "state_class": TEXT,
        "suggested_display_precision": NUMBER,
        "unit_of_measurement": TEXT,
    },
    "binary_sensor": ENTITY | {"off_delay": NUMBER, "payload_off": TEXT, "payload_on": TEXT},
}

DEVICE_CLASSES = {"sensor": {"enum", "temperature"}, "binary_sensor": {"problem"}}
"""Of those that there are, the ones that we use."""

STATE_CLASSES = {"measurement", "total", "total_increasing"}


def check(table, allowed):
    for key, value in table.items():
        assert key in allowed, f"{key} is not documented"
        assert isinstance(value, allowed[key]), f"{key}: {value!r}"


def check_entity(entity):
    check(entity, PLATFORMS[entity["platform"]])
    assert entity["unique_id"]
    assert len(entity) > 2, "at least one option of its own"
    assert entity["expire_after"] > 0
    if "entity_category" in entity:
        assert entity["entity_category"] == "diagnostic"  # no other is allowed for sensors
    if "icon" in entity:
        assert re.fullmatch(r"mdi:[a-z-]+", entity["icon"])
    kind = entity.get("device_class")
    assert kind is None or kind in DEVICE_CLASSES[entity["platform"]]
    if "options" in entity:
        assert kind == "enum"
        assert entity["options"]
        assert not {"state_class", "unit_of_measurement"} & set(entity)
    if kind == "temperature":
        assert entity["unit_of_measurement"] in {"°C", "°F", "K"}
    if "state_class" in entity:
        assert entity["state_class"] in STATE_CLASSES


def told(listener):
    """What Home Assistant would have learned: topic, payload and whether it is retained."""
    return [message for message in listener.messages if message[0].startswith("homeassistant/device/")]


@pytest.fixture
def message(broker, new_settings, open_sink, listen):
    """The discovery message, as a listener that comes later has it from the broker."""
    sink = open_sink(new_settings(broker, device_name="Hall"))
    wait_for(lambda: sink._presence._told)
    listener = listen(broker)
    ((topic, payload, retained),) = wait_for(lambda: told(listener))
    assert retained
    assert re.fullmatch(r"homeassistant/device/[a-zA-Z0-9_-]+/config", topic)
    return json.loads(payload)


def test_each_field_is_documented(message):
    """Names, types, and what excludes what."""
    assert {"device", "origin", "components"} <= set(message)
    check(message, SHARED | dict.fromkeys(("device", "origin", "components"), (dict,)))
    check(message["device"], DEVICE)
    assert message["device"]["identifiers"] == ["edge-emotion-pi"]
    assert message["device"]["name"] == "Hall"
    check(message["origin"], ORIGIN)
    assert message["origin"]["name"]
    assert message["qos"] in {0, 1, 2}
    for entity in message["components"].values():
        check_entity(entity)
    unique = [entity["unique_id"] for entity in message["components"].values()]
    assert len(set(unique)) == len(unique)


def test_every_entity_is_there(message):
    """Faces, the dominant emotion, each one's share, the uncertain share, frames a second, temperature, the camera."""
    shares = [f"share-{label}" for label in LABELS]
    assert set(message["components"]) == {
        "faces",
        "dominant",
        *shares,
        "uncertain",
        "fps",
        "temperature",
        "problem",
    }


def values(message, state):
    """What each entity would show: its template, rendered with the state."""
    return {
        key: jinja2.Template(entity["value_template"]).render(value_json=json.loads(state))
        for key, entity in message["components"].items()
    }


def test_the_templates_find_their_values(message, broker, new_settings, open_sink, listen, seen, tmp_path):
    """In the state that is truly sent, with faces and without; what is not known becomes `None`, which it knows."""
    sink = open_sink(new_settings(broker, device_id="other", queue=str(tmp_path / "other")))
    listener = listen(broker, topic="edge-emotion/other/state")
    (empty, *_) = wait_for(lambda: listener.on("/state"))
    shown = values(message, empty)
    assert (shown["dominant"], shown["share-happy"], shown["uncertain"]) == ("none", "None", "None")
    sink.write(seen(0, "happy", "uncertain"))
    wait_for(lambda: json.loads(listener.on("/state")[-1])["dominant"] == "happy")
    shown = values(message, listener.on("/state")[-1])
    assert (shown["faces"], shown["share-happy"], shown["share-sad"], shown["uncertain"]) == (
        "1",
        "50.0",
        "0.0",
        "50.0",
    )
    assert (shown["fps"], shown["temperature"], shown["problem"]) == ("12.5", "51.5", "OFF")
    options = message["components"]["dominant"]["options"]
    assert {"none", "uncertain", "happy"} <= set(options)
    assert set(LABELS) <= set(options)


def test_it_is_told_again_when_home_assistant_starts(broker, new_settings, open_sink, listen):
    """With the state, which it would else wait for; another message on that topic changes nothing."""
    sink = open_sink(new_settings(broker))
    wait_for(lambda: sink._presence._told)
    listener = listen(broker)
    wait_for(lambda: told(listener))
    listener.publish("homeassistant/status", "offline")
    listener.publish("homeassistant/status", "online")
    wait_for(lambda: len(told(listener)) == 2)
    wait_for(lambda: len(listener.on("pi/state")) >= 2)
    listener.publish("homeassistant/status", "online")
    wait_for(lambda: len(told(listener)) == 3)


def test_it_may_be_told_nothing(broker, new_settings, open_sink, listen):
    """Where nobody has Home Assistant."""
    sink = open_sink(new_settings(broker, discovery=""))
    wait_for(lambda: sink._presence._told)
    listener = listen(broker)
    wait_for(lambda: listener.on("/availability"))
    assert told(listener) == []
    assert {topic for topic, *_ in listener.messages} == {"edge-emotion/pi/availability", "edge-emotion/pi/state"}


@pytest.mark.parametrize(("interval_s", "expire_after_s"), [(1.0, 60), (10.0, 60), (60.0, 360)])
def test_a_state_expires_after_some_intervals(broker, new_settings, open_sink, listen, interval_s, expire_after_s):
    """Not before the next is due, and not much later than it could have been."""
    open_sink(new_settings(broker, state_interval_s=interval_s))
    listener = listen(broker)
    ((_, payload, __),) = wait_for(lambda: told(listener))
    entities = json.loads(payload)["components"].values()
    assert {entity["expire_after"] for entity in entities} == {expire_after_s}


def test_two_devices_share_no_topic_and_no_name():
    """Whatever they are called by people."""
    first, second = Topics("home", "a1", "homeassistant"), Topics("home", "a2", "homeassistant")
    for name in ("readings", "state", "availability", "config", "client_id"):
        assert getattr(first, name) != getattr(second, name)
    told_of = [
        describe_device(topics, name="Hall", board="Pi", labels=LABELS, expire_after_s=60) for topics in (first, second)
    ]
    ids = [entity["unique_id"] for device in told_of for entity in device["components"].values()]
    assert len(set(ids)) == len(ids)
