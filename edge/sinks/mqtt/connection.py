"""Wraps paho-mqtt's client as one connection to the broker, driven step by step from the calling thread."""

import os
import select
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType

from paho.mqtt.client import MQTT_LOG_ERR, Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge.errors import SinkError
from edge.sinks.mqtt.broker import BrokerConfig
from edge.sinks.mqtt.errors import (
    ProtocolRefusedError,
    connect_failed,
    connection_lost,
    login_refused,
    message_refused,
    protocol_broken,
)

KEEP_ALIVE_S = 30
"""The broker publishes the Last Will after one and a half times this long without a packet, s."""

RESPONSE_TIMEOUT_S = 10.0
"""How long to wait for the broker to accept a login or a message, s."""

FAREWELL_S = 0.5
"""How long to wait for the broker to end the connection after the farewell, s."""

MAX_PACKET_BYTES = 1 << 16
"""Largest packet to receive, bytes. What is subscribed to has a few; a larger one would fill the memory."""

_WITH_WILL = 4
"""Source: MQTT 5, 3.14.2.1: Disconnect Reason Code, "Disconnect with Will Message"."""


PROTOCOLS = (MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311)
"""Protocol versions, the preferred one first. Before MQTT 5 a broker does not delete old states, nor say why it refuses
a message or ends a connection."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message with QoS 1.

    Attributes:
        topic: its topic.
        payload: its content.
        retain: for a message to publish: whether the broker keeps it for later subscribers; for a received one: whether
            the broker had kept it.
        expires_s: age at which the broker deletes it, s; None for never. Needs MQTT 5.
    """

    topic: str
    payload: bytes
    retain: bool = False
    expires_s: int | None = None


class _LimitedClient(Client):
    """paho's client, which leaves a broker that sends more than `MAX_PACKET_BYTES` in spite of the announced limit."""

    def _sock_recv(self, bufsize: int) -> bytes:
        """Receive what is left of a packet; paho asks for all of it as soon as it knows the length.

        Raises:
            SinkError: it is too large.
        """
        if bufsize > MAX_PACKET_BYTES:
            raise SinkError(
                f"expected messages of at most {MAX_PACKET_BYTES >> 10} kB from the broker, found one of "
                f"{bufsize / 1e6:.1f} MB: delete it, or check who may publish to homeassistant/status"
            )
        return super()._sock_recv(bufsize)


class Connection:
    """One connection to the broker, used by one thread; it sends and receives only inside `connect` and `step`.

    Leaving the context disconnects. After an exception the broker publishes the Last Will, as it does when a connection
    breaks.

    Args:
        broker: where to connect, and the credentials.
        client_id: name by which the broker knows this client.
        will: the Last Will, or None.

    Attributes:
        acknowledged: message ids that the broker has acknowledged; the caller empties it.
        received: messages received on subscribed topics; the caller empties it.
    """

    def __init__(self, broker: BrokerConfig, *, client_id: str, will: Message | None = None) -> None:
        self.acknowledged: list[int] = []
        self.received: list[Message] = []
        self._broker = broker
        self._client_id = client_id
        self._will = will
        self._topics: dict[int, str] = {}
        self._accepted = False
        self._failure: SinkError | None = None
        self._detail = ""
        self._client = self._new_client(PROTOCOLS[0])

    def connect(self) -> None:
        """Connect, and wait until the broker has accepted the login; use MQTT 3.1.1 if the broker knows no MQTT 5.

        Raises:
            SinkError: the broker cannot be reached, does not respond in time, or refuses the login.
        """
        try:
            self._connect()
        except ProtocolRefusedError as refusal:
            self._failure, self._detail = None, ""
            self._client = self._new_client(PROTOCOLS[1])
            try:
                self._connect()
            except ProtocolRefusedError:
                raise refusal from None  # the version was not the reason

    def _connect(self) -> None:
        try:
            properties = None
            if self._client.protocol == MQTTProtocolVersion.MQTTv5:
                properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho annotates it in part
                properties.MaximumPacketSize = MAX_PACKET_BYTES
            self._client.connect(self._broker.host, self._broker.port, keepalive=KEEP_ALIVE_S, properties=properties)
        except OSError as error:
            raise connect_failed(error, self._broker) from error
        self._wait_for(lambda: self._accepted)

    def _new_client(self, protocol: MQTTProtocolVersion) -> Client:
        client = _LimitedClient(
            CallbackAPIVersion.VERSION2, client_id=self._client_id, protocol=protocol, reconnect_on_failure=False
        )
        client.username_pw_set(self._broker.user, self._broker.password)
        if self._broker.tls is not None:
            client.tls_set_context(self._broker.tls)
        if self._will is not None:
            client.will_set(self._will.topic, self._will.payload, qos=1, retain=self._will.retain)
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_publish, client.on_message, client.on_log = self._on_publish, self._on_message, self._on_log
        return client

    def subscribe(self, topic: str) -> None:
        """Subscribe to a topic."""
        self._client.subscribe(topic, qos=1)

    def publish(self, message: Message) -> int:
        """Queue a message for sending; return the message id that `acknowledged` will contain."""
        properties = None
        if message.expires_s is not None and self._client.protocol == MQTTProtocolVersion.MQTTv5:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho annotates it in part
            properties.MessageExpiryInterval = message.expires_s
        message_id = self._client.publish(
            message.topic, message.payload, qos=1, retain=message.retain, properties=properties
        ).mid
        self._topics[message_id] = message.topic
        return message_id

    def publish_and_wait(self, message: Message) -> None:
        """Publish a message and wait for its acknowledgement, so that a refusal can be attributed to its topic.

        Raises:
            SinkError: `step` fails, or no acknowledgement arrives in time.
        """
        message_id = self.publish(message)
        self._wait_for(lambda: message_id in self.acknowledged)

    def step(self, timeout_s: float, wake: socket.socket | None = None) -> None:
        """Send and receive what is due; wait at most `timeout_s` for the broker, or for `wake` to become readable.

        Raises:
            SinkError: the connection is lost, or the broker refuses the login or a message.
        """
        connection = self._client.socket()
        if connection is not None:
            decrypted = isinstance(connection, ssl.SSLSocket) and connection.pending() > 0  # select cannot see it
            writers = [connection] if self._client.want_write() else []
            readers = [connection] if wake is None else [connection, wake]
            readable, writable, _ = select.select(readers, writers, [], 0.0 if decrypted else timeout_s)
            self._exchange(receives=decrypted or connection in readable, sends=bool(writable))
        if self._failure is not None:
            raise self._failure

    def _exchange(self, *, receives: bool, sends: bool) -> None:
        try:
            if receives:
                self._client.loop_read()
            if sends:
                self._client.loop_write()
            self._client.loop_misc()
        except SinkError:
            raise
        except Exception as error:  # of any type: paho raises many for packets that are none
            raise protocol_broken(error, self._broker) from error

    def _wait_for(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + RESPONSE_TIMEOUT_S
        while not condition():
            self.step(max(0.0, deadline - time.monotonic()))
            if time.monotonic() > deadline:
                raise connect_failed(TimeoutError(), self._broker)

    def __enter__(self) -> "Connection":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        held_open = self._hold_open()
        if error is None:
            self._client.disconnect()
        elif self._client.protocol == MQTTProtocolVersion.MQTTv5:
            self._client.disconnect(ReasonCode(PacketTypes.DISCONNECT, identifier=_WITH_WILL))
        elif held_open is not None:
            # before MQTT 5 only a lost connection has that effect
            with suppress(OSError):
                held_open.shutdown(socket.SHUT_RDWR)
        if held_open is not None:
            _await_end(held_open)

    def _hold_open(self) -> socket.socket | None:
        """Return a second handle of the connection, which stays open when paho closes its own; None if there is none.

        paho closes its socket right after it has sent the farewell. If something is unread at that moment, the kernel
        resets the connection, and a broker that is reset before it has read the farewell publishes the Last Will.
        """
        connection = self._client.socket()
        with suppress(OSError):
            return None if connection is None else socket.socket(fileno=os.dup(connection.fileno()))
        return None

    def _on_connect(
        self, _: Client, __: object, ___: ConnectFlags, reason: ReasonCode, ____: Properties | None
    ) -> None:
        if reason.is_failure:
            self._failure = login_refused(reason, self._broker)
        else:
            self._accepted = True

    def _on_disconnect(
        self, _: Client, __: object, ___: DisconnectFlags, reason: ReasonCode, ____: Properties | None
    ) -> None:
        self._failure = self._failure or connection_lost(
            reason, self._detail, self._broker, client_id=self._client_id, was_accepted=self._accepted
        )

    def _on_publish(self, _: Client, __: object, message_id: int, reason: ReasonCode, ___: Properties | None) -> None:
        topic = self._topics.pop(message_id, "")
        if reason.is_failure:
            self._failure = self._failure or message_refused(reason, topic, self._broker)
        else:
            self.acknowledged.append(message_id)

    def _on_message(self, _: Client, __: object, message: MQTTMessage) -> None:
        self.received.append(Message(message.topic, bytes(message.payload), retain=message.retain))

    def _on_log(self, _: Client, __: object, level: int, text: str) -> None:
        if level == MQTT_LOG_ERR:
            self._detail = text


def _await_end(connection: socket.socket) -> None:
    """Read and drop what arrives until the broker ends the connection, for at most `FAREWELL_S`; then close it."""
    deadline = time.monotonic() + FAREWELL_S
    with connection, suppress(OSError):
        while (remaining_s := deadline - time.monotonic()) > 0:
            connection.settimeout(remaining_s)
            if not connection.recv(4096):
                break
