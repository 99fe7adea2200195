"""The log file is appended to, batched and rotated, marks times that may be wrong, and names its failures."""

import errno
import json
import os
import threading
from pathlib import Path

import pytest
from log_files import DISK_FULL, file_size_limit, line_numbers, numbered_line
from samples import make_observation, opened
from waiting import wait_for

from edge.errors import SinkError
from edge.records import MinuteCounts
from edge.sinks.log import events as events_module
from edge.sinks.log.archive import Archive, RetentionLimits
from edge.sinks.log.events import ChangeEvents
from edge.sinks.log.file import FLUSH_INTERVAL_S
from edge.sinks.log.jsonl import CLOCK_CHECK_S, ClockCheck, JsonLinesLog, RotatingFile
from edge.sinks.log.rotated_names import rotated_files
from edge.sinks.log.rotation import RotationPolicy

SMALL_FILES = RotationPolicy(max_bytes=200, max_age_s=86400.0, retention=RetentionLimits(max_bytes=1 << 30))


def observation(frame):
    return make_observation("happy", frame_index=frame, source="clip.mp4", media_time_s=frame / 30)


def open_log(path, *, changes=None, **options):
    return opened(JsonLinesLog(path, changes=changes, include_empty=False, **options))


def open_rotating_file(path):
    return RotatingFile(path, retry=True, flush_s=FLUSH_INTERVAL_S, policy=SMALL_FILES, is_clock_set=lambda: True)


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_reading_is_in_the_file_after_closing(tmp_path):
    """A hundred observations give a hundred lines, in order; a missing folder is created."""
    path = tmp_path / "new" / "readings.jsonl"
    log = open_log(path)
    for frame in range(100):
        log.write(observation(frame))
    log.close()
    assert [line["frame"] for line in lines_of(path)] == list(range(100))


def test_a_log_is_appended_to(log_path):
    """The lines of an earlier run stay."""
    log_path.write_text('{"earlier":true}\n')
    log = open_log(log_path)
    log.write(observation(0))
    log.close()
    first, second = lines_of(log_path)
    assert first == {"earlier": True}
    assert second["frame"] == 0


def test_closing_writes_the_last_events(log_path):
    """A face that is visible at the end leaves, and the run stops."""
    log = open_log(log_path, changes=ChangeEvents(summary_interval_s=60.0))
    for frame in range(30):
        log.write(observation(frame))
    log.close()
    assert [line["event"] for line in lines_of(log_path)] == ["started", "appeared", "left", "stopped"]


@pytest.mark.usefixtures("clock")
def test_a_single_line_waits_for_the_flush_interval(log_path):
    """Nothing is written until the interval has passed or the log is closed, which spares an SD card."""
    log = open_log(log_path)
    log.write(observation(0))
    assert log_path.stat().st_size == 0
    log.close()
    assert log_path.stat().st_size > 0


def test_lines_are_written_once_per_flush_interval(log_path, clock):
    """After a second all collected lines are written together, and the next ones are collected for a second."""
    log = open_log(log_path)
    written = []
    for frame in range(6):
        clock.advance(0.4 * FLUSH_INTERVAL_S)
        log.write(observation(frame))
        written.append(len(lines_of(log_path)))
    log.close()
    assert written == [0, 0, 3, 3, 3, 6]
    assert [line["frame"] for line in lines_of(log_path)] == list(range(6))


@pytest.mark.parametrize("changes", [None, ChangeEvents(summary_interval_s=60.0)])
def test_counts_are_logged_in_either_mode(log_path, changes):
    """With `privacy.counts_only` the log has the minute's line only: no events, and no summary."""
    log = open_log(log_path, changes=changes)
    log.write(make_observation(counts=MinuteCounts(60.0, 1800, 1700, 2, {"happy": 1500})))
    log.close()
    (line,) = lines_of(log_path)
    assert line["event"] == "counts"


def test_a_path_that_is_a_folder_is_an_error(tmp_path):
    """The error says that a file was expected."""
    with pytest.raises(SinkError, match="expected a log file that can be written"):
        open_log(tmp_path)


def test_a_folder_that_cannot_be_created_is_an_error(tmp_path):
    """A file where the folder should be is named by its path."""
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match=r"file/log\.jsonl"):
        open_log(tmp_path / "file" / "log.jsonl")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_an_error_when_the_log_is_closed():
    """Lines that the kernel's full device does not accept are not lost silently."""
    log = open_log(Path("/dev/full"))
    log.write(observation(0))
    with pytest.raises(SinkError, match=os.strerror(errno.ENOSPC)):
        log.close()


def test_a_partial_write_is_continued(log_path):
    """If the system accepts only some of the bytes, writing the rest reveals the full disk."""
    log = open_log(log_path)
    log.write(observation(0))
    with file_size_limit(10), pytest.raises(SinkError, match=DISK_FULL):
        log.close()


def test_lines_are_marked_while_the_clock_is_not_set(log_path, clock, caplog):
    """Each line is marked until the clock is set; both the beginning and the end of that time are logged."""
    is_set = [False]
    log = open_log(log_path, changes=ChangeEvents(summary_interval_s=1.0), is_clock_set=lambda: is_set[0])
    log.write(make_observation(media_time_s=0.0))
    assert "not set yet" in log.clock_error
    is_set[0] = True
    clock.advance(CLOCK_CHECK_S)
    log.write(make_observation(media_time_s=2.0))
    assert log.clock_error == ""
    log.close()
    assert [(line["event"], line.get("clock")) for line in lines_of(log_path)] == [
        ("started", "unset"),
        ("summary", None),
        ("stopped", None),
    ]
    assert caplog.messages == ["the clock is not set yet: the log's times may be wrong", "the clock is set now"]


def test_a_step_of_the_clock_is_checked_at_once(log_path, clock, monkeypatch):
    """A clock that is set back for good, then set again: no line has the mark of the time before the step."""
    offset_s, is_set = [0.0], [True]
    monkeypatch.setattr(events_module, "_clock_offset_s", lambda: offset_s[0])
    log = open_log(log_path, changes=ChangeEvents(summary_interval_s=1.0), is_clock_set=lambda: is_set[0])
    for step, (offset_s[0], is_set[0]) in enumerate([(0.0, True), (-3e7, False), (0.0, True)]):
        clock.advance(CLOCK_CHECK_S / 10)
        log.write(make_observation(media_time_s=2.0 * step))
    log.close()
    assert [(line["event"], line.get("clock")) for line in lines_of(log_path)] == [
        ("started", None),
        ("clock", "unset"),
        ("summary", "unset"),
        ("clock", None),
        ("summary", None),
        ("stopped", None),
    ]


@pytest.mark.usefixtures("clock")
def test_the_clock_is_not_checked_for_every_line():
    """A thousand lines within the check interval cause one check."""
    checks = []
    check = ClockCheck(lambda: checks.append(1) is None)
    for _ in range(1000):
        check.fields({"event": "changed"})
    assert len(checks) == 1


def test_compression_does_not_delay_lines(log_path, clock, monkeypatch):
    """While the archive compresses a large file, lines reach the disk."""
    busy, proceed = threading.Event(), threading.Event()
    tidy = Archive.tidy

    def slow_tidy(archive, is_stopped):
        busy.set()
        assert proceed.wait(60)
        tidy(archive, is_stopped)

    monkeypatch.setattr(Archive, "tidy", slow_tidy)
    file = open_rotating_file(log_path)
    assert busy.wait(60)
    for number in range(30):
        clock.advance(60 * FLUSH_INTERVAL_S)
        file.lines.add([numbered_line(number)])
    assert line_numbers(log_path) == list(range(30))
    proceed.set()
    file.close()
    assert line_numbers(log_path) == list(range(30))


def test_rotated_files_are_compressed_while_the_log_is_written(log_path, clock):
    """Each rotation makes the maintenance thread compress what was rotated, without losing a line."""
    file = open_rotating_file(log_path)
    for number in range(30):
        clock.advance(60 * FLUSH_INTERVAL_S)
        file.lines.add([numbered_line(number)])
    rotated = rotated_files(log_path)
    assert len(rotated) >= 7
    last_compressed = log_path.parent / f"{rotated[-1].path.name.removesuffix('.gz')}.gz"
    wait_for(lambda: last_compressed.exists() and not last_compressed.with_suffix("").exists())
    assert all(old.path.suffix == ".gz" for old in rotated_files(log_path))
    file.close()
    assert line_numbers(log_path) == list(range(30))
