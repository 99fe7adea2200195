"""A file that cannot be written stops the run or, with `retry`, gets each line later, complete and once."""

import errno
import fcntl
import itertools
import logging
import os
from pathlib import Path

import pytest
from log_files import DISK_FULL, file_size_limit

from edge.errors import SinkError
from edge.sinks.log import file as file_module
from edge.sinks.log.file import FLUSH_INTERVAL_S, MAX_RETRY_S, LinesFile, remove_torn_line

LOG_LINE = b'{"time":"2026-11-20T14:38:05.985Z","emotion":"happy"}\n'


def line(number):
    return b"line %03d\n" % number


def write(file, clock, *numbers):
    """Add lines at a time at which the file is due to be written."""
    clock.advance(MAX_RETRY_S + FLUSH_INTERVAL_S)
    file.add([line(number) for number in numbers])


def refuse(number):
    raise OSError(number, os.strerror(number))


@pytest.mark.parametrize("room", [0, 4, 9, 13, 18], ids=lambda room: f"{room} bytes of room")
def test_lines_are_written_later_complete_and_once(log_path, clock, room):
    """Wherever the disk becomes full, even in the middle of a line, all lines are there in the end, in order."""
    file = LinesFile(log_path, retry=True)
    with file_size_limit(room):
        write(file, clock, 0, 1)
        write(file, clock, 2)
        assert file.error == DISK_FULL
        assert log_path.stat().st_size == room
    write(file, clock, 3)
    assert file.error == ""
    assert file.dropped == 0
    file.close()
    assert log_path.read_bytes() == b"".join(map(line, range(4)))


def test_space_that_appears_gradually_is_used(log_path, clock):
    """Each attempt continues where the last one ended, in the middle of whichever line."""
    file = LinesFile(log_path, retry=True)
    for room in range(0, 40, 7):
        with file_size_limit(room):
            write(file, clock, room)
    file.close()
    assert log_path.read_bytes() == b"".join(map(line, range(0, 40, 7)))


def test_the_newest_lines_are_kept_and_the_others_counted(log_path, clock, monkeypatch):
    """The number of lines in memory is limited; a line that was written in part is completed all the same."""
    monkeypatch.setattr(file_module, "MAX_PENDING", 3)
    file = LinesFile(log_path, retry=True)
    with file_size_limit(4):
        for number in range(6):
            write(file, clock, number)
    assert file.dropped == 2
    file.close()
    assert log_path.read_bytes() == b"".join(map(line, (0, 3, 4, 5)))


def test_attempts_back_off(log_path, clock, monkeypatch):
    """The wait between two attempts doubles up to a minute; the lines are written once there is space."""
    attempts = []

    def fail(_file):
        attempts.append(clock.now_s)
        refuse(errno.ENOSPC)

    monkeypatch.setattr(LinesFile, "_write", fail)
    file = LinesFile(log_path, retry=True)
    for _ in range(200):
        clock.advance(FLUSH_INTERVAL_S)
        file.add([line(0)])
    waits = [later - earlier for earlier, later in itertools.pairwise(attempts)]
    assert waits == [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    monkeypatch.undo()
    file.close()
    assert log_path.read_bytes() == 200 * line(0)


def test_a_failure_is_reported_once(log_path, clock, caplog):
    """One message when the file cannot be written any more, and one when it can be written again."""
    file = LinesFile(log_path, retry=True)
    with file_size_limit(0):
        for number in range(5):
            write(file, clock, number)
    write(file, clock, 5)
    file.close()
    messages = [(record.levelno, record.getMessage()) for record in caplog.records]
    assert messages == [
        (logging.ERROR, f"{log_path}: the log cannot be written: {DISK_FULL}: free some space; trying again"),
        (logging.WARNING, f"{log_path}: the log can be written again; 0 lines are lost"),
    ]


def test_lines_lost_at_the_end_are_reported(log_path, clock, caplog):
    """When the service stops, the journal has the number of lines that the disk did not accept."""
    file = LinesFile(log_path, retry=True)
    with file_size_limit(0):
        write(file, clock, 0, 1)
        file.close()
    assert "2 lines are lost" in caplog.text


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO], ids=os.strerror)
def test_a_file_that_cannot_be_created_yet_is_created_later(log_path, clock, monkeypatch, number):
    """On a disk that is full or faulty at the start, the file is created with the first lines that can be written."""
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", lambda *_, **__: refuse(number))
        file = LinesFile(log_path, retry=True)
        write(file, clock, 0)
        assert file.error == os.strerror(number)
    write(file, clock, 1)
    file.close()
    assert log_path.read_bytes() == line(0) + line(1)


def test_an_error_ends_even_if_there_was_nothing_to_write(log_path, clock, monkeypatch):
    """Opening the file successfully clears the error."""
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", lambda *_, **__: refuse(errno.ENOSPC))
        file = LinesFile(log_path, retry=True)
    write(file, clock)
    assert file.error == ""
    file.close()


def test_a_pipe_that_nobody_reads_is_not_waited_for(log_path, clock):
    """Opening such a pipe would hang for ever; with `retry` the lines wait for a reader."""
    os.mkfifo(log_path)
    with pytest.raises(SinkError, match="found: a pipe that nobody reads: see --log"):
        LinesFile(log_path, retry=False)
    file = LinesFile(log_path, retry=True)
    assert file.error == "a pipe that nobody reads"
    reader = os.open(log_path, os.O_RDONLY | os.O_NONBLOCK)
    write(file, clock, 0)
    assert os.read(reader, 100) == line(0)
    assert os.get_blocking(file._file.fileno())
    file.close()
    os.close(reader)


def test_whoever_reads_between_two_writes_finds_whole_lines(log_path, clock):
    """Lines that are due together are one write, so that a process that is killed between two leaves no torn line.

    A pipe in packet mode keeps writes apart: each read returns what one write call wrote.
    """
    os.mkfifo(log_path)
    reader = os.open(log_path, os.O_RDONLY | os.O_NONBLOCK)
    file = LinesFile(log_path, retry=False)
    writer = file._file.fileno()
    fcntl.fcntl(writer, fcntl.F_SETFL, fcntl.fcntl(writer, fcntl.F_GETFL) | os.O_DIRECT)
    write(file, clock, 0, 1, 2)
    write(file, clock, 3)
    assert [os.read(reader, 4096), os.read(reader, 4096)] == [line(0) + line(1) + line(2), line(3)]
    file.close()
    os.close(reader)


def test_a_wrong_path_is_not_retried(tmp_path):
    """A folder at the path does not go away by waiting, so that opening fails even with `retry`."""
    with pytest.raises(SinkError, match="expected a log file that can be written"):
        LinesFile(tmp_path, retry=True)


def test_without_retry_a_full_disk_is_an_error(log_path, clock):
    """A run over a video does not end successfully with an incomplete log."""
    file = LinesFile(log_path, retry=False)
    with file_size_limit(0), pytest.raises(SinkError, match="free some space"):
        write(file, clock, 0)
    file.close()


@pytest.mark.parametrize("length", range(1, len(LOG_LINE)))
def test_a_torn_line_is_removed(log_path, caplog, length):
    """Wherever the last line was torn, it is cut off, and a message has the number of bytes."""
    log_path.write_bytes(LOG_LINE + LOG_LINE + LOG_LINE[:length])
    remove_torn_line(log_path)
    assert log_path.read_bytes() == LOG_LINE + LOG_LINE
    assert f"{log_path}: removed {length} bytes of an incomplete last line" in caplog.text


@pytest.mark.parametrize("torn", [b"", LOG_LINE[:20]], ids=["between lines", "in a line"])
@pytest.mark.parametrize("zeros", [1, 4096, 200_000])
def test_zeros_at_the_end_are_removed(log_path, torn, zeros):
    """A file system may extend a file before it writes the content: after a power cut the end is filled with zeros."""
    log_path.write_bytes(LOG_LINE + torn + bytes(zeros))
    remove_torn_line(log_path)
    assert log_path.read_bytes() == LOG_LINE


@pytest.mark.parametrize("content", [b"", LOG_LINE, LOG_LINE * 3, b"a note\n"])
def test_a_complete_file_is_not_changed(log_path, caplog, content):
    """A file that ends with a line break, or is empty, has no torn line, and there is no message."""
    log_path.write_bytes(content)
    remove_torn_line(log_path)
    assert log_path.read_bytes() == content
    assert not caplog.records


def test_a_line_of_another_program_is_completed_not_removed(tmp_path):
    """A user's own file without a final line break may serve as the log, and loses nothing."""
    path = tmp_path / "notes.txt"
    path.write_bytes(b"one\ntwo")
    remove_torn_line(path)
    assert path.read_bytes() == b"one\ntwo\n"


def test_opening_a_file_removes_its_torn_line(log_path):
    """After a power cut the log is continued, and each of its lines can be read."""
    log_path.write_bytes(LOG_LINE + LOG_LINE[:25])
    file = LinesFile(log_path, retry=True)
    file.add([LOG_LINE])
    file.close()
    assert log_path.read_bytes() == LOG_LINE + LOG_LINE
