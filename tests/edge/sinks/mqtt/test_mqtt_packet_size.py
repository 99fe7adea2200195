"""A broker cannot fill the memory with one large message, nor end the sink with packets that are none."""

import socket
import struct
import threading
from contextlib import suppress

import pytest

pytest.importorskip("paho.mqtt", reason="paho-mqtt is not installed")

from edge.errors import SinkError
from edge.settings.sinks import MqttSettings
from edge.sinks.mqtt.broker import read_broker_config
from edge.sinks.mqtt.connection import MAX_PACKET_BYTES, Connection

MAXIMUM_PACKET_SIZE = 0x27
"""Source: MQTT 5, 2.2.2.2: properties."""

ACCEPTED = b"\x20\x03\x00\x00\x00"


class HostileBroker:
    """Accepts a client and begins a message of 250 MB, whatever the client has asked for.

    Args:
        sent: what it sends first, after it has accepted the client.

    Attributes:
        connect: the client's CONNECT packet.
    """

    def __init__(self, sent=b""):
        self.connect = b""
        self._sent = sent
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self):
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()

    def _serve(self):
        with suppress(OSError):
            client, _ = self._server.accept()
            with client:
                self.connect = client.recv(4096)
                client.sendall(ACCEPTED + self._sent)
                topic = b"homeassistant/status"
                client.sendall(b"\x31\x80\xe5\x9a\x77" + struct.pack(">H", len(topic)) + topic + b"\0")
                while True:
                    client.sendall(b"x" * 4096)


def receive(config):
    with Connection(config, client_id="device") as connection:
        connection.connect()
        while True:
            connection.step(60.0)


def test_a_large_message_ends_the_connection(tmp_path):
    """The limit is announced, and a broker that ignores it is left before the message is there."""
    broker = HostileBroker()
    try:
        config = read_broker_config(MqttSettings(host="127.0.0.1", port=broker.port), "device", tmp_path)
        with pytest.raises(
            SinkError, match=r"expected messages of at most 64 kB from the broker, found one of 250\.0 MB"
        ):
            receive(config)
        assert bytes([MAXIMUM_PACKET_SIZE]) + struct.pack(">I", MAX_PACKET_BYTES) in broker.connect
    finally:
        broker.close()


def test_a_packet_that_is_none_ends_the_connection(tmp_path):
    """Whatever paho raises for one, here for a topic that is no text, becomes one line that names the broker."""
    broker = HostileBroker(b"\x31\x07\x00\x02\xea\x56\x00ok")
    try:
        config = read_broker_config(MqttSettings(host="127.0.0.1", port=broker.port), "device", tmp_path)
        with pytest.raises(SinkError, match=r"expected MQTT at 127\.0\.0\.1:\d+, found packets that are none"):
            receive(config)
    finally:
        broker.close()
