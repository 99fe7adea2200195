"""Sends readings and state to an MQTT broker."""

import os
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from edge import clock
from edge.machine import board_name
from edge.records import Observation
from edge.sink_settings import MqttSettings
from edge.sinks.changes import Changes
from edge.sinks.lines import Line, counts_line
from edge.sinks.mqtt.broker import read_broker
from edge.sinks.mqtt.discovery import describe_device
from edge.sinks.mqtt.link import Link
from edge.sinks.mqtt.presence import Presence
from edge.sinks.mqtt.secrets import credentials_folder
from edge.sinks.mqtt.spool import Spool
from edge.sinks.mqtt.topics import name_topics
from edge.status import Status

EXPIRES_INTERVALS, LEAST_EXPIRY_S = 6, 60
"""Home Assistant believes a state for so many intervals, and for so long at least, s."""


class MqttSink:
    """Puts what changes into a queue on disk, from where it is sent while there is a connection."""

    patience_s = 2.0  # what changes comes at once

    def __init__(
        self,
        settings: MqttSettings,
        *,
        labels: Sequence[str],
        status: Callable[[], Status],
        environment: Mapping[str, str] = os.environ,
        is_clock_set: Callable[[], bool] = clock.is_set,
    ) -> None:
        """Open the queue; the connection is made on a thread of its own.

        is_clock_set: whether the wall clock can be believed; readings say so where it cannot.

        Raises:
            SinkError: a setting, or a file that it names, cannot be used.
        """
        topics = name_topics(settings)
        broker = read_broker(settings, topics.device_id, credentials_folder(environment))
        expiry_s = max(LEAST_EXPIRY_S, round(EXPIRES_INTERVALS * settings.state_interval_s))
        name = settings.device_name or f"Camera {topics.device_id}"
        device = describe_device(topics, name=name, board=board_name(), labels=labels, expire_after_s=expiry_s)
        self._is_clock_set = is_clock_set
        self._changes = Changes(summary_interval_s=float("inf"))
        self._device_id, self._run, self._number = topics.device_id, secrets.token_hex(4), 0
        self._address = broker.address
        self._spool = Spool(_queue_path(settings.queue, environment), limit=settings.queue_limit)
        self._presence = Presence(
            topics,
            device=device if topics.discovery else None,
            labels=labels,
            status=status,
            interval_s=settings.state_interval_s,
        )
        self._link = Link(broker, topics, self._spool, self._presence)

    @property
    def error(self) -> str:
        """Why the broker is not reached at the moment, else empty."""
        return self._link.error

    @property
    def note(self) -> str:
        """The broker's address, what waits, and what had to be dropped."""
        dropped = f", {self.lost} dropped" if self.lost else ""
        return f"{self._address} as {self._device_id}, {self.stored} readings wait{dropped}"

    @property
    def stored(self) -> int:
        """Readings that wait for the broker."""
        return self._spool.waiting

    @property
    def lost(self) -> int:
        """Readings that gave way to newer ones, since the queue was full."""
        return self._spool.dropped

    def write(self, observation: Observation) -> None:
        """Take an observation; what has changed is on disk when this returns.

        Raises:
            SinkError: the queue cannot be written.
        """
        self._presence.take(observation)
        counts = observation.counts
        self._put(self._changes.lines(observation) if counts is None else [counts_line(observation, counts)])

    def close(self) -> None:
        """Send what waits, if that is soon done; the rest is sent after the next start."""
        try:
            self._put(self._changes.last_lines())
        finally:
            self._link.close()
            self._spool.close()

    def _put(self, lines: Iterable[Line]) -> None:
        payloads = [msgspec.json.encode(self._identified(line)) for line in lines]
        if payloads:
            self._spool.put(payloads)
            self._link.wake()

    def _identified(self, line: Line) -> Line:
        """Number a line, so that what arrives twice is known. `number` counts from 1 in each `run`, without a gap."""
        self._number += 1
        identity = f"{self._device_id}-{self._run}-{self._number}"
        whose = {"id": identity, "device": self._device_id, "run": self._run, "number": self._number}
        return whose | line | ({} if self._is_clock_set() else {"clock": clock.UNSET})


def _queue_path(path: str, environment: Mapping[str, str]) -> Path:
    """Return the setting's file, else one in the service's state directory, else one in the user's."""
    if path:
        return Path(path).expanduser()
    service = environment.get("STATE_DIRECTORY", "").split(":")[0]
    user = environment.get("XDG_STATE_HOME") or "~/.local/state"
    return (Path(service) if service else Path(user).expanduser() / "edge-emotion") / "mqtt-queue.sqlite3"
