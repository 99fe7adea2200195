"""The lines of the log have the keys and values that docs/log.md documents."""

import datetime

import pytest
from samples import make_observation, make_reading

from edge.records import Box, MinuteCounts, TimeLine
from edge.sinks.log.events import ChangeEvents, RunEvents
from edge.sinks.log.lines import reading_lines

KEYS = ["time", "source", "frame", "track", "box", "emotion", "confidence", "probabilities", "latency_ms"]


def test_a_line_has_the_documented_keys_and_values():
    """Every key of the format is present, in order; the time is RFC 3339 in UTC."""
    reading = make_reading(
        "happy",
        track_id=3,
        box=Box(1, 2, 30, 40),
        confidence=0.75,
        probabilities={"happy": 0.75, "sad": 0.25},
        latency_s=0.0123,
    )
    (line,) = reading_lines(make_observation(reading, frame_index=7, source="clip.mp4"), include_empty=False)
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


@pytest.mark.parametrize(("include_empty", "count"), [(True, 1), (False, 0)])
def test_a_frame_without_a_face_has_a_line_on_request(include_empty, count):
    """A still image without a face has a line with `emotion` null; an empty frame of a video has none."""
    lines = list(reading_lines(make_observation(), include_empty=include_empty))
    assert len(lines) == count
    assert all(list(line) == KEYS and line["emotion"] is None for line in lines)


def test_only_an_unclear_face_has_the_key_unclear():
    """The reason why there is no newer prediction is logged; the line of a clear face lacks the key."""
    (clear,) = reading_lines(make_observation("happy"), include_empty=False)
    (unclear,) = reading_lines(make_observation(make_reading("happy", unclear="too dark")), include_empty=False)
    assert "unclear" not in clear
    assert unclear["unclear"] == "too dark"


@pytest.mark.parametrize(
    ("time_line", "fields"),
    [(TimeLine.CLOCK, {}), (TimeLine.MEDIA, {"media_time_s": 5.12}), (TimeLine.NONE, {"media_time_s": None})],
)
def test_a_file_has_its_own_time(time_line, fields):
    """A video's line has its position, a picture's line null, a camera's line no such key."""
    seen = make_observation("happy", media_time_s=5.12, time_line=time_line)
    empty = make_observation(media_time_s=5.12, time_line=time_line)
    counts = make_observation(media_time_s=5.12, time_line=time_line, counts=MinuteCounts(60, 9, 9, 1, {"happy": 9}))
    changes, run = ChangeEvents(summary_interval_s=0.0), RunEvents()
    lines = [line for item in (seen, empty, counts) for line in reading_lines(item, include_empty=True)]
    lines += [line for item in (seen, empty) for line in (*run.lines(item), *changes.lines(item))] + [*run.last_lines()]
    assert [line.get("event") for line in lines[3:]] == ["started", "appeared", "summary", "left", "summary", "stopped"]
    assert [{"media_time_s": line["media_time_s"]} if "media_time_s" in line else {} for line in lines] == [fields] * 9


def test_counts_of_a_minute_are_one_line_without_a_face():
    """With `privacy.counts_only` the line has no frame, track, box or confidence."""
    counts = MinuteCounts(59.9666, 1800, 1700, 2, {"happy": 1500, "uncertain": 300})
    (line,) = reading_lines(make_observation(counts=counts), include_empty=True)
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
