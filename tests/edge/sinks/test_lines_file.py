"""A file that cannot be written stops the run, or is tried again without tearing or doubling a line: as it is told."""

import contextlib
import errno
import itertools
import logging
import os
import resource
from pathlib import Path

import pytest

from edge.errors import SinkError
from edge.sinks import lines_file
from edge.sinks.lines_file import FLUSH_INTERVAL_S, LONGEST_WAIT_S, LinesFile

FULL = os.strerror(errno.EFBIG)
"""What the system says where a file may become no larger: a disk that is full for this file alone."""


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


def line(number):
    return b"line %03d\n" % number


def write(file, clock, *numbers):
    """Hand over lines, and let the time come at which they are written."""
    clock[0] += LONGEST_WAIT_S + FLUSH_INTERVAL_S
    file.add([line(number) for number in numbers])


@pytest.mark.parametrize("room", [0, 4, 9, 13, 18], ids=lambda room: f"{room} bytes of room")
def test_what_could_not_be_written_is_written_later_whole_and_once(tmp_path, clock, room):
    """Wherever the disk became full, in the middle of a line too: later all is there, in order."""
    path = tmp_path / "log"
    file = LinesFile(path, retry=True)
    with largest_file(room):
        write(file, clock, 0, 1)
        write(file, clock, 2)
        assert file.error == FULL
        assert path.stat().st_size == room
    write(file, clock, 3)
    assert file.error == ""
    assert file.dropped == 0
    file.close()
    assert path.read_bytes() == b"".join(map(line, range(4)))


def test_room_that_comes_bit_by_bit_is_used(tmp_path, clock):
    """Each try goes on where the last one ended, in the middle of whichever line."""
    path = tmp_path / "log"
    file = LinesFile(path, retry=True)
    for room in range(0, 40, 7):
        with largest_file(room):
            write(file, clock, room)
    file.close()
    assert path.read_bytes() == b"".join(map(line, range(0, 40, 7)))


def test_the_newest_lines_are_kept_and_the_rest_counted(tmp_path, clock, monkeypatch):
    """Memory has an end, too. A line that is torn on the disk is finished all the same."""
    monkeypatch.setattr(lines_file, "MOST_PENDING", 3)
    path = tmp_path / "log"
    file = LinesFile(path, retry=True)
    with largest_file(4):
        for number in range(6):
            write(file, clock, number)
    assert file.dropped == 2
    file.close()
    assert path.read_bytes() == b"".join(map(line, (0, 3, 4, 5)))


def test_it_is_tried_again_less_and_less_often(tmp_path, clock, monkeypatch):
    """A full disk is not written at once a second; when there is room the usual rhythm is back."""
    tries = []
    monkeypatch.setattr(LinesFile, "_write", failing(tries, clock))
    file = LinesFile(tmp_path / "log", retry=True)
    for _ in range(200):
        clock[0] += FLUSH_INTERVAL_S
        file.add([line(0)])
    gaps = [later - earlier for earlier, later in itertools.pairwise(tries)]
    assert gaps == [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    monkeypatch.undo()
    file.close()


def failing(tries, clock):
    def write(_file):
        tries.append(clock[0])
        raise OSError(errno.ENOSPC, "No space left on device")

    return write


def test_what_happens_is_logged_once(tmp_path, clock, caplog):
    """When it begins, and when it is over."""
    file = LinesFile(tmp_path / "log", retry=True)
    with largest_file(0):
        for number in range(5):
            write(file, clock, number)
    write(file, clock, 5)
    file.close()
    said = [(record.levelno, record.getMessage()) for record in caplog.records]
    assert said == [
        (logging.ERROR, f"{tmp_path}/log: the log cannot be written: {FULL}: free some space; trying again"),
        (logging.WARNING, f"{tmp_path}/log: the log can be written again; 0 lines are lost"),
    ]


def test_what_is_lost_at_the_end_is_said(tmp_path, clock, caplog):
    """The service stops in good order, and the journal says how many lines the disk did not take."""
    file = LinesFile(tmp_path / "log", retry=True)
    with largest_file(0):
        write(file, clock, 0, 1)
        file.close()
    assert "2 lines are lost" in caplog.text


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO], ids=os.strerror)
def test_a_disk_that_is_full_or_faulty_from_the_beginning(tmp_path, clock, monkeypatch, number):
    """Not even the file can be made: that comes later, with the lines."""
    path = tmp_path / "log"
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", lambda *_, **__: refuse(number))
        file = LinesFile(path, retry=True)
        write(file, clock, 0)
        assert file.error == os.strerror(number)
    write(file, clock, 1)
    file.close()
    assert path.read_bytes() == line(0) + line(1)


def refuse(number):
    raise OSError(number, os.strerror(number))


def test_an_error_that_is_over_is_not_told_any_more(tmp_path, clock, monkeypatch):
    """Though there was nothing to write meanwhile."""
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", lambda *_, **__: refuse(errno.ENOSPC))
        file = LinesFile(tmp_path / "log", retry=True)
    write(file, clock)
    assert file.error == ""
    file.close()


def test_a_place_that_is_wrong_is_not_tried_again(tmp_path):
    """A folder in the way does not go away by waiting: that is told at the start."""
    with pytest.raises(SinkError, match="expected a log file that can be written"):
        LinesFile(tmp_path, retry=True)


def test_without_retry_a_full_disk_is_an_error(tmp_path, clock):
    """So that no run of a file is thought to be complete."""
    file = LinesFile(tmp_path / "log", retry=False)
    with largest_file(0), pytest.raises(SinkError, match="free some space"):
        write(file, clock, 0)
    file.close()
