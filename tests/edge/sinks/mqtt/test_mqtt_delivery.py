"""Readings arrive at a real broker, in order, once each by their ids, whatever happens to the broker in between."""

import json
from datetime import datetime
from itertools import pairwise

import pytest
from mosquitto import wait_for

pytest.importorskip("paho.mqtt", reason="paho-mqtt is not installed: pip install '.[mqtt]' in the project's folder")

from edge.records import Counts, Observation


def test_readings_arrive_when_something_changes(broker, listen, new_settings, open_sink, seen):
    """Who comes, changes and leaves; not each frame. Each has an id, and the numbers count on."""
    listener = listen(broker)
    sink = open_sink(new_settings(broker))
    for index, emotions in enumerate([("happy",), ("happy",), ("sad",), ("sad",), ()]):
        sink.write(seen(index, *emotions))
    wait_for(lambda: len(listener.readings()) == 3)
    said = listener.readings()
    assert [(line["event"], line["emotion"]) for line in said] == [
        ("appeared", "happy"),
        ("changed", "sad"),
        ("left", "sad"),
    ]
    assert [line["number"] for line in said] == [1, 2, 3]
    assert [line["id"] for line in said] == [f"pi-{said[0]['run']}-{number}" for number in (1, 2, 3)]
    assert {line["device"] for line in said} == {"pi"}
    wait_for(lambda: ", 0 readings wait" in sink.note)
    assert sink.error == ""


def test_availability_and_state_are_retained(broker, listen, new_settings, open_sink, seen, world):
    """A listener that comes later knows at once that the device is there and how it is."""
    sink = open_sink(new_settings(broker))
    sink.write(seen(0, "happy", "happy", "sad", "uncertain"))
    world.change(faces=4)
    early = listen(broker, name="early", topic="edge-emotion/pi/state")
    wait_for(lambda: early.on("/state") and json.loads(early.on("/state")[-1])["faces"] == 4)
    late = listen(broker)
    wait_for(lambda: late.on("/state") and late.on("/availability"))
    assert all(retained for _, __, retained in late.messages)
    state = json.loads(late.on("/state")[0])
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
    assert late.on("/availability") == ["online"]
    world.change(state="camera lost", camera_error="unplugged", faces=0, fps=0.0)
    wait_for(lambda: json.loads(late.on("/state")[-1])["problem"] == "ON")
    assert json.loads(late.on("/state")[-1])["camera_error"] == "unplugged"


def test_the_last_will_is_told_when_the_device_is_gone(broker, listen, new_settings, open_sink):
    """A closed sink says goodbye itself."""
    listener = listen(broker, topic="edge-emotion/pi/availability")
    sink = open_sink(new_settings(broker))
    wait_for(lambda: listener.on("/availability") == ["online"])
    sink.close()
    wait_for(lambda: listener.on("/availability") == ["online", "offline"])


@pytest.mark.parametrize("clock_set", [True, False])
def test_a_time_that_cannot_be_believed_is_marked(broker, listen, new_settings, open_sink, seen, clock_set):
    """A Pi that has just started knows no time: the reading goes out all the same, and says so."""
    listener = listen(broker)
    open_sink(new_settings(broker), clock_set=clock_set).write(seen(0, "happy"))
    (line,) = wait_for(listener.readings)
    assert line.get("clock") == (None if clock_set else "unset")


def test_where_only_counts_may_be_told(broker, listen, new_settings, open_sink, world):
    """A minute's counts are a reading, and the shares are that minute's until the next."""
    listener = listen(broker)
    sink = open_sink(new_settings(broker))
    world.change(faces=2)
    counts = Counts(
        duration_s=60.0, frames=600, frames_with_face=400, most_faces=2, emotions={"happy": 300, "sad": 100}
    )
    sink.write(Observation(600, "a camera", 60.0, 60.0, (), (), counts))
    (line,) = wait_for(listener.readings)
    assert (line["event"], line["emotions"], line["number"]) == ("counts", {"happy": 300, "sad": 100}, 1)
    assert not {"track", "box", "probabilities"} & set(line)
    wait_for(lambda: json.loads(listener.on("/state")[-1])["dominant"] == "happy")
    assert json.loads(listener.on("/state")[-1])["shares"]["sad"] == 25.0


def test_a_full_queue_drops_the_oldest_and_counts_them(lasting_broker, listen, new_settings, open_sink, seen):
    """The count is told, and the gap is to be seen in the numbers."""
    listener = listen(lasting_broker, clean_session=False)
    lasting_broker.stop()
    sink = open_sink(new_settings(lasting_broker, queue_limit=10))
    for index in range(25):
        sink.write(seen(index, ("happy", "sad")[index % 2]))
    assert (sink.stored, sink.lost) == (10, 15)
    assert sink.note.endswith("as pi, 10 readings wait, 15 dropped")
    lasting_broker.start()
    wait_for(lambda: len(listener.readings()) == 10)
    assert [line["number"] for line in listener.readings()] == list(range(16, 26))


@pytest.mark.parametrize("place", ["setting", "service", "user"])
def test_where_the_queue_is(broker, new_settings, open_sink, tmp_path, place):
    """As the setting says, else in the service's state directory, else in the user's."""
    service, user = tmp_path / "service", tmp_path / "user"
    environment = {"XDG_STATE_HOME": str(user)} | ({"STATE_DIRECTORY": f"{service}:/other"} if place != "user" else {})
    open_sink(new_settings(broker, **({} if place == "setting" else {"queue": ""})), **environment)
    found = {
        "setting": tmp_path / "queue.sqlite3",
        "service": service / "mqtt-queue.sqlite3",
        "user": user / "edge-emotion/mqtt-queue.sqlite3",
    }
    assert [name for name, path in found.items() if path.exists()] == [place]


def test_the_state_is_told_again_and_again(broker, listen, new_settings, open_sink):
    """Else it would expire; no more often than it has to."""
    listener = listen(broker, topic="edge-emotion/pi/state")
    open_sink(new_settings(broker, state_interval_s=1.0))
    wait_for(lambda: len(listener.on("/state")) >= 3)
    times = [datetime.fromisoformat(json.loads(payload)["time"]) for payload in listener.on("/state")[:3]]
    assert all((later - earlier).total_seconds() > 0.9 for earlier, later in pairwise(times))


def test_what_waits_at_the_end_is_sent_at_the_next_start(broker, listen, new_settings, open_sink, seen):
    """The line of the face that was still there included."""
    broker.stop()
    sink = open_sink(new_settings(broker))
    sink.write(seen(0, "happy"))
    sink.close()
    broker.start()
    listener = listen(broker)
    open_sink(new_settings(broker))
    wait_for(lambda: len(listener.readings()) == 2)
    assert [line["event"] for line in listener.readings()] == ["appeared", "left"]
