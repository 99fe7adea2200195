"""A log of events reports what happens to faces and to the run, and summarizes the rest."""

from dataclasses import replace

import pytest
from samples import make_observation, make_reading

from edge import __version__
from edge.device.run_clock import RunClock
from edge.sinks.log import events as events_module
from edge.sinks.log.events import GAP_S, ChangeEvents, PictureEvents, RunEvents


def observation(frame, *faces, present=None):
    """Return the observation of a frame in a video with ten frames per second."""
    return make_observation(*faces, frame_index=frame, media_time_s=frame / 10, present=present)


def face_events(changes, *observations):
    lines = [line for item in observations for line in changes.lines(item)]
    return [(line["event"], line.get("track"), line.get("emotion")) for line in lines]


def run_events(lines):
    return [(line["event"], line.get("duration_s", line.get("stepped_s"))) for line in lines]


def summaries(changes, *observations):
    lines = [line for item in observations for line in changes.lines(item)]
    return [line for line in lines if line["event"] == "summary"]


@pytest.fixture
def clock_offset(monkeypatch):
    """The difference between wall clock and monotonic clock: `clock_offset[0]`, s."""
    seconds = [0.0]
    monkeypatch.setattr(events_module, "_clock_offset_s", lambda: seconds[0])
    return seconds


def test_a_face_appears_changes_and_leaves_once():
    """Ten frames of a face give three lines, the last one with the duration."""
    changes = ChangeEvents(summary_interval_s=60.0)
    emotions = ["happy"] * 5 + ["sad"] * 5
    found = face_events(changes, *(observation(frame, emotion) for frame, emotion in enumerate(emotions)))
    assert found == [("appeared", 1, "happy"), ("changed", 1, "sad")]
    (left,) = changes.lines(observation(12))
    assert (left["event"], left["track"], left["emotion"], left["duration_s"]) == ("left", 1, "sad", 0.9)


def test_a_face_missed_for_a_moment_has_not_left():
    """While the track is present without a reading, there is no event."""
    changes = ChangeEvents(summary_interval_s=60.0)
    found = face_events(changes, observation(0, "happy"), observation(1, present=(1,)), observation(2, "happy"))
    assert found == [("appeared", 1, "happy")]


def test_a_face_leaves_even_if_frames_in_between_were_dropped():
    """The first observation without the track reports that it left."""
    changes = ChangeEvents(summary_interval_s=60.0)
    found = face_events(changes, observation(0, "happy"), observation(50, make_reading("sad", track_id=2)))
    assert found == [("appeared", 1, "happy"), ("left", 1, "happy"), ("appeared", 2, "sad")]


def test_visible_faces_leave_when_the_log_ends():
    """Each `appeared` has its `left`."""
    changes = ChangeEvents(summary_interval_s=60.0)
    face_events(changes, observation(0, "happy", "sad"))
    assert [(line["event"], line["track"]) for line in changes.last_lines()] == [("left", 1), ("left", 2)]


def test_each_interval_has_one_summary():
    """A summary has the frames, the most faces at once and the share of each emotion, counted since the last one."""
    changes = ChangeEvents(summary_interval_s=1.0)
    found = summaries(changes, *(observation(frame, "happy" if frame < 10 else "sad") for frame in range(21)))
    assert [(line["frames"], line["most_faces"]) for line in found] == [(11, 1), (10, 1)]
    assert found[0]["emotions"] == {"happy": 0.9091, "sad": 0.0909}
    assert found[1]["emotions"] == {"sad": 1.0}


def test_a_summary_has_the_most_faces_at_once():
    """Two faces for one frame and then one: the most are two in this interval and one in the next."""
    changes = ChangeEvents(summary_interval_s=0.2)
    faces = [("happy", "sad"), ("happy",), ("happy",), ("happy",), ("happy",)]
    found = summaries(changes, *(observation(frame, *names, present=(1, 2)) for frame, names in enumerate(faces)))
    assert [line["most_faces"] for line in found] == [2, 1]


def test_a_summary_without_faces_has_no_emotions():
    """An empty room is summarized as well, without a division by zero."""
    found = summaries(ChangeEvents(summary_interval_s=0.1), *map(observation, range(3)))
    assert found[0]["emotions"] == {}


def test_a_summary_contains_the_state_of_the_machine():
    """The machine is described once per summary, not once per frame."""
    calls = []

    def describe():
        calls.append(None)
        return {"temperature_c": 51.5, "throttled": ["under-voltage"]}

    changes = ChangeEvents(summary_interval_s=1.0, describe_machine=describe)
    (summary,) = summaries(changes, *map(observation, range(11)))
    assert (summary["temperature_c"], summary["throttled"]) == (51.5, ["under-voltage"])
    assert len(calls) == 1


@pytest.mark.usefixtures("clock_offset")
def test_a_run_has_a_start_and_an_end():
    """The start has the version and the run's facts; a run without a single frame has neither start nor end."""
    run = RunEvents({"model": "edge_small"})
    assert list(run.last_lines()) == []
    (started,) = run.lines(make_observation(captured_at=5.0))
    assert (started["event"], started["source"], started["version"]) == ("started", "camera", __version__)
    assert started["model"] == "edge_small"
    assert run_events(run.last_lines()) == [("stopped", None)]


@pytest.mark.usefixtures("clock_offset")
def test_a_gap_is_reported_when_it_is_over():
    """A time without frames that is as long as a lost camera is a gap, a shorter one is not."""
    run = RunEvents()
    list(run.lines(make_observation(captured_at=0.0)))
    assert run_events(run.lines(make_observation(captured_at=GAP_S - 0.1))) == []
    assert run_events(run.lines(make_observation(captured_at=GAP_S + 300.0))) == [("gap", 300.1)]
    assert run_events(run.lines(make_observation(captured_at=GAP_S + 300.1))) == []


@pytest.mark.usefixtures("clock_offset")
@pytest.mark.parametrize(("paused_s", "reason"), [(0.0, "camera"), (15.0, "camera"), (28.0, "paused")])
@pytest.mark.parametrize("is_noticed", [False, True])
def test_a_gap_has_its_reason(paused_s, reason, is_noticed):
    """If the process itself was paused for so long that the camera was silent for less than a gap, it is not blamed."""
    seconds = [1000.0]
    clock = RunClock(lambda: seconds[0])
    clock.tick()
    run = RunEvents(clock=clock)
    list(run.lines(make_observation(captured_at=seconds[0])))
    for _ in range(round(30.0 - paused_s)):
        seconds[0] += 1.0
        clock.tick()
    seconds[0] += paused_s  # the log may get the first frame before the main thread has noticed the pause
    if is_noticed:
        clock.tick()
    list(run.lines(make_observation(captured_at=1000.0)))  # of before the pause: it ends the faces
    (gap,) = run.lines(make_observation(captured_at=seconds[0]))
    assert (gap["event"], gap["duration_s"], gap["reason"]) == ("gap", 30.0, reason)


def test_a_picture_fault_is_reported_when_it_begins_and_ends():
    """Each change of the fault is a line; the end of one has its duration."""
    picture = PictureEvents()
    found = []
    for second, fault in enumerate([None, None, "frozen", "frozen", "frozen", "dark", None, None]):
        item = replace(make_observation(captured_at=float(second)), picture_fault=fault)
        found += [(line["event"], line["fault"], line.get("duration_s")) for line in picture.lines(item)]
    assert found == [("picture", "frozen", None), ("picture", "dark", 3.0), ("picture", None, 1.0)]


def test_a_step_of_the_clock_is_reported_once(clock_offset):
    """A step by years, as on a Pi that was off, is an event; a drift by seconds is not."""
    run = RunEvents()
    list(run.lines(make_observation()))
    clock_offset[0] = 30.0
    assert run_events(run.lines(make_observation())) == []
    clock_offset[0] = 94_608_000.0
    assert run_events(run.lines(make_observation())) == [("clock", 94_608_000.0)]
    assert run_events(run.lines(make_observation())) == []
