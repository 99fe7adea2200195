"""The published state never says more than is known, and counts only once it is the present one."""

import json

import pytest
from device import LABELS
from samples import FACE, make_observation, make_reading
from waiting import wait_for

pytest.importorskip("paho.mqtt", reason="paho-mqtt is not installed")

from edge.records import Box, MinuteCounts
from edge.sinks.mqtt.state import DeviceState
from edge.sinks.mqtt.topics import Topics

LONG_S = 3600.0
"""A state interval, and with it the time that shares cover, longer than any test, s."""

UNKNOWN = {"faces": None, "emotion": None, "dominant": None, "uncertain": None}
"""The values that are unknown while there are no frames."""


@pytest.fixture
def state(run_status):
    """A device's state, without a broker."""
    topics = Topics("edge-emotion", "pi", "")
    return DeviceState(topics, describe=None, labels=LABELS, status=run_status, interval_s=10.0, run="this")


def newest(state):
    """Return the state that is published now."""
    return json.loads(state.birth_messages()[0].payload)


def shown(messages):
    """Return the states that subscribers took for the present one: those received while the device was online."""
    is_online, last, states = False, None, []
    for topic, payload, _ in messages:
        if topic.endswith("/availability"):
            is_online = payload == "online"
        elif topic.endswith("/state"):
            last = json.loads(payload)
        if is_online and last is not None and last not in states:
            states.append(last)
    return states


def test_a_restart_never_revives_the_state_from_before_a_crash(broker, listen, new_settings, open_sink, run_status):
    """The broker has kept the state of a process that was killed; nobody takes it for that of the next one."""
    listener = listen(broker)
    listener.publish("edge-emotion/pi/state", '{"run": "killed", "faces": 1, "dominant": "happy"}', retain=True)
    listener.publish("edge-emotion/pi/availability", "offline", retain=True)
    run_status.change(state="starting", faces=None, fps=None)
    open_sink(new_settings(broker))
    wait_for(lambda: listener.payloads("/availability")[-1] == "online")
    wait_for(lambda: shown(listener.messages))
    assert all(state["run"] != "killed" for state in shown(listener.messages))
    assert shown(listener.messages)[0] | UNKNOWN == shown(listener.messages)[0]


def test_the_state_is_published_before_discovery_and_availability(broker, listen, new_settings, open_sink):
    """Home Assistant subscribes to the state when it receives the discovery message: the new one is there by then."""
    listener = listen(broker)
    open_sink(new_settings(broker))
    wait_for(lambda: listener.payloads("/availability"))
    kinds = [topic.rpartition("/")[2] for topic, *_ in listener.messages]
    assert kinds[: kinds.index("availability") + 1] == ["state", "config", "availability"]
    listener.publish("homeassistant/status", "online")
    wait_for(lambda: len(listener.payloads("/availability")) == 2)
    kinds = [topic.rpartition("/")[2] for topic, *_ in listener.messages if topic != "homeassistant/status"]
    assert kinds[-3:] == ["state", "config", "availability"]


def test_an_orderly_restart_reports_no_camera_problem(broker, listen, new_settings, open_sink, run_status):
    """Neither stopping nor starting is a problem; the last state has no value from before."""
    listener = listen(broker)
    sink = open_sink(new_settings(broker))
    sink.write(make_observation("happy"))
    wait_for(lambda: listener.states() and listener.states()[-1]["emotion"] == "happy")
    sink.close()
    wait_for(lambda: listener.payloads("/availability")[-1] == "offline")
    last = listener.states()[-1]
    assert (last["state"], last | UNKNOWN) == ("stopping", last)
    kinds = [topic.rpartition("/")[2] for topic, *_ in listener.messages]
    assert [kind for kind in kinds if kind in {"state", "availability"}][-2:] == ["state", "availability"]
    run_status.change(state="starting", faces=None, fps=None)
    count = len(listener.states())
    open_sink(new_settings(broker))
    wait_for(lambda: len(listener.states()) > count)
    run_status.change(faces=0)
    wait_for(lambda: listener.states()[-1]["state"] == "running")
    assert {state["problem"] for state in listener.states()} == {"OFF"}


@pytest.mark.parametrize("kind", ["camera lost", "stalled"])
def test_values_of_a_lost_camera_are_unknown(broker, listen, new_settings, open_sink, run_status, kind):
    """`faces: 0` would say that the room is empty. After the loss nothing comes back from before it."""
    listener = listen(broker)
    sink = open_sink(new_settings(broker, state_interval_s=LONG_S))
    sink.write(make_observation("happy"))
    wait_for(lambda: listener.states() and listener.states()[-1]["dominant"] == "happy")
    run_status.change(state=kind, camera_error="unplugged", faces=None, fps=0.0)
    wait_for(lambda: listener.states()[-1]["problem"] == "ON")
    lost = listener.states()[-1]
    assert lost | UNKNOWN == lost
    assert set(lost["shares"].values()) == {None}
    run_status.change(faces=0)
    wait_for(lambda: listener.states()[-1]["problem"] == "OFF")
    back = listener.states()[-1]
    assert (back["faces"], back["emotion"], back["dominant"], back["shares"]["happy"]) == (0, "none", "none", None)


def test_nobody_has_no_emotion(state, run_status):
    """Once the last face has left, both emotions are `none` at once, though its readings still count for the shares."""
    state.add(make_observation("happy", "happy"))
    run_status.change(faces=2)
    assert (newest(state)["emotion"], newest(state)["dominant"]) == ("happy", "happy")
    state.add(make_observation())
    run_status.change(faces=0)
    assert (newest(state)["emotion"], newest(state)["dominant"]) == ("none", "none")
    assert newest(state)["shares"]["happy"] == 100.0
    assert state.due_message() is None  # nothing changes any more until a face appears


def test_the_emotion_now_is_that_of_the_newest_frame(state):
    """`emotion` changes with the newest frame, `dominant` with most of the last ten seconds' readings."""
    for _ in range(3):
        state.add(make_observation("sad"))
    state.add(make_observation("happy"))
    assert (newest(state)["emotion"], newest(state)["dominant"]) == ("happy", "sad")


def test_of_several_faces_the_most_frequent_emotion_counts_then_the_nearest_face(state):
    """Two of three faces decide; of two faces the larger one does."""
    near = Box(0, 0, 2 * FACE.w, 2 * FACE.h)
    state.add(make_observation("sad", make_reading("happy", track_id=2, box=near)))
    assert newest(state)["emotion"] == "happy"
    state.add(make_observation("sad", "sad", make_reading("happy", track_id=3, box=near)))
    assert newest(state)["emotion"] == "sad"


def test_a_minutes_counts_are_forgotten_with_the_camera(state, run_status):
    """With `counts_only`, too, a lost camera has no shares, and none from before once it is back."""
    counts = MinuteCounts(duration_s=60.0, frames=9, frames_with_face=9, most_faces=1, emotions={"happy": 9})
    state.add(make_observation(counts=counts))
    assert (newest(state)["dominant"], newest(state)["shares"]["happy"]) == ("happy", 100.0)
    run_status.change(state="camera lost", faces=None)
    assert newest(state)["shares"]["happy"] is None
    run_status.change(faces=None)
    assert (newest(state)["dominant"], newest(state)["shares"]["happy"]) == (None, None)


def test_the_broker_deletes_a_state_that_nobody_renews(broker, listen, new_settings, open_sink):
    """After a power cut of device and broker, the state that the broker has kept does not pass for the present one."""
    from paho.mqtt.client import MQTTv5  # noqa: PLC0415  # after importorskip

    sink = open_sink(new_settings(broker, state_interval_s=20.0))
    wait_for(lambda: sink._publisher._was_announced)
    listener = listen(broker, topic="edge-emotion/pi/state", protocol=MQTTv5)
    wait_for(listener.states)
    assert listener.expiries[0] == pytest.approx(120, abs=60)
