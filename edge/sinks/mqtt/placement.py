"""Remembers where a device was published, and removes it from there when it moves or MQTT is turned off.

A broker keeps the discovery message, the state and the availability until somebody deletes them. Without this, Home
Assistant would show a device that is gone for ever.
"""

import logging
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from edge.device.files import atomic_write
from edge.device.secret_files import credentials_folder
from edge.device.state import state_folder
from edge.errors import SinkError
from edge.settings.sinks import MqttSettings
from edge.sinks.base import Sink

log = logging.getLogger(__name__)


class Placement(msgspec.Struct, frozen=True):
    """Where a device was published.

    Attributes:
        settings: the `[mqtt]` section; it names the files of credentials and contains none.
        device_id: the device's id, also if the settings have none.
    """

    settings: MqttSettings
    device_id: str

    @property
    def place(self) -> tuple[str, int, str, str, str]:
        """The settings on which the broker and its topics depend."""
        settings = self.settings
        return settings.host, settings.port, settings.topic, settings.discovery, self.device_id

    @property
    def description(self) -> str:
        """Where it is, for messages."""
        return f"{self.settings.host}, {self.settings.topic}/{self.device_id}"


class PlacementMemory:
    """Keeps the placement over restarts, in a file next to the queue.

    A file that cannot be read or written costs a warning, and that an old device must be removed by hand.

    Args:
        queue: path of the queue.
        environment: environment variables; systemd's folders are among them.
    """

    def __init__(self, queue: Path, environment: Mapping[str, str]) -> None:
        self._path = queue.with_name(f"{queue.name}-placement.json")
        self._environment = environment

    def read(self) -> Placement | None:
        """Return where the device was published last; None if it was not published, or was removed."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Placement)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError, ValueError, RecursionError) as error:
            log.warning("%s: expected where the device was published, found: %s: it is ignored", self._path, error)
            return None

    def store(self, placement: Placement) -> None:
        """Keep where the device is published now."""
        if placement == self.read():
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(self._path) as temporary:
                temporary.write_bytes(msgspec.json.encode(placement) + b"\n")
        except OSError as error:
            log.warning("%s: expected a file that can be written, found: %s", self._path, error.strerror or error)

    def leave_former(self, placement: Placement) -> None:
        """Remove the device from where it was published before, if that is another place; a failure is logged."""
        former = self.read()
        if former is None or former.place == placement.place:
            return
        try:
            remove_device(former, self._environment)
            log.info("mqtt: the device was removed from %s, where it was before", former.description)
        except SinkError as error:
            log.warning("mqtt: the device is still published at %s: %s", former.description, error)

    def leave(self) -> bool:
        """Remove the device from where it was published, and forget that place; a failure is logged.

        Returns:
            Whether it is not published there any more.
        """
        former = self.read()
        try:
            if former is not None:
                remove_device(former, self._environment)
                log.info("mqtt: is off; the device was removed from %s", former.description)
        except (SinkError, ImportError) as error:
            log.warning("mqtt: is off, but the device is still published; trying again at the next start: %s", error)
            return False
        self._clear()
        return True

    def _clear(self) -> None:
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("%s: expected a file that can be removed, found: %s", self._path, error.strerror or error)


def queue_path(settings: MqttSettings, environment: Mapping[str, str] = os.environ) -> Path:
    """Return the queue's file: the one in the settings, else one in the service's state folder, else in the user's."""
    if settings.queue:
        return Path(settings.queue)
    return state_folder(environment) / "mqtt-queue.sqlite3"


def find_left_behind(settings: MqttSettings, environment: Mapping[str, str] = os.environ) -> PlacementMemory | None:
    """Return the memory of a device that is still published although MQTT is off; None if there is none.

    Only the settings of the service, and those that name the queue, are known to be the ones that published it: a run
    with other settings, such as one on a video, leaves the device alone.
    """
    if settings.host or not (settings.queue or environment.get("STATE_DIRECTORY")):
        return None
    memory = PlacementMemory(queue_path(settings, environment), environment)
    return None if memory.read() is None else memory


def remove_device(placement: Placement, environment: Mapping[str, str]) -> None:
    """Delete what a device has left at its broker; Home Assistant then removes the device and its entities.

    Args:
        placement: where the device was published.
        environment: environment variables; systemd's folders are among them.

    Raises:
        SinkError: the broker cannot be reached, or refuses it.
    """
    # paho-mqtt is optional
    from edge.sinks.mqtt.broker import read_broker_config  # noqa: PLC0415
    from edge.sinks.mqtt.connection import Connection, Message  # noqa: PLC0415
    from edge.sinks.mqtt.topics import name_topics  # noqa: PLC0415

    settings = msgspec.structs.replace(placement.settings, device_id=placement.device_id)
    topics = name_topics(settings)
    broker = read_broker_config(settings, placement.device_id, credentials_folder(environment))
    retained = [topics.config] if topics.discovery else []
    with Connection(broker, client_id=topics.client_id) as connection:
        connection.connect()
        for topic in (*retained, topics.availability, topics.state):
            connection.publish_and_wait(Message(topic, b"", retain=True))


class MqttRemoval(Sink[None]):
    """Removes the device from its broker once, after MQTT was turned off in the settings; then it does nothing.

    Args:
        memory: remembers where the device was published.

    Attributes:
        note: what has become of it.
    """

    note = ""

    def __init__(self, memory: PlacementMemory) -> None:
        self._memory = memory

    def open(self) -> None:
        """Remove the device; if that fails, it is tried again at the next start."""
        self.note = "off, and the device removed" if self._memory.leave() else "off, but the device still published"
