"""The discovery message follows Home Assistant's documentation: its fields, their types and values, its templates.

Source of the rules: home-assistant.io, integrations "MQTT" (device discovery payload), "MQTT Sensor" and "MQTT Binary
sensor"; "Sensor" and "Binary sensor" for the device classes.
"""

import json
import re

import pytest
from device import LABELS
from samples import make_observation
from waiting import wait_for

pytest.importorskip("paho.mqtt", reason="paho-mqtt is not installed")
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
"""Fields that may stand next to the components, and apply to all of them."""

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
    "event": {key: kind for key, kind in ENTITY.items() if key not in ("expire_after", "force_update")}
    | {"event_types": LIST},
}

DEVICE_CLASSES = {"sensor": {"enum", "temperature"}, "binary_sensor": {"problem"}, "event": set()}
"""Those of Home Assistant's device classes that the message uses."""

STATE_CLASSES = {"measurement", "total", "total_increasing"}


ATTRIBUTES = {
    "model": 'Anna\'s "{{net}}" é',
    "right_percent": {"happy": 97, "sad": 45},
    "about": "http://pi:8470/model",
}


def check(table, allowed):
    for key, value in table.items():
        assert key in allowed, f"{key} is not documented"
        assert isinstance(value, allowed[key]), f"{key}: {value!r}"


def check_entity(entity):
    check(entity, PLATFORMS[entity["platform"]])
    assert entity["unique_id"]
    assert len(entity) > 2, "at least one option of its own"
    assert entity.get("expire_after", 1) > 0
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


def announcements(listener):
    """Return the discovery messages so far: topic, payload, and whether it is retained."""
    return [message for message in listener.messages if message[0].startswith("homeassistant/device/")]


def present(message):
    """Return the entities that exist; of the others the message has the platform alone, which removes them."""
    return {key: entity for key, entity in message["components"].items() if entity.keys() != {"platform"}}


@pytest.fixture
def message(broker, new_settings, open_sink, listen):
    """The discovery message, as a subscriber that comes later receives it from the broker."""
    sink = open_sink(new_settings(broker, device_name="Hall"), attributes=ATTRIBUTES)
    wait_for(lambda: sink._publisher._was_announced)
    listener = listen(broker)
    ((topic, payload, retained),) = wait_for(lambda: announcements(listener))
    assert retained
    assert re.fullmatch(r"homeassistant/device/[a-zA-Z0-9_-]+/config", topic)
    return json.loads(payload)


def test_each_field_is_documented(message):
    """Only documented fields are used, with values of the documented type and in allowed combinations."""
    assert {"device", "origin", "components"} <= set(message)
    check(message, SHARED | dict.fromkeys(("device", "origin", "components"), (dict,)))
    check(message["device"], DEVICE)
    assert message["device"]["identifiers"] == ["edge-emotion-pi"]
    assert message["device"]["name"] == "Hall"
    check(message["origin"], ORIGIN)
    assert message["origin"]["name"]
    assert message["qos"] in {0, 1, 2}
    for entity in present(message).values():
        check_entity(entity)
    unique = [entity["unique_id"] for entity in present(message).values()]
    assert len(set(unique)) == len(unique)


def test_every_entity_is_there(message):
    """There is an entity for each value of the state, and for each emotion's share."""
    shares = [f"share-{label}" for label in LABELS]
    assert set(present(message)) == {
        "faces",
        "emotion",
        "dominant",
        "face",
        *shares,
        "uncertain",
        "fps",
        "temperature",
        "problem",
    }


def render(message, state):
    """Return what each entity would show: its template, rendered with the state."""
    return {
        key: jinja2.Template(entity["value_template"]).render(value_json=json.loads(state))
        for key, entity in present(message).items()
        if entity["platform"] != "event"
    }


def test_the_templates_find_their_values(message, broker, new_settings, open_sink, listen, tmp_path):
    """The templates find their values in published states, with faces and without; unknown ones render as `None`."""
    settings = new_settings(broker, device_id="other", queue=str(tmp_path / "other"), state_interval_s=3600.0)
    sink = open_sink(settings)
    listener = listen(broker, topic="edge-emotion/other/state")
    (empty, *_) = wait_for(lambda: listener.payloads("/state"))
    shown = render(message, empty)
    assert (shown["dominant"], shown["share-happy"], shown["uncertain"]) == ("none", "None", "None")
    sink.write(make_observation("happy", "uncertain"))
    wait_for(lambda: json.loads(listener.payloads("/state")[-1])["dominant"] == "happy")
    shown = render(message, listener.payloads("/state")[-1])
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


def test_the_emotions_say_how_often_each_label_is_right(message):
    """The attributes of both emotions are the model's, whatever its name, and no other entity has any."""
    entities = present(message)
    assert {key for key, entity in entities.items() if "json_attributes_template" in entity} == {"emotion", "dominant"}
    for key in ("emotion", "dominant"):
        assert entities[key]["json_attributes_topic"] == "edge-emotion/pi/state"
        assert json.loads(jinja2.Template(entities[key]["json_attributes_template"]).render()) == ATTRIBUTES


def test_a_face_that_appears_changes_and_leaves_is_an_event(message, broker, new_settings, open_sink, listen, tmp_path):
    """The event entity's template turns each reading into an event of a type that it has announced."""
    listener = listen(broker, topic="edge-emotion/other/reading")
    sink = open_sink(new_settings(broker, device_id="other", queue=str(tmp_path / "other")))
    for index, emotions in enumerate([("happy",), ("sad",), ()]):
        sink.write(make_observation(*emotions, frame_index=index))
    wait_for(lambda: len(listener.readings()) == 3)
    entity = message["components"]["face"]
    assert entity["state_topic"] == "edge-emotion/pi/reading"
    template = jinja2.Template(entity["value_template"])
    events = [json.loads(template.render(value_json=line)) for line in listener.readings()]
    assert [(event["event_type"], event["emotion"], event["face"]) for event in events] == [
        ("appeared", "happy", 1),
        ("changed", "sad", 1),
        ("left", "sad", 1),
    ]
    assert {event["event_type"] for event in events} == set(entity["event_types"])


def test_discovery_is_published_again_when_home_assistant_starts(broker, new_settings, open_sink, listen):
    """When Home Assistant starts, discovery and state are published again; other payloads on that topic are ignored."""
    sink = open_sink(new_settings(broker))
    wait_for(lambda: sink._publisher._was_announced)
    listener = listen(broker)
    wait_for(lambda: announcements(listener))
    listener.publish("homeassistant/status", "offline")
    listener.publish("homeassistant/status", "online")
    wait_for(lambda: len(announcements(listener)) == 2)
    wait_for(lambda: len(listener.payloads("pi/state")) >= 2)
    listener.publish("homeassistant/status", "online")
    wait_for(lambda: len(announcements(listener)) == 3)


def test_discovery_can_be_disabled(broker, new_settings, open_sink, listen):
    """With an empty prefix only availability and state are published."""
    sink = open_sink(new_settings(broker, discovery=""))
    wait_for(lambda: sink._publisher._was_announced)
    listener = listen(broker)
    wait_for(lambda: listener.payloads("/availability"))
    assert announcements(listener) == []
    assert {topic for topic, *_ in listener.messages} == {"edge-emotion/pi/availability", "edge-emotion/pi/state"}


@pytest.mark.parametrize(("interval_s", "expire_after_s"), [(1.0, 60), (10.0, 60), (60.0, 360)])
def test_entities_expire_after_six_intervals(broker, new_settings, open_sink, listen, interval_s, expire_after_s):
    """Entities never expire before the next state is due, nor before a minute."""
    open_sink(new_settings(broker, state_interval_s=interval_s))
    listener = listen(broker)
    ((_, payload, __),) = wait_for(lambda: announcements(listener))
    entities = present(json.loads(payload)).values()
    assert {entity["expire_after"] for entity in entities if entity["platform"] != "event"} == {expire_after_s}


def test_two_devices_share_no_topic_and_no_id():
    """Topics, client ids and entity ids differ even if both devices have the same display name."""
    first, second = Topics("home", "a1", "homeassistant"), Topics("home", "a2", "homeassistant")
    for name in ("readings", "state", "availability", "config", "client_id"):
        assert getattr(first, name) != getattr(second, name)
    announced = [
        describe_device(topics, name="Hall", board="Pi", labels=LABELS, expire_after_s=60) for topics in (first, second)
    ]
    ids = [entity["unique_id"] for device in announced for entity in present(device).values()]
    assert len(set(ids)) == len(ids)
