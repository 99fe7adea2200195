"""Derives the MQTT topics and client id of a device from its id, so that no two devices share one."""

import re
from dataclasses import dataclass

from edge.device.info import find_device_id
from edge.errors import SinkError
from edge.settings.sinks import MqttSettings

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""Characters of a device id. Source: Home Assistant, MQTT discovery: those allowed in an object_id."""

_PART = re.compile(r"[^/+#$\s\x00-\x1f\x7f][^/+#\s\x00-\x1f\x7f]*")
"""One level of a topic. Source: MQTT 5, 4.7: + and # are wildcards, a leading $ is reserved for the broker, and NUL is
forbidden. Spaces and other control characters are legal, but refused here as typing mistakes."""


@dataclass(frozen=True, slots=True)
class Topics:
    """Topics of one device.

    Attributes:
        base: prefix of all topics but Home Assistant's.
        device_id: id of this device.
        discovery: Home Assistant's discovery prefix; empty disables discovery.
    """

    base: str
    device_id: str
    discovery: str

    @property
    def readings(self) -> str:
        """Topic of fresh readings, which are not retained."""
        return f"{self.base}/{self.device_id}/reading"

    @property
    def backlog(self) -> str:
        """Topic of readings that could not be sent while they were fresh, not retained."""
        return f"{self.base}/{self.device_id}/backlog"

    @property
    def state(self) -> str:
        """Topic of the newest state, retained."""
        return f"{self.base}/{self.device_id}/state"

    @property
    def availability(self) -> str:
        """Topic of `online` and `offline` (also the Last Will), retained."""
        return f"{self.base}/{self.device_id}/availability"

    @property
    def config(self) -> str:
        """Topic of the discovery message, retained."""
        return f"{self.discovery}/device/{self.client_id}/config"

    @property
    def birth(self) -> str:
        """Topic on which Home Assistant announces that it has started."""
        return f"{self.discovery}/status"

    @property
    def client_id(self) -> str:
        """MQTT client id; the broker disconnects a client when another one connects with the same id."""
        return f"edge-emotion-{self.device_id}"


def name_topics(settings: MqttSettings) -> Topics:
    """Return the topics for these settings.

    Raises:
        SinkError: a topic or the device id has a forbidden character, or this machine has no id of its own.
    """
    device_id = settings.device_id or find_device_id()
    if not device_id:
        raise SinkError("mqtt.device_id: expected a board's serial number or /etc/machine-id, found neither: set it")
    if not _ID.fullmatch(device_id):
        raise SinkError(f"mqtt.device_id: expected 1 to 64 letters, digits, _ or -, found {device_id!r}: change it")
    for key, topic in (("topic", settings.topic), ("discovery", settings.discovery)):
        if not all(map(_PART.fullmatch, topic.split("/"))) and (topic or key == "topic"):
            raise SinkError(
                f"mqtt.{key}: expected words between slashes without + # $ or spaces, found {topic!r}: change it"
            )
    return Topics(settings.topic, device_id, settings.discovery)
