"""A connection receives messages that arrive together, and a spool is sent no faster than a broker allows."""

import ssl
import threading
import time
from contextlib import suppress
from socket import SHUT_WR, create_server

import pytest
from certificates import OPENSSL, Authority

pytest.importorskip("paho.mqtt", reason="paho-mqtt is not installed")

from edge.settings.sinks import MqttSettings
from edge.sinks.mqtt.broker import BrokerConfig, read_broker_config
from edge.sinks.mqtt.connection import Connection
from edge.sinks.mqtt.publisher import IN_FLIGHT, SpoolSender
from edge.sinks.mqtt.spool import Spool
from edge.sinks.mqtt.topics import Topics

CONNACK = bytes([0x20, 3, 0, 0, 0])
PUBLISH = bytes([0x30, 6, 0, 1]) + b"t" + b"\x00" + b"hi"
DISCONNECT = bytes([0xE0])

STEP_S = 60.0


@pytest.mark.skipif(OPENSSL is None, reason="openssl is not installed")
def test_messages_that_share_a_tls_record_are_received_at_once(tmp_path):
    """Messages of one TLS record are decrypted together; no step then waits for a socket that has nothing to read."""
    authority = Authority(tmp_path / "authority")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*authority.sign("127.0.0.1"))
    done = threading.Event()

    def serve(server):
        with context.wrap_socket(server.accept()[0], server_side=True) as stream:
            stream.recv(4096)
            stream.sendall(CONNACK + 3 * PUBLISH)
            done.wait(2 * STEP_S)

    with create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,))
        thread.start()
        address, port = server.getsockname()
        settings = MqttSettings(host=address, port=port, tls=True, ca_file=str(authority.file))
        broker = read_broker_config(settings, "pi", None)
        with Connection(broker, client_id="pi") as connection:
            connection.connect()
            began_s = time.monotonic()
            while len(connection.received) < 3 and time.monotonic() < began_s + STEP_S:
                connection.step(STEP_S)
            took_s = time.monotonic() - began_s
            done.set()
        thread.join()
    assert [message.payload for message in connection.received] == [b"hi"] * 3
    assert took_s < STEP_S


def test_a_connection_with_unread_messages_is_not_reset():
    """A broker that is reset before it has read the farewell publishes the Last Will, as if the device had failed."""
    connected, unread = threading.Event(), threading.Event()
    received = []

    def serve(server):
        with server.accept()[0] as stream:
            stream.recv(4096)
            stream.sendall(CONNACK)
            connected.wait(STEP_S)
            stream.sendall(3 * PUBLISH)
            unread.set()
            with suppress(ConnectionResetError):
                received.append(stream.recv(4096)[:1])
                stream.shutdown(SHUT_WR)
                received.append(stream.recv(4096))

    with create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,))
        thread.start()
        broker = BrokerConfig("127.0.0.1", server.getsockname()[1], None, None, None)
        with Connection(broker, client_id="pi") as connection:
            connection.connect()
            connected.set()
            unread.wait(STEP_S)
        thread.join()
    assert received == [DISCONNECT, b""]


def test_a_broker_that_ignores_the_farewell_is_left():
    """A broker that does not end the connection holds up the end of a run for no longer than `FAREWELL_S`."""
    done = threading.Event()

    def serve(server):
        with server.accept()[0] as stream:
            stream.recv(4096)
            stream.sendall(CONNACK)
            done.wait(STEP_S)

    with create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,))
        thread.start()
        broker = BrokerConfig("127.0.0.1", server.getsockname()[1], None, None, None)
        with Connection(broker, client_id="pi") as connection:
            connection.connect()
        assert thread.is_alive()
        done.set()
        thread.join()


def test_a_long_spool_is_not_sent_at_once(broker, tmp_path):
    """A long spool is sent in parts: a broker may disconnect a client that exceeds its receive maximum."""
    spool = Spool(tmp_path / "queue", limit=1000)
    spool.put([b"x"] * 500)
    with Connection(BrokerConfig("127.0.0.1", broker.port, None, None, None), client_id="pi") as connection:
        connection.connect()
        sender = SpoolSender(connection, spool, Topics("t", "pi", ""))
        sender.send()
        assert len(sender._in_flight) == IN_FLIGHT
        while spool.waiting:
            connection.step(1.0)
            sender.forget_acknowledged()
            sender.send()
            assert len(sender._in_flight) <= IN_FLIGHT
    spool.close()
