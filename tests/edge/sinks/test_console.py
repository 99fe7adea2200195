"""A person sees who is there: in a table on a terminal, in plain lines elsewhere."""

import io
import itertools

import pytest

from edge.records import Box, Observation, Reading
from edge.sinks import console, table
from edge.sinks.console import PlainLines, Rate
from edge.sinks.table import LiveTable


def observation(*emotions):
    readings = tuple(
        Reading(number, Box(10, 20, 50, 50), emotion, 0.8, {"happy": 0.8, "sad": 0.2}, 7, 0.0, 0.012)
        for number, emotion in enumerate(emotions, start=1)
    )
    return Observation(7, "camera", 0.0, 0.0, readings, tuple(reading.track_id for reading in readings))


@pytest.fixture
def seconds(monkeypatch):
    """A clock that moves on by two seconds at each look, in place of the real one."""
    ticks = itertools.count(0.0, 2.0)
    monkeypatch.setattr(console.time, "monotonic", lambda: next(ticks))
    monkeypatch.setattr(table.time, "monotonic", lambda: next(ticks))


@pytest.mark.usefixtures("seconds")
def test_a_plain_line_names_every_face():
    """Frame, rate, faces and their expressions stand in one line."""
    stream = io.StringIO()
    PlainLines(frames=lambda: 60, stream=stream).write(observation("happy", "uncertain"))
    (line,) = stream.getvalue().splitlines()
    assert "frame 7" in line
    assert "face 1 happy 80%" in line
    assert "face 2 uncertain" in line


@pytest.mark.usefixtures("seconds")
def test_a_plain_line_says_when_nobody_is_there():
    stream = io.StringIO()
    PlainLines(frames=lambda: 0, stream=stream).write(observation())
    assert "no face" in stream.getvalue()


def test_plain_lines_come_once_a_second():
    """A hundred frames at once make no line: the terminal and the journal are spared."""
    stream = io.StringIO()
    lines = PlainLines(frames=lambda: 0, stream=stream)
    for _ in range(100):
        lines.write(observation("happy"))
    assert stream.getvalue() == ""


@pytest.mark.usefixtures("seconds")
def test_the_table_shows_faces_title_and_hint():
    """What a person needs is on the screen: who, what, how sure, where the log is, how to quit."""
    stream = io.StringIO()
    shown = LiveTable("edge-emotion: camera", "log: readings.jsonl   q: quit", frames=lambda: 30, stream=stream)
    shown.write(observation("happy", "sad"))
    shown.close()
    for words in ("edge-emotion: camera", "happy", "sad", "80%", "10, 20", "50 px", "latency 12 ms", "q: quit"):
        assert words in stream.getvalue()


@pytest.mark.usefixtures("seconds")
def test_rate_is_frames_over_time():
    """Sixty frames in two seconds are thirty a second."""
    counts = iter([0, 60])
    assert Rate(lambda: next(counts))() == 30.0
