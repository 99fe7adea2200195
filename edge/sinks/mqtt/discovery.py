"""Builds the MQTT discovery message that announces this device and its entities to Home Assistant.

Source: Home Assistant, MQTT, "Device discovery payload" (from 2024.11 on): one message for a device and its entities.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from edge import __version__
from edge.labels import EMOTIONS, UNCERTAIN
from edge.sinks.mqtt.topics import Topics

NOBODY = "none"
"""The emotion while no face is in view."""

EVENTS = ("appeared", "changed", "left")
"""What can happen to a face, as the readings name it."""

Entity = dict[str, object]

NO_ATTRIBUTES: Mapping[str, object] = MappingProxyType({})

_DIAGNOSTIC: Entity = {"entity_category": "diagnostic"}


def describe_device(
    topics: Topics,
    *,
    name: str,
    board: str,
    labels: Sequence[str],
    expire_after_s: int,
    page_url: str = "",
    attributes: Mapping[str, object] = NO_ATTRIBUTES,
    has_temperature: bool = True,
    counts_only: bool = False,
) -> dict[str, object]:
    """Return the discovery message, ready for JSON.

    The message lists every entity that any settings can have. One that these settings do not have consists of its
    platform alone, which makes Home Assistant remove it if it has known it.

    Args:
        topics: the device's topics.
        name: display name of the device.
        board: model of the board.
        labels: emotions that the run predicts, in order.
        expire_after_s: age at which Home Assistant marks the entities unavailable, s.
        page_url: address of the live page, which Home Assistant links to; empty for none.
        attributes: attributes of the emotions' entities, ready for JSON.
        has_temperature: whether the machine has a temperature sensor.
        counts_only: whether only the counts of each minute are published, and nothing about single faces.
    """
    absent = {"temperature"} if not has_temperature else set()
    absent |= {"emotion", "face"} if counts_only else set()
    absent |= {_share_key(label) for label in EMOTIONS if label not in labels}
    entities = dict(_entities(topics, labels, attributes))
    device: dict[str, object] = {
        "identifiers": [topics.client_id],
        "name": name,
        "manufacturer": "edge-emotion",
        "model": board,
        "sw_version": __version__,
    }
    return {
        "device": device | ({"configuration_url": page_url} if page_url else {}),
        "origin": {"name": "edge-emotion", "sw_version": __version__},
        "state_topic": topics.state,
        "availability_topic": topics.availability,
        "qos": 1,
        "components": {
            key: {"platform": entity["platform"]} if key in absent else _complete(topics, key, entity, expire_after_s)
            for key, entity in entities.items()
        },
    }


def _complete(topics: Topics, key: str, entity: Entity, expire_after_s: int) -> Entity:
    unique: Entity = {"unique_id": f"{topics.client_id}-{key}"}
    return entity | unique | ({} if entity["platform"] == "event" else {"expire_after": expire_after_s})


def _entities(topics: Topics, labels: Sequence[str], attributes: Mapping[str, object]) -> Iterator[tuple[str, Entity]]:
    yield "faces", _number("Faces", "faces", icon="mdi:account-group")
    # The attributes are the same in each state, so they are in the template and not in the state itself.
    constant: Entity = {}
    if attributes:
        constant = {
            "json_attributes_topic": topics.state,
            "json_attributes_template": f"{{{{ {json.dumps(attributes)} | tojson }}}}",
        }
    yield "emotion", _emotion("Emotion", "emotion", labels) | constant
    yield "dominant", _emotion("Dominant emotion", "dominant", labels) | constant
    yield (
        "face",
        {
            "platform": "event",
            "name": "Face",
            "state_topic": topics.readings,
            "event_types": list(EVENTS),
            "value_template": (
                "{{ {'event_type': value_json.event, 'face': value_json.track, 'emotion': value_json.emotion, "
                "'confidence': value_json.get('confidence'), 'duration_s': value_json.get('duration_s'), "
                "'time': value_json.time} | tojson }}"
            ),
            "icon": "mdi:face-recognition",
        },
    )
    for label in EMOTIONS:
        yield _share_key(label), _share(f"Share {label}", f"shares.get('{label}')")
    yield "uncertain", _share("Share uncertain", "uncertain")
    yield "fps", _number("Frames a second", "fps", unit="fps", icon="mdi:speedometer") | _DIAGNOSTIC
    temperature: Entity = {"device_class": "temperature"}
    yield "temperature", _number("Temperature", "temperature_c", unit="°C") | _DIAGNOSTIC | temperature
    yield (
        "problem",
        _DIAGNOSTIC
        | {
            "platform": "binary_sensor",
            "name": "Camera",
            "value_template": _template("problem"),
            "device_class": "problem",
        },
    )


def _share_key(label: str) -> str:
    return f"share-{label}"


def _template(value: str) -> str:
    """Return a template for a value of the state; null becomes `None`, which Home Assistant shows as unknown."""
    return f"{{{{ value_json.{value} }}}}"


def _emotion(name: str, value: str, labels: Sequence[str]) -> Entity:
    return {
        "platform": "sensor",
        "name": name,
        "value_template": _template(value),
        "device_class": "enum",
        "options": [*labels, UNCERTAIN, NOBODY],
        "icon": "mdi:emoticon-outline",
    }


def _number(name: str, value: str, *, unit: str = "", icon: str = "") -> Entity:
    entity: Entity = {
        "platform": "sensor",
        "name": name,
        "value_template": _template(value),
        "state_class": "measurement",
    }
    return entity | ({"unit_of_measurement": unit} if unit else {}) | ({"icon": icon} if icon else {})


def _share(name: str, value: str) -> Entity:
    return _number(name, value, unit="%", icon="mdi:percent") | {"suggested_display_precision": 0}
