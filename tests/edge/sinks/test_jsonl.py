"""The log file is appended to, written whole, and its faults are named."""

import contextlib
import errno
import json
import os
import resource
from pathlib import Path

import pytest

from edge.errors import SinkError
from edge.records import Box, Observation, Reading
from edge.sinks import lines_file
from edge.sinks.changes import Changes
from edge.sinks.jsonl import JsonLinesLog
from edge.sinks.lines_file import FLUSH_INTERVAL_S


def observation(frame):
    reading = Reading(1, Box(0, 0, 50, 50), "happy", 0.8, {"happy": 0.8, "sad": 0.2}, frame, 0.0, 0.01)
    return Observation(frame, "clip.mp4", 0.0, frame / 30, (reading,), (1,))


@pytest.fixture
def clock(monkeypatch):
    """A clock that is set by hand: `clock[0]`, s."""
    seconds = [100.0]
    monkeypatch.setattr(lines_file.time, "monotonic", lambda: seconds[0])
    return seconds


@contextlib.contextmanager
def largest_file(size):
    """Limit how large a file may become, bytes. Only in the block: the report of the tests may go to a file, too."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_reading_is_there_after_closing(tmp_path):
    """A hundred observations are a hundred lines, in order; the folder is made."""
    path = tmp_path / "new" / "log.jsonl"
    log = JsonLinesLog(path, changes=None, say_none=False)
    for frame in range(100):
        log.write(observation(frame))
    log.close()
    assert [line["frame"] for line in lines_of(path)] == list(range(100))


def test_a_log_is_appended_to(tmp_path):
    """An earlier run's lines stay."""
    path = tmp_path / "log.jsonl"
    path.write_text('{"earlier":true}\n')
    log = JsonLinesLog(path, changes=None, say_none=False)
    log.write(observation(0))
    log.close()
    first, second = lines_of(path)
    assert first == {"earlier": True}
    assert second["frame"] == 0


def test_closing_writes_the_last_changes(tmp_path):
    """A face that is there at the end has its departure in the log."""
    path = tmp_path / "log.jsonl"
    log = JsonLinesLog(path, changes=Changes(summary_interval_s=60.0), say_none=False)
    for frame in range(30):
        log.write(observation(frame))
    log.close()
    assert [line["event"] for line in lines_of(path)] == ["started", "appeared", "left", "stopped"]


def test_writes_are_batched(tmp_path):
    """Within the first second nothing is written: an SD card is spared."""
    path = tmp_path / "log.jsonl"
    log = JsonLinesLog(path, changes=None, say_none=False)
    log.write(observation(0))
    assert path.stat().st_size == 0
    log.close()
    assert path.stat().st_size > 0


def test_a_path_that_is_a_folder_is_named(tmp_path):
    with pytest.raises(SinkError, match="expected a log file that can be written"):
        JsonLinesLog(tmp_path, changes=None, say_none=False)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    """Where a file stands in the way of the folder."""
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match=r"file/log\.jsonl"):
        JsonLinesLog(tmp_path / "file" / "log.jsonl", changes=None, say_none=False)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_named():
    """The kernel's own full device: the error says what to do."""
    log = JsonLinesLog(Path("/dev/full"), changes=None, say_none=False)
    log.write(observation(0))
    with pytest.raises(SinkError, match=os.strerror(errno.ENOSPC)):
        log.close()


def test_lines_reach_the_disk_once_a_second(tmp_path, clock):
    """After a second all that is gathered is written, and then gathered anew for a second."""
    path = tmp_path / "log.jsonl"
    log = JsonLinesLog(path, changes=None, say_none=False)
    there = []
    for frame in range(6):
        clock[0] += 0.4 * FLUSH_INTERVAL_S
        log.write(observation(frame))
        there.append(len(lines_of(path)))
    log.close()
    assert there == [0, 0, 3, 3, 3, 6]
    assert [line["frame"] for line in lines_of(path)] == list(range(6))


def test_a_write_that_takes_only_a_part_is_gone_on_with(tmp_path):
    """The system may take less than it was given: the rest is tried again, so that a full disk is noticed."""
    log = JsonLinesLog(tmp_path / "log.jsonl", changes=None, say_none=False)
    log.write(observation(0))
    with largest_file(10), pytest.raises(SinkError, match=os.strerror(errno.EFBIG)):
        log.close()
