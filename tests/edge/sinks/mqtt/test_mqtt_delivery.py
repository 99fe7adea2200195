"""Readings and the device's state arrive at a real broker, with the documented topics, payloads and retention."""

import json

import pytest
from samples import make_observation
from waiting import wait_for

pytest.importorskip("paho.mqtt", reason="paho-mqtt is not installed")

from device import LABELS

from edge.records import MinuteCounts
from edge.sinks.mqtt import publisher
from edge.sinks.mqtt.state import DeviceState, SlidingCounter
from edge.sinks.mqtt.topics import Topics

LONG_S = 3600.0
"""A state interval, and with it the time that shares cover, longer than any test, s."""


def test_readings_arrive_when_something_changes(broker, listen, new_settings, open_sink):
    """Only appearing, changing and leaving faces are published; ids are unique and numbers have no gap."""
    listener = listen(broker)
    sink = open_sink(new_settings(broker))
    for index, emotions in enumerate([("happy",), ("happy",), ("sad",), ("sad",), ()]):
        sink.write(make_observation(*emotions, frame_index=index))
    wait_for(lambda: len(listener.readings()) == 3)
    lines = listener.readings()
    assert [(line["event"], line["emotion"]) for line in lines] == [
        ("appeared", "happy"),
        ("changed", "sad"),
        ("left", "sad"),
    ]
    assert [line["number"] for line in lines] == [1, 2, 3]
    assert [line["id"] for line in lines] == [f"pi-{lines[0]['run']}-{number}" for number in (1, 2, 3)]
    assert {line["device"] for line in lines} == {"pi"}
    wait_for(lambda: ", 0 readings wait" in sink.note)
    assert sink.error == ""


def test_availability_and_state_are_retained(broker, listen, new_settings, open_sink, run_status):
    """A subscriber that comes later receives both at once, and a lost camera afterwards."""
    sink = open_sink(new_settings(broker, state_interval_s=LONG_S))
    sink.write(make_observation("happy", "happy", "sad", "uncertain"))
    run_status.change(faces=4, fps=12.5, temperature_c=51.5)
    early = listen(broker, name="early", topic="edge-emotion/pi/state")
    wait_for(lambda: early.states() and (early.states()[-1]["faces"], early.states()[-1]["dominant"]) == (4, "happy"))
    wait_for(lambda: not sink.stored)  # `online` and the readings are out
    late = listen(broker)
    wait_for(lambda: late.states() and late.payloads("/availability"))
    assert all(retained for _, __, retained in late.messages)
    state = late.states()[0]
    assert (state["state"], state["dominant"], state["uncertain"]) == ("running", "happy", 25.0)
    assert state["shares"] == {
        "angry": 0.0,
        "disgust": 0.0,
        "fear": 0.0,
        "happy": 50.0,
        "sad": 25.0,
        "surprise": 0.0,
        "neutral": 0.0,
    }
    assert (state["fps"], state["temperature_c"], state["problem"]) == (12.5, 51.5, "OFF")
    assert late.payloads("/availability") == ["online"]
    run_status.change(state="camera lost", camera_error="unplugged", faces=None, fps=0.0)
    wait_for(lambda: late.states()[-1]["problem"] == "ON")
    assert late.states()[-1]["camera_error"] == "unplugged"


def test_a_sink_that_is_closed_publishes_offline(broker, listen, new_settings, open_sink):
    """Subscribers do not have to wait for the Last Will when the run ends normally."""
    listener = listen(broker, topic="edge-emotion/pi/availability")
    sink = open_sink(new_settings(broker))
    wait_for(lambda: listener.payloads("/availability") == ["online"])
    sink.close()
    wait_for(lambda: listener.payloads("/availability") == ["online", "offline"])


def test_a_sink_that_is_closed_leaves_no_last_will(broker, listen, new_settings, open_sink):
    """The broker reads the farewell each time, also while its acknowledgements and the own state arrive."""
    listener = listen(broker, topic="edge-emotion/pi/availability")
    for cycle in range(1, 13):
        sink = open_sink(new_settings(broker))
        wait_for(lambda: "online" in listener.payloads("/availability")[2 * cycle - 2 :])  # noqa: B023  # used at once
        sink.write(make_observation("happy"))
        sink.close()
        wait_for(lambda: "offline" in listener.payloads("/availability")[2 * cycle - 1 :])  # noqa: B023  # used at once
    assert listener.payloads("/availability") == ["online", "offline"] * 12


@pytest.mark.parametrize("clock_set", [True, False])
def test_readings_are_marked_while_the_clock_is_not_set(broker, listen, new_settings, open_sink, clock_set):
    """While the clock is not set, as on a Pi that has just booted, readings are published with a mark."""
    listener = listen(broker)
    open_sink(new_settings(broker), clock_set=clock_set).write(make_observation("happy"))
    (line,) = wait_for(listener.readings)
    assert line.get("clock") == (None if clock_set else "unset")


def test_with_counts_only_a_minutes_counts_are_published(broker, listen, new_settings, open_sink, run_status):
    """The counts are one reading without any face, and the state's shares are computed from them."""
    listener = listen(broker)
    sink = open_sink(new_settings(broker))
    run_status.change(faces=2)
    counts = MinuteCounts(
        duration_s=60.0, frames=600, frames_with_face=400, most_faces=2, emotions={"happy": 300, "sad": 100}
    )
    sink.write(make_observation(frame_index=600, counts=counts))
    (line,) = wait_for(listener.readings)
    assert (line["event"], line["emotions"], line["number"]) == ("counts", {"happy": 300, "sad": 100}, 1)
    assert not {"track", "box", "probabilities"} & set(line)
    wait_for(lambda: listener.states()[-1]["dominant"] == "happy")
    assert listener.states()[-1]["shares"]["sad"] == 25.0


def test_with_counts_only_queued_readings_of_single_faces_are_deleted(
    broker, listen, new_settings, open_sink, tmp_path, caplog
):
    """What was queued before the setting was made is neither sent nor kept on disk; queued counts are."""
    broker.stop()
    sink = open_sink(new_settings(broker))
    sink.write(make_observation("happy"))
    counts = MinuteCounts(duration_s=60.0, frames=9, frames_with_face=9, most_faces=1, emotions={"happy": 9})
    sink.write(make_observation(counts=counts))
    sink.close()
    assert b'"box":' in b"".join(path.read_bytes() for path in tmp_path.glob("queue*"))
    sink = open_sink(new_settings(broker), counts_only=True)
    assert b'"box":' not in b"".join(path.read_bytes() for path in tmp_path.glob("queue*"))
    assert "queued readings of single faces deleted: privacy.counts_only is set" in caplog.text
    broker.start()
    listener = listen(broker)
    wait_for(lambda: not sink.stored)
    wait_for(listener.readings)
    assert [line["event"] for line in listener.readings()] == ["counts"]


def test_a_full_queue_drops_the_oldest_and_counts_them(lasting_broker, listen, new_settings, open_sink):
    """The sink's note names the count, and subscribers see the gap in the numbers."""
    listener = listen(lasting_broker, clean_session=False)
    lasting_broker.stop()
    sink = open_sink(new_settings(lasting_broker, queue_limit=10))
    for index in range(25):
        sink.write(make_observation(("happy", "sad")[index % 2], frame_index=index))
    assert (sink.stored, sink.lost) == (10, 15)
    assert sink.note.endswith("as pi, 10 readings wait, 15 dropped")
    lasting_broker.start()
    wait_for(lambda: len(listener.readings()) == 10)
    assert [line["number"] for line in listener.readings()] == list(range(16, 26))


@pytest.mark.parametrize("place", ["setting", "service", "user"])
def test_the_place_of_the_queue(broker, new_settings, open_sink, tmp_path, place):
    """The queue's file is the one in the settings, else in the service's state directory, else in the user's."""
    service, user = tmp_path / "service", tmp_path / "user"
    environment = {"XDG_STATE_HOME": str(user)} | ({"STATE_DIRECTORY": f"{service}:/other"} if place != "user" else {})
    open_sink(new_settings(broker, **({} if place == "setting" else {"queue": ""})), **environment)
    paths = {
        "setting": tmp_path / "queue.sqlite3",
        "service": service / "mqtt-queue.sqlite3",
        "user": user / "edge-emotion/mqtt-queue.sqlite3",
    }
    assert [name for name, path in paths.items() if path.exists()] == [place]


def test_the_state_is_published_again_without_a_change(broker, listen, new_settings, open_sink, monkeypatch):
    """Entities in Home Assistant would expire without a state."""
    monkeypatch.setattr(publisher, "STATE_CHECK_S", 0.1)
    listener = listen(broker, topic="edge-emotion/pi/state")
    open_sink(new_settings(broker, state_interval_s=1.0))
    wait_for(lambda: len(listener.states()) >= 3)
    assert len({json.dumps(state | {"time": ""}) for state in listener.states()}) == 1


def test_a_state_is_due_after_its_interval_or_a_change(run_status):
    """Between the two nothing is published, however often the publisher asks."""
    now_s = 1000.0
    topics = Topics("edge-emotion", "pi", "")
    state = DeviceState(topics, describe=None, labels=LABELS, status=run_status, interval_s=10.0, clock=lambda: now_s)
    assert [message.topic for message in state.birth_messages()] == [topics.state, topics.availability]
    now_s += 9.9
    assert state.due_message() is None
    now_s += 0.1
    assert state.due_message().topic == topics.state
    assert state.due_message() is None
    run_status.change(state="stalled")
    assert state.due_message().retain
    assert state.due_message() is None


def test_emotions_are_counted_over_a_sliding_window():
    """Emotions older than the window no longer count."""
    now_s = 100.0
    recent = SlidingCounter(10.0, clock=lambda: now_s)
    recent.add(["happy", "sad"])
    now_s += 5.0
    recent.add(["happy"])
    assert recent.counts() == {"happy": 2, "sad": 1}
    now_s += 7.0
    assert recent.counts() == {"happy": 1}
    now_s += 10.0
    assert recent.counts() == {}


def test_what_is_queued_at_the_end_is_sent_after_the_next_start(broker, listen, new_settings, open_sink):
    """Readings still queued at the end arrive after the next start, including the `left` of a visible face."""
    broker.stop()
    sink = open_sink(new_settings(broker))
    sink.write(make_observation("happy"))
    sink.close()
    broker.start()
    listener = listen(broker)
    open_sink(new_settings(broker))
    wait_for(lambda: len(listener.readings()) == 2)
    assert [line["event"] for line in listener.readings()] == ["appeared", "left"]
