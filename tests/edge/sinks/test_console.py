"""A person sees who is there: in a table on a terminal, in plain lines elsewhere."""

import io
import itertools
import threading

import pytest

from edge.records import Box, Counts, Observation, Reading
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


def test_rate_counts_from_when_it_was_last_asked(monkeypatch):
    """Thirty frames in the first second, none in the second."""
    clock, counts = iter([0.0, 1.0, 2.0]), iter([0, 30, 30])
    monkeypatch.setattr(console.time, "monotonic", lambda: next(clock))
    rate = Rate(lambda: next(counts))
    assert [rate(), rate()] == [30.0, 0.0]


def test_rate_asked_twice_in_one_moment(monkeypatch):
    """A clock that has not moved is no division by zero."""
    monkeypatch.setattr(console.time, "monotonic", lambda: 5.0)
    assert Rate(lambda: 0)() == 0.0


def test_a_line_a_second_and_each_at_once(tmp_path, monkeypatch):
    """Of thirty frames a second the first of each second is told, and a reader sees it before the next is written."""
    seconds = [100.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: seconds[0])
    path = tmp_path / "journal"
    with path.open("w") as stream:
        lines = PlainLines(frames=lambda: 0, stream=stream)
        for frame in range(1, 91):
            seconds[0] = 100.0 + frame / 30
            lines.write(observation("happy"))
            assert len(path.read_text().splitlines()) == frame // 30
        lines.close()


def test_the_table_is_drawn_ten_times_a_second_at_most(monkeypatch):
    """Of two hundred frames in two seconds at most twenty are drawn, and the rate is measured once a second."""
    seconds, asked = [0.0], []
    monkeypatch.setenv("FORCE_COLOR", "1")  # so that it is drawn as on a terminal
    monkeypatch.setattr(table.time, "monotonic", lambda: seconds[0])
    stream = io.StringIO()
    shown = LiveTable("title", "hint", frames=lambda: asked.append(seconds[0]) or 0, stream=stream)
    drawn = 0
    for frame in range(1, 201):
        seconds[0] = frame / 100
        before = stream.tell()
        shown.write(observation("happy"))
        drawn += stream.tell() > before
    shown.close()
    assert 17 <= drawn <= 20
    assert 2 <= len(asked) <= 3


def test_the_table_is_drawn_by_the_sinks_own_thread():
    """Rich would start one more that draws on its own; ours alone decides when."""
    threads = threading.active_count()
    shown = LiveTable("title", "hint", frames=lambda: 0, stream=io.StringIO())
    assert threading.active_count() == threads
    shown.close()


@pytest.mark.usefixtures("seconds")
def test_an_empty_table_says_so_without_a_latency():
    """Nobody is there: no row, and no largest latency of none."""
    stream = io.StringIO()
    shown = LiveTable("title", "hint", frames=lambda: 0, stream=stream)
    shown.write(observation())
    shown.close()
    assert "latency 0 ms" in stream.getvalue()


@pytest.mark.usefixtures("seconds")
@pytest.mark.parametrize("sink", ["plain", "table"])
def test_a_minutes_counts_are_shown(sink):
    """With `privacy.counts_only` a person at the console sees what all others are told."""
    stream = io.StringIO()
    if sink == "plain":
        console_sink = PlainLines(frames=lambda: 60, stream=stream)
    else:
        console_sink = LiveTable("title", "hint", frames=lambda: 60, stream=stream)
    counts = Counts(60.0, 1800, 1800, 1, {"sad": 300, "happy": 1500})
    console_sink.write(Observation(1800, "camera", 0.0, 60.0, (), (), counts))
    console_sink.close()
    assert "in 60 s: happy 1500, sad 300" in stream.getvalue()
