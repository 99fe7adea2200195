"""Tells Home Assistant what this device is, and which entities it has.

Source: Home Assistant, MQTT, "Device discovery payload" (from 2024.11 on): one message for a device and its entities.
"""

from collections.abc import Iterator, Sequence

from edge import __version__
from edge.sinks.mqtt.topics import Topics

NOBODY = "none"
"""The dominant emotion where there is no face."""

UNCERTAIN = "uncertain"

Entity = dict[str, object]


def describe_device(
    topics: Topics, *, name: str, board: str, labels: Sequence[str], expire_after_s: int
) -> dict[str, object]:
    """Return the discovery message, ready for JSON.

    name: what people call the device. board: what it is. labels: what is answered with.
    expire_after_s: a state older than this is not believed any more, s.
    """
    entities = {key: _entity(topics, key, entity, expire_after_s) for key, entity in _entities(labels)}
    return {
        "device": {
            "identifiers": [topics.client_id],
            "name": name,
            "manufacturer": "edge-emotion",
            "model": board,
            "sw_version": __version__,
        },
        "origin": {"name": "edge-emotion", "sw_version": __version__},
        "state_topic": topics.state,
        "availability_topic": topics.availability,
        "qos": 1,
        "components": entities,
    }


def _entity(topics: Topics, key: str, entity: Entity, expire_after_s: int) -> Entity:
    return {"platform": "sensor", **entity, "unique_id": f"{topics.client_id}-{key}", "expire_after": expire_after_s}


def _entities(labels: Sequence[str]) -> Iterator[tuple[str, Entity]]:
    yield "faces", _number("Faces", "faces", icon="mdi:account-group")
    yield (
        "dominant",
        {
            "name": "Dominant emotion",
            "value_template": "{{ value_json.dominant }}",
            "device_class": "enum",
            "options": [*labels, UNCERTAIN, NOBODY],
            "icon": "mdi:emoticon-outline",
        },
    )
    for label in labels:
        yield f"share-{label}", _share(f"Share {label}", f"shares.{label}")
    yield "uncertain", _share("Share uncertain", "uncertain")
    diagnostic: Entity = {"entity_category": "diagnostic"}
    yield "fps", _number("Frames a second", "fps", unit="fps", icon="mdi:speedometer") | diagnostic
    yield (
        "temperature",
        _number("Temperature", "temperature_c", unit="°C") | diagnostic | {"device_class": "temperature"},
    )
    yield (
        "problem",
        diagnostic
        | {
            "platform": "binary_sensor",
            "name": "Camera",
            "value_template": "{{ value_json.problem }}",
            "device_class": "problem",
        },
    )


def _number(name: str, value: str, *, unit: str = "", icon: str = "") -> Entity:
    entity: Entity = {"name": name, "value_template": f"{{{{ value_json.{value} }}}}", "state_class": "measurement"}
    return entity | ({"unit_of_measurement": unit} if unit else {}) | ({"icon": icon} if icon else {})


def _share(name: str, value: str) -> Entity:
    return _number(name, value, unit="%", icon="mdi:percent") | {"suggested_display_precision": 0}
