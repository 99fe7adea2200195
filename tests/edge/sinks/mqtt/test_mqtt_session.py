"""A session hears what comes close together, and a delivery sends no more at once than a broker allows."""

import ssl
import threading
import time

import pytest
from certificates import OPENSSL, Authority

pytest.importorskip("paho.mqtt", reason="paho-mqtt is not installed: pip install '.[mqtt]' in the project's folder")

from socket import create_server

from edge.sinks.mqtt.broker import Broker
from edge.sinks.mqtt.delivery import IN_FLIGHT, Delivery
from edge.sinks.mqtt.session import Session
from edge.sinks.mqtt.spool import Spool

WELCOME = bytes([0x20, 3, 0, 0, 0])
HELLO = bytes([0x30, 6, 0, 1]) + b"t" + b"\x00" + b"hi"


@pytest.mark.skipif(OPENSSL is None, reason="openssl is not installed")
def test_messages_that_share_a_tls_record(tmp_path):
    """They are all decrypted with the first: the socket has nothing more to read, and still they are heard."""
    authority = Authority(tmp_path / "authority")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*authority.sign("127.0.0.1"))
    done = threading.Event()

    def serve(server):
        with context.wrap_socket(server.accept()[0], server_side=True) as connection:
            connection.recv(4096)
            connection.sendall(WELCOME + 3 * HELLO)
            done.wait(20)

    with create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,))
        thread.start()
        trust = ssl.create_default_context(cafile=authority.file)
        session = Session(Broker("127.0.0.1", server.getsockname()[1], None, None, trust), client_id="pi")
        with session:
            session.connect()
            began_s = time.monotonic()
            while len(session.heard) < 3 and time.monotonic() < began_s + 10:
                session.step(5.0)
            took_s = time.monotonic() - began_s
            done.set()
        thread.join()
    assert session.heard == ["hi"] * 3
    assert took_s < 5.0


def test_a_long_queue_is_not_sent_at_once(broker, tmp_path):
    """A broker may throw out who sends more than it has said to take; and it would all be in memory."""
    spool = Spool(tmp_path / "queue", limit=1000)
    spool.put([b"x"] * 500)
    with Session(Broker("127.0.0.1", broker.port, None, None, None), client_id="pi") as session:
        session.connect()
        delivery = Delivery(session, spool, "t")
        delivery.send()
        assert len(delivery._flying) == IN_FLIGHT
        while spool.waiting:
            session.step(1.0)
            delivery.confirm()
            delivery.send()
            assert len(delivery._flying) <= IN_FLIGHT
    spool.close()
