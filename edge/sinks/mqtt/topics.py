"""Names the topics of a device, so that no two devices share one."""

import re
from dataclasses import dataclass

from edge.device_id import find_device_id
from edge.errors import SinkError
from edge.sink_settings import MqttSettings

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""Source: Home Assistant, MQTT discovery: an object_id consists of these."""

_PART = re.compile(r"[^/+#$\s\x00-\x1f\x7f][^/+#\s\x00-\x1f\x7f]*")
"""Between two slashes. Source: MQTT 5, 4.7: + and # are wildcards, a leading $ is the broker's own, NUL is forbidden;
a space or another control character is allowed, and a slip."""


@dataclass(frozen=True, slots=True)
class Topics:
    """Where things are published. device_id: this device's own. discovery: Home Assistant's prefix; empty is none."""

    base: str
    device_id: str
    discovery: str

    @property
    def readings(self) -> str:
        """Each reading, once, not retained."""
        return f"{self.base}/{self.device_id}/reading"

    @property
    def state(self) -> str:
        """The newest state, retained."""
        return f"{self.base}/{self.device_id}/state"

    @property
    def availability(self) -> str:
        """`online`, or `offline` by the Last Will; retained."""
        return f"{self.base}/{self.device_id}/availability"

    @property
    def config(self) -> str:
        """What Home Assistant learns of the device, retained."""
        return f"{self.discovery}/device/{self.client_id}/config"

    @property
    def birth(self) -> str:
        """Where Home Assistant says that it has started."""
        return f"{self.discovery}/status"

    @property
    def client_id(self) -> str:
        """What the broker knows this device by: a second client of the same name would throw the first one out."""
        return f"edge-emotion-{self.device_id}"


def name_topics(settings: MqttSettings) -> Topics:
    """Name the topics that the settings ask for.

    Raises:
        SinkError: one has a forbidden character, or the device has nothing to be told by.
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
