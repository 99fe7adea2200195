"""A broker that does not know MQTT 5 is spoken to in MQTT 3.1.1."""

import contextlib
import socket
import threading

import pytest
from samples import make_observation
from waiting import wait_for

pytest.importorskip("paho.mqtt", reason="paho-mqtt is not installed")

from edge.sinks.mqtt import connection as module
from edge.sinks.mqtt import publisher

HERE = "127.0.0.1"
UNSUPPORTED = bytes([0x20, 2, 0, 1])
"""CONNACK of MQTT 3.1.1: unacceptable protocol version. Source: MQTT 3.1.1, 3.2.2.3; aedes answers like this."""


class OldBroker:
    """Passes MQTT 3.1.1 on to a broker; refuses MQTT 5 with an answer, or by closing the connection.

    Attributes:
        versions: protocol version of each connection so far.
    """

    def __init__(self, port, answer):
        self.versions = []
        self._port, self._answer = port, answer
        self._server = socket.create_server((HERE, 0))
        self._sockets = [self._server]
        self.port = self._server.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self):
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for one in self._sockets:
            one.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client = self._server.accept()[0]
                self._sockets.append(client)
                first = client.recv(4096)
                self.versions.append(first[first.index(b"MQTT") + 4])
                if self.versions[-1] == 5:
                    client.sendall(self._answer)
                    client.shutdown(socket.SHUT_RDWR)
                    continue
                behind = socket.create_connection((HERE, self._port))
                self._sockets.append(behind)
                behind.sendall(first)
                for source, target in ((client, behind), (behind, client)):
                    self._threads.append(threading.Thread(target=self._copy, args=(source, target)))
                    self._threads[-1].start()

    def _copy(self, source, target):
        with contextlib.suppress(OSError):
            while content := source.recv(4096):
                target.sendall(content)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)


@pytest.fixture(params=[UNSUPPORTED, b""], ids=["answers", "closes"])
def old_broker(broker, undo, request):
    old = OldBroker(broker.port, request.param)
    undo.callback(old.close)
    return old


def test_a_broker_without_mqtt_5_is_spoken_to_in_3_1_1(old_broker, broker, listen, new_settings, open_sink, caplog):
    """State, availability and readings arrive, and nothing is reported as a fault."""
    listener = listen(broker)
    sink = open_sink(new_settings(old_broker))
    sink.write(make_observation("happy"))
    wait_for(lambda: listener.readings() and listener.payloads("/availability") == ["online"])
    assert listener.states()[-1]["faces"] == 1
    assert (sink.error, old_broker.versions) == ("", [5, 4])
    assert not [record for record in caplog.records if record.levelname == "WARNING"]
    sink.close()
    wait_for(lambda: listener.payloads("/availability") == ["online", "offline"])


def test_without_mqtt_5_too_an_error_ends_in_offline(old_broker, broker, listen, new_settings, open_sink, monkeypatch):
    """MQTT 3.1.1 has no disconnect with the Last Will: the connection is broken off instead."""
    monkeypatch.setattr(publisher, "FIRST_WAIT_S", 3600.0)
    listener = listen(broker)
    sink = open_sink(new_settings(old_broker))
    wait_for(lambda: listener.payloads("/availability") == ["online"])

    kept = []  # else the garbage collector would close the socket

    def fail(connection, *_):
        kept.append(connection)
        raise RuntimeError("a fault")

    monkeypatch.setattr(module.Connection, "step", fail)
    sink.write(make_observation("happy"))
    wait_for(lambda: listener.payloads("/availability") == ["online", "offline"])
    kept.clear()


def test_a_broker_that_refuses_both_is_reported_once(new_settings, open_sink, undo, broker):
    """The first refusal is the error, as if there were one version only."""

    class RefusesAll(OldBroker):
        def _accept(self):
            with contextlib.suppress(OSError):
                while True:
                    client = self._server.accept()[0]
                    first = client.recv(4096)
                    self.versions.append(first[first.index(b"MQTT") + 4])
                    client.sendall(UNSUPPORTED)
                    client.close()

    refusing = RefusesAll(broker.port, b"")
    undo.callback(refusing.close)
    sink = open_sink(new_settings(refusing))
    wait_for(lambda: sink.error)
    assert f"expected {HERE}:{refusing.port} to let us in, found: unsupported protocol version" in sink.error
    assert refusing.versions[:2] == [5, 4]
