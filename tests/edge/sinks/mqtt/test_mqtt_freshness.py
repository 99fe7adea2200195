"""The live topic carries only fresh readings; what was made during an outage goes to the backlog."""

import json

import pytest
from samples import make_observation
from waiting import wait_for

pytest.importorskip("paho.mqtt", reason="paho-mqtt is not installed")

from edge.sinks.mqtt import publisher, spool
from edge.sinks.mqtt.broker import BrokerConfig
from edge.sinks.mqtt.connection import Connection
from edge.sinks.mqtt.publisher import SpoolSender
from edge.sinks.mqtt.spool import FRESH_S, Spool
from edge.sinks.mqtt.topics import Topics

TOPICS = Topics("edge-emotion", "pi", "")


@pytest.fixture
def clock():
    """The monotonic clock as a list of one value, s, that a test can change."""
    return [1000.0]


@pytest.fixture
def aging_spool(tmp_path, clock, undo):
    spool = Spool(tmp_path / "queue", limit=1000, clock=lambda: clock[0])
    undo.callback(spool.close)
    return spool


@pytest.fixture
def connection(broker, undo):
    connection = undo.enter_context(Connection(BrokerConfig("127.0.0.1", broker.port, None, None, None), client_id="p"))
    connection.connect()
    return connection


def send_all(sender, connection, spool):
    while spool.waiting:
        sender.send()
        connection.step(1.0)
        sender.forget_acknowledged()


def test_fresh_and_old_messages_have_topics_of_their_own(aging_spool, clock, connection, broker, listen):
    """Each topic has its messages in order, and each message arrives once."""
    listener = listen(broker)
    for number in range(50):
        aging_spool.put([str(number).encode()])
    clock[0] += FRESH_S + 1
    for number in range(50, 60):
        aging_spool.put([str(number).encode()])
    send_all(SpoolSender(connection, aging_spool, TOPICS), connection, aging_spool)
    wait_for(lambda: len(listener.messages) == 60)
    assert listener.payloads("/backlog") == [str(number) for number in range(50)]
    assert listener.payloads("/reading") == [str(number) for number in range(50, 60)]


def test_a_long_backlog_delays_nothing_fresh(aging_spool, clock, connection, broker, listen):
    """A reading made while the backlog is sent overtakes the rest of it."""
    listener = listen(broker)
    aging_spool.put([b"old"] * 500)
    clock[0] += FRESH_S + 1
    sender = SpoolSender(connection, aging_spool, TOPICS)
    sender.send()
    aging_spool.put([b"new"])
    send_all(sender, connection, aging_spool)
    wait_for(lambda: len(listener.messages) == 501)
    payloads = [payload for _, payload, __ in listener.messages]
    assert payloads.index("new") < 100


def test_a_message_that_ages_while_it_waits_is_backlog(aging_spool, clock, connection, broker, listen):
    """A broker that acknowledges slowly makes messages wait; they are sent as what they are by then."""
    listener = listen(broker)
    aging_spool.put([b"slow"] * 30)
    sender = SpoolSender(connection, aging_spool, TOPICS)
    sender.send()
    clock[0] += FRESH_S + 1
    send_all(sender, connection, aging_spool)
    wait_for(lambda: len(listener.messages) == 30)
    assert (len(listener.payloads("/reading")), len(listener.payloads("/backlog"))) == (publisher.IN_FLIGHT, 14)


def test_messages_of_an_earlier_process_are_backlog(tmp_path, connection, broker, listen):
    """Nobody knows how long the machine was off meanwhile."""
    before = Spool(tmp_path / "queue", limit=100)
    before.put([b"before"])
    before.close()
    after = Spool(tmp_path / "queue", limit=100)
    after.put([b"after"])
    listener = listen(broker)
    send_all(SpoolSender(connection, after, TOPICS), connection, after)
    wait_for(lambda: len(listener.messages) == 2)
    assert (listener.payloads("/backlog"), listener.payloads("/reading")) == (["before"], ["after"])
    after.close()


def test_ages_take_no_memory_during_a_long_outage(aging_spool, clock):
    """Only when fresh messages were put is remembered."""
    for _ in range(100):
        aging_spool.put([b"x"])
        clock[0] += FRESH_S
    assert len(aging_spool._fresh) <= 2


def test_after_an_outage_the_live_topic_has_no_old_reading(
    lasting_broker, listen, new_settings, open_sink, monkeypatch
):
    """What an automation sees after an outage is what happens then; the rest is complete, in the backlog."""
    monkeypatch.setattr(publisher, "FIRST_WAIT_S", 0.05)
    monkeypatch.setattr(spool, "FRESH_S", 0.5)
    listener = listen(lasting_broker, clean_session=False)
    sink = open_sink(new_settings(lasting_broker))
    wait_for(lambda: sink._publisher._was_announced)
    lasting_broker.stop()
    wait_for(lambda: sink.error)
    for index in range(86):
        sink.write(make_observation(("happy", "sad")[index % 2], frame_index=index))
    newest = sink._spool._next - 1
    wait_for(lambda: sink._spool.fresh_from > newest)  # all of them are old by now
    lasting_broker.start()
    wait_for(lambda: not sink.error)
    sink.write(make_observation("angry", frame_index=86))
    wait_for(lambda: len(listener.readings()) == 87)
    assert [json.loads(text)["number"] for text in listener.payloads("/backlog")] == list(range(1, 87))
    assert [json.loads(text)["number"] for text in listener.payloads("/reading")] == [87]
