"""A log of changes tells of the run itself: its ends, times without a picture, a clock that was set."""

import json

import pytest

from edge import __version__
from edge.records import Observation
from edge.sinks import clock_mark, course
from edge.sinks.changes import Changes
from edge.sinks.clock_mark import LOOK_S, ClockMark
from edge.sinks.course import GAP_S, Course
from edge.sinks.jsonl import JsonLinesLog


def observation(captured_at):
    return Observation(0, "camera", captured_at, captured_at, (), ())


def events(lines):
    return [(line["event"], line.get("duration_s", line.get("stepped_s"))) for line in lines]


@pytest.fixture
def offset(monkeypatch):
    """The wall clock against the other: `offset[0]`, s."""
    seconds = [0.0]
    monkeypatch.setattr(course, "_clock_offset_s", lambda: seconds[0])
    return seconds


@pytest.mark.usefixtures("offset")
def test_a_run_has_a_start_and_an_end():
    """With the version that wrote it; a run without a single frame has neither."""
    told = Course()
    assert list(told.last_lines()) == []
    (started,) = told.lines(observation(5.0))
    assert (started["event"], started["source"], started["version"]) == ("started", "camera", __version__)
    assert events(told.last_lines()) == [("stopped", None)]


@pytest.mark.usefixtures("offset")
def test_a_time_without_frames_is_told_when_it_is_over():
    """A lost camera; what is shorter is none."""
    told = Course()
    list(told.lines(observation(0.0)))
    assert events(told.lines(observation(GAP_S - 0.1))) == []
    assert events(told.lines(observation(GAP_S + 300.0))) == [("gap", 300.1)]
    assert events(told.lines(observation(GAP_S + 300.1))) == []


def test_a_clock_that_is_set_is_told_once(offset):
    """Years in one step, as on a Pi that was off; a drift of seconds is nothing."""
    told = Course()
    list(told.lines(observation(0.0)))
    offset[0] = 30.0
    assert events(told.lines(observation(0.1))) == []
    offset[0] = 94_608_000.0
    assert events(told.lines(observation(0.2))) == [("clock", 94_608_000.0)]
    assert events(told.lines(observation(0.3))) == []


def test_lines_say_that_the_clock_is_not_set(tmp_path, monkeypatch, caplog):
    """Each of them, until it is set; and it is logged when it begins and when it ends."""
    seconds, is_set = [100.0], [False]
    monkeypatch.setattr(clock_mark.time, "monotonic", lambda: seconds[0])
    log = JsonLinesLog(
        tmp_path / "log.jsonl", changes=Changes(summary_interval_s=1.0), say_none=False, is_clock_set=lambda: is_set[0]
    )
    log.write(observation(0.0))
    assert "not set yet" in log.clock_error
    is_set[0] = True
    seconds[0] += LOOK_S
    log.write(observation(2.0))
    assert log.clock_error == ""
    log.close()
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [(line["event"], line.get("clock")) for line in lines] == [
        ("started", "unset"),
        ("summary", None),
        ("stopped", None),
    ]
    assert caplog.messages == ["the clock is not set yet: the log's times may be wrong", "the clock is set now"]


def test_the_clock_is_not_asked_about_with_each_line(monkeypatch):
    """A thousand lines a second are no reason to look a thousand times."""
    asked, seconds = [], [100.0]
    monkeypatch.setattr(clock_mark.time, "monotonic", lambda: seconds[0])
    mark = ClockMark(lambda: asked.append(1) is None)
    for _ in range(1000):
        mark()
    assert len(asked) == 1
