"""The MQTT sink: publishes readings and the device's state to a broker."""

import logging
import os
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

import msgspec

from edge.device import clock
from edge.device.info import board_name
from edge.device.secret_files import credentials_folder
from edge.records import Observation
from edge.settings.sinks import MqttSettings
from edge.sinks.base import Sink
from edge.sinks.log.events import ChangeEvents
from edge.sinks.log.lines import COUNTS, Line, counts_line
from edge.sinks.mqtt.broker import read_broker_config
from edge.sinks.mqtt.discovery import NO_ATTRIBUTES, describe_device
from edge.sinks.mqtt.placement import Placement, PlacementMemory, queue_path
from edge.sinks.mqtt.publisher import Publisher
from edge.sinks.mqtt.spool import Spool
from edge.sinks.mqtt.state import DeviceState
from edge.sinks.mqtt.topics import Topics, name_topics
from edge.status import Status

log = logging.getLogger(__name__)

EXPIRY_INTERVALS, MIN_EXPIRY_S = 6, 60
"""Home Assistant marks the entities unavailable after this many state intervals without a state, and not before
`MIN_EXPIRY_S`."""


class MqttSink(Sink[Observation]):
    """Writes changes to a queue on disk; a thread of its own publishes them while there is a connection.

    Args:
        settings: the `[mqtt]` section.
        labels: emotions that the run predicts, in order.
        status: returns the run's current status; any thread may call it.
        counts_only: whether only the counts of each minute may be published. Readings that were queued before this was
            set are deleted.
        page_url: address of the live page, for Home Assistant's link to it; empty for none.
        attributes: attributes of the emotions' entities in Home Assistant, ready for JSON.
        environment: environment variables; systemd's folders are among them.
        is_clock_set: whether the wall clock can be trusted; readings are marked while it cannot.
    """

    patience_s = 2.0  # a change does not wait

    def __init__(
        self,
        settings: MqttSettings,
        *,
        labels: Sequence[str],
        status: Callable[[], Status],
        counts_only: bool = False,
        page_url: str = "",
        attributes: Mapping[str, object] = NO_ATTRIBUTES,
        environment: Mapping[str, str] = os.environ,
        is_clock_set: Callable[[], bool] = clock.is_set,
    ) -> None:
        self._settings = settings
        self._labels = labels
        self._status = status
        self._counts_only = counts_only
        self._page_url = page_url
        self._attributes = attributes
        self._environment = environment
        self._is_clock_set = is_clock_set

    def open(self) -> None:
        """Open the queue, and start the thread that publishes it.

        Raises:
            SinkError: a setting, or a file that it names, cannot be used.
        """
        settings, labels = self._settings, self._labels
        topics = name_topics(settings)
        credentials = credentials_folder(self._environment)
        read_broker = partial(read_broker_config, settings, topics.device_id, credentials)
        self._address = read_broker().address
        self._changes = ChangeEvents(summary_interval_s=float("inf"))
        self._device_id, self._run, self._number = topics.device_id, secrets.token_hex(4), 0
        expiry_s = max(MIN_EXPIRY_S, round(EXPIRY_INTERVALS * settings.state_interval_s))
        self._state = DeviceState(
            topics,
            describe=partial(self._describe_device, topics, expiry_s) if topics.discovery else None,
            labels=labels,
            status=self._status,
            interval_s=settings.state_interval_s,
            run=self._run,
            expires_s=expiry_s,
        )
        path = queue_path(settings, self._environment)
        memory, placement = PlacementMemory(path, self._environment), Placement(settings, topics.device_id)
        self._spool = Spool(path, limit=settings.queue_limit)
        try:
            self._discard_single_faces()
            self._publisher = Publisher(
                read_broker,
                self._address,
                topics,
                self._spool,
                self._state,
                before_first=lambda: memory.leave_former(placement),
                after_birth=lambda: memory.store(placement),
            )
        except Exception:  # the queue cannot be written, or the system has no room for another socket or thread
            self._spool.close()
            raise

    def _describe_device(self, topics: Topics, expiry_s: int, status: Status) -> dict[str, object]:
        return describe_device(
            topics,
            name=self._settings.device_name or f"Camera {topics.device_id}",
            board=board_name(),
            labels=self._labels,
            expire_after_s=expiry_s,
            page_url=self._page_url,
            attributes=self._attributes,
            has_temperature=status.temperature_c is not None,
            counts_only=self._counts_only,
        )

    def _discard_single_faces(self) -> None:
        """With `counts_only` delete queued readings of single faces, which were made before it was set."""
        if self._counts_only and (discarded := self._spool.discard(lambda payload: not _is_counts(payload))):
            log.warning("mqtt: %d queued readings of single faces deleted: privacy.counts_only is set", discarded)

    @property
    def error(self) -> str:
        """Why there is no connection at the moment, else empty."""
        return self._publisher.error

    @property
    def note(self) -> str:
        """Broker address, device id, and how many readings wait or were dropped."""
        dropped = f", {self.lost} dropped" if self.lost else ""
        return f"{self._address} as {self._device_id}, {self.stored} readings wait{dropped}"

    @property
    def stored(self) -> int:
        """Readings waiting to be acknowledged by the broker."""
        return self._spool.waiting

    @property
    def lost(self) -> int:
        """Readings dropped because the queue was full."""
        return self._spool.dropped

    def write(self, observation: Observation) -> None:
        """Queue what has changed in an observation; it is on disk when this returns.

        Raises:
            SinkError: the queue cannot be written.
        """
        self._state.add(observation)
        counts = observation.counts
        self._put(self._changes.lines(observation) if counts is None else [counts_line(observation, counts)])

    def close(self) -> None:
        """Spend a moment on sending what is queued; the rest is sent after the next start."""
        try:
            self._put(self._changes.last_lines())
        finally:
            self._publisher.close()
            self._spool.close()

    def _put(self, lines: Iterable[Line]) -> None:
        payloads = [msgspec.json.encode(self._with_id(line)) for line in lines]
        if payloads:
            self._spool.put(payloads)
            self._publisher.wake()

    def _with_id(self, line: Line) -> Line:
        """Add an id, so that subscribers recognise repetitions. `number` counts from 1 in each `run`, without a gap."""
        self._number += 1
        line_id = f"{self._device_id}-{self._run}-{self._number}"
        origin = {"id": line_id, "device": self._device_id, "run": self._run, "number": self._number}
        return origin | line | ({} if self._is_clock_set() else {"clock": clock.UNSET})


class _Event(msgspec.Struct):
    """The part of a reading that tells its kind."""

    event: str = ""


def _is_counts(payload: bytes) -> bool:
    """Return whether a queued reading has the counts of a minute and nothing about single faces."""
    try:
        return msgspec.json.decode(payload, type=_Event).event == COUNTS
    except msgspec.DecodeError:
        return False
