"""One connection to the broker, from its beginning to its loss."""

import select
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from paho.mqtt.client import MQTT_LOG_ERR, Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge.errors import SinkError
from edge.sinks.mqtt.broker import Broker
from edge.sinks.mqtt.faults import loss, no_connection, refusal, rejection

KEEP_ALIVE_S = 30
"""The broker tells the Last Will when nothing was heard for one and a half times as long, s."""

ANSWER_S = 10.0
"""A broker that does not answer within this is given up, s."""


_WITH_WILL = 4
"""Source: MQTT 5, 3.14.2.1: Disconnect Reason Code."""


@dataclass(frozen=True, slots=True)
class Message:
    """Something to publish, at least once."""

    topic: str
    payload: bytes
    retain: bool = False


class Session:
    """A connection. One thread uses it; nothing happens but inside `connect` and `step`.

    acknowledged: what the broker has taken since it was last emptied, as `publish` has numbered it.
    heard: what has arrived on topics that were subscribed to, likewise.
    """

    def __init__(self, broker: Broker, *, client_id: str, will: Message | None = None) -> None:
        self.acknowledged: list[int] = []
        self.heard: list[str] = []
        self._broker = broker
        self._topics: dict[int, str] = {}
        self._welcomed = False
        self._ended: SinkError | None = None
        self._detail = ""
        client = Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTProtocolVersion.MQTTv5)
        client.username_pw_set(broker.user, broker.password)
        if broker.tls is not None:
            client.tls_set_context(broker.tls)
        if will is not None:
            client.will_set(will.topic, will.payload, qos=1, retain=will.retain)
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_publish, client.on_message, client.on_log = self._on_publish, self._on_message, self._on_log
        self._client = client

    def connect(self) -> None:
        """Connect, and wait until the broker has let us in.

        Raises:
            SinkError: it cannot be reached, or refuses.
        """
        try:
            self._client.connect(self._broker.host, self._broker.port, keepalive=KEEP_ALIVE_S)
        except OSError as error:
            raise no_connection(error, self._broker) from error
        self._await(lambda: self._welcomed)

    def subscribe(self, topic: str) -> None:
        """Hear what is published on a topic."""
        self._client.subscribe(topic, qos=1)

    def publish(self, message: Message) -> int:
        """Send at least once; return the number by which it will be acknowledged."""
        number = self._client.publish(message.topic, message.payload, qos=1, retain=message.retain).mid
        self._topics[number] = message.topic
        return number

    def tell(self, message: Message) -> None:
        """Publish, and wait until the broker has taken it: one that may not be published is then known from the others.

        Raises:
            SinkError: as in `step`; or no answer comes.
        """
        number = self.publish(message)
        self._await(lambda: number in self.acknowledged)

    def step(self, timeout_s: float, wake: socket.socket | None = None) -> None:
        """Send and take what is due; wait for the broker, or for `wake` to be readable, `timeout_s` at most.

        Raises:
            SinkError: the connection is lost, or the broker refuses something.
        """
        connection = self._client.socket()
        if connection is not None:
            decrypted = isinstance(connection, ssl.SSLSocket) and connection.pending() > 0  # select cannot see it
            waiting = [connection] if self._client.want_write() else []
            readers = [connection] if wake is None else [connection, wake]
            readable, writable, _ = select.select(readers, waiting, [], 0.0 if decrypted else timeout_s)
            if decrypted or connection in readable:
                self._client.loop_read()
            if writable:
                self._client.loop_write()
            self._client.loop_misc()
        if self._ended is not None:
            raise self._ended

    def _await(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + ANSWER_S
        while not condition():
            self.step(max(0.0, deadline - time.monotonic()))
            if time.monotonic() > deadline:
                raise no_connection(TimeoutError(), self._broker)

    def __enter__(self) -> "Session":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take leave. After a fault the broker is to tell the Last Will, as it does when a connection breaks."""
        self._client.disconnect(None if error is None else ReasonCode(PacketTypes.DISCONNECT, identifier=_WITH_WILL))

    def _on_connect(
        self, _: Client, __: object, ___: ConnectFlags, reason: ReasonCode, ____: Properties | None
    ) -> None:
        if reason.is_failure:
            self._ended = refusal(reason, self._broker)
        self._welcomed = True

    def _on_disconnect(
        self, _: Client, __: object, ___: DisconnectFlags, reason: ReasonCode, ____: Properties | None
    ) -> None:
        self._ended = self._ended or loss(reason, self._detail, self._broker, welcomed=self._welcomed)

    def _on_publish(self, _: Client, __: object, number: int, reason: ReasonCode, ___: Properties | None) -> None:
        topic = self._topics.pop(number, "")
        if reason.is_failure:
            self._ended = self._ended or rejection(reason, topic, self._broker)
        else:
            self.acknowledged.append(number)

    def _on_message(self, _: Client, __: object, message: MQTTMessage) -> None:
        self.heard.append(message.payload.decode(errors="replace"))

    def _on_log(self, _: Client, __: object, level: int, text: str) -> None:
        if level == MQTT_LOG_ERR:
            self._detail = text
