"""The log says what the README promises."""

import datetime
from dataclasses import replace

import pytest

from edge.records import Box, Counts, Observation, Reading
from edge.sinks.changes import Changes
from edge.sinks.jsonl import JsonLinesLog
from edge.sinks.lines import reading_lines

KEYS = ["time", "source", "frame", "track", "box", "emotion", "confidence", "probabilities", "latency_ms"]


def reading(track_id, emotion, *, frame=0, confidence=0.75):
    probabilities = {"happy": 0.75, "sad": 0.25}
    return Reading(track_id, Box(1, 2, 30, 40), emotion, confidence, probabilities, frame, 10.0, 0.0123)


def observation(frame, *readings, present=None):
    ids = tuple(item.track_id for item in readings) if present is None else present
    return Observation(frame, "clip.mp4", 10.0, frame / 10, readings, ids)


def events(changes, *observations):
    lines = [line for item in observations for line in changes.lines(item)]
    return [(line["event"], line.get("track"), line.get("emotion")) for line in lines]


def test_a_line_has_the_documented_keys_and_values():
    """Every key of the format, in order; the time is RFC 3339 in UTC."""
    (line,) = reading_lines(observation(7, reading(3, "happy", frame=7)), say_none=False)
    assert list(line) == KEYS
    moment = datetime.datetime.fromisoformat(line.pop("time"))
    assert moment.utcoffset() == datetime.timedelta(0)
    assert line == {
        "source": "clip.mp4",
        "frame": 7,
        "track": 3,
        "box": [1, 2, 30, 40],
        "emotion": "happy",
        "confidence": 0.75,
        "probabilities": {"happy": 0.75, "sad": 0.25},
        "latency_ms": 12.3,
    }


@pytest.mark.parametrize(("say_none", "count"), [(True, 1), (False, 0)])
def test_a_picture_without_a_face_has_a_line_of_its_own(say_none, count):
    """With `emotion` null; a video's empty frames have none."""
    lines = list(reading_lines(observation(0), say_none=say_none))
    assert len(lines) == count
    assert all(list(line) == KEYS and line["emotion"] is None for line in lines)


def test_changes_tells_appearance_change_and_leaving_once_each():
    """Ten frames of a face make three lines, and the last has the duration."""
    changes = Changes(summary_interval_s=60.0)
    emotions = ["happy"] * 5 + ["sad"] * 5
    told = events(changes, *(observation(frame, reading(1, name, frame=frame)) for frame, name in enumerate(emotions)))
    assert told == [("appeared", 1, "happy"), ("changed", 1, "sad")]
    (left,) = changes.lines(observation(12))
    assert (left["event"], left["track"], left["emotion"], left["duration_s"]) == ("left", 1, "sad", 0.9)


def test_a_face_missed_for_a_moment_has_not_left():
    """While its id is still present, nothing is said."""
    changes = Changes(summary_interval_s=60.0)
    told = events(
        changes,
        observation(0, reading(1, "happy")),
        observation(1, present=(1,)),
        observation(2, reading(1, "happy")),
    )
    assert told == [("appeared", 1, "happy")]


def test_leaving_is_told_even_when_frames_in_between_were_dropped():
    """The first observation that lacks the id is enough."""
    changes = Changes(summary_interval_s=60.0)
    told = events(changes, observation(0, reading(1, "happy")), observation(50, reading(2, "sad", frame=50)))
    assert told == [("appeared", 1, "happy"), ("left", 1, "happy"), ("appeared", 2, "sad")]


def test_those_still_there_leave_when_the_log_ends():
    """No appearance without a departure."""
    changes = Changes(summary_interval_s=60.0)
    events(changes, observation(0, reading(1, "happy"), reading(2, "sad")))
    assert [(line["event"], line["track"]) for line in changes.last_lines()] == [("left", 1), ("left", 2)]


def test_one_summary_an_interval():
    """Frames, the most faces at once, and each emotion's share; then counting begins anew."""
    changes = Changes(summary_interval_s=1.0)
    told = [
        line
        for frame in range(21)
        for line in changes.lines(observation(frame, reading(1, "happy" if frame < 10 else "sad", frame=frame)))
        if line["event"] == "summary"
    ]
    assert [(line["frames"], line["most_faces"]) for line in told] == [(11, 1), (10, 1)]
    assert told[0]["emotions"] == {"happy": 0.9091, "sad": 0.0909}
    assert told[1]["emotions"] == {"sad": 1.0}


def test_a_summary_tells_the_most_faces_at_once():
    """Two for a moment, then one: two were the most; in the next interval one."""
    changes = Changes(summary_interval_s=0.2)
    two = [reading(1, "happy"), reading(2, "sad")]
    told = [
        line["most_faces"]
        for frame, readings in enumerate([two, two[:1], two[:1], two[:1], two[:1]])
        for line in changes.lines(observation(frame, *readings, present=(1, 2)))
        if line["event"] == "summary"
    ]
    assert told == [2, 1]


def test_why_a_face_is_unclear_is_told_only_where_it_is():
    """A line of a clear face has no such key."""
    (clear,) = reading_lines(observation(0, reading(1, "happy")), say_none=False)
    unclear = replace(reading(1, "happy"), unclear="too dark")
    (line,) = reading_lines(observation(0, unclear), say_none=False)
    assert "unclear" not in clear
    assert line["unclear"] == "too dark"


def test_a_summary_without_faces():
    """An empty room is told, too, without a division by zero."""
    changes = Changes(summary_interval_s=0.1)
    lines = [line for frame in range(3) for line in changes.lines(observation(frame))]
    assert lines[0]["event"] == "summary"
    assert lines[0]["emotions"] == {}


COUNTED = Observation(
    1799, "camera", 10.0, 59.97, (), (), Counts(59.9666, 1800, 1700, 2, {"happy": 1500, "uncertain": 300})
)


def test_a_minutes_counts_are_a_line_without_a_face():
    """All that there is with `privacy.counts_only`; no frame, no track, no box, no confidence."""
    (line,) = reading_lines(COUNTED, say_none=True)
    assert line.pop("time").endswith("Z")
    assert line == {
        "event": "counts",
        "source": "camera",
        "duration_s": 60.0,
        "frames": 1800,
        "frames_with_face": 1700,
        "most_faces": 2,
        "emotions": {"happy": 1500, "uncertain": 300},
    }


@pytest.mark.parametrize("changes", [None, Changes(summary_interval_s=60.0)])
def test_the_log_has_counts_in_either_mode(tmp_path, changes):
    """The line of the minute and nothing else: not even a summary of the changes that it was not told."""
    log = JsonLinesLog(tmp_path / "log.jsonl", changes=changes, say_none=False)
    log.write(COUNTED)
    log.close()
    (line,) = (tmp_path / "log.jsonl").read_text().splitlines()
    assert '"event":"counts"' in line
