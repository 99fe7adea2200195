"""Readings arrive at a real broker, in order, once each by their ids, whatever happens to the broker in between."""

import json

import pytest
from mosquitto import wait_for

pytest.importorskip("paho.mqtt", reason="paho-mqtt is not installed: pip install 'edge-emotion[mqtt]'")


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
    early = listen(broker, topic="edge-emotion/pi/state")
    wait_for(lambda: early.on("/state") and json.loads(early.on("/state")[-1])["faces"] == 4)
    early.close()
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
