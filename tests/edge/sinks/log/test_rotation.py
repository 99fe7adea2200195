"""A log that is rotated loses no line and duplicates none, even if its disk fails or it is removed meanwhile."""

import errno
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from log_files import line_numbers, numbered_line

from edge.settings.sinks import LogSettings
from edge.sinks.log.archive import Archive, RetentionLimits
from edge.sinks.log.file import FLUSH_INTERVAL_S, LinesFile
from edge.sinks.log.rotated_names import rotated_files
from edge.sinks.log.rotation import RETRY_S, Rotation, RotationPolicy, rotation_policy

HOUR_S = 3600.0
SMALL_FILES = RotationPolicy(max_bytes=200, max_age_s=24 * HOUR_S, retention=RetentionLimits(max_bytes=1 << 30))


def open_file(path, policy=SMALL_FILES):
    rotation = Rotation(path, Archive(path, policy.retention), policy, on_change=lambda: None)
    return LinesFile(path, retry=True, rotation=rotation)


def write(file, clock, *numbers):
    """Add lines at a time at which the file is due to be written."""
    clock.advance(60 * FLUSH_INTERVAL_S)
    file.add([numbered_line(number) for number in numbers])


def test_a_log_is_rotated_at_its_maximum_size(log_path, clock):
    """The log is rotated between two lines; every line is there once, in order, and no file is too large."""
    file = open_file(log_path)
    for number in range(30):
        write(file, clock, number)
    file.close()
    assert line_numbers(log_path) == list(range(30))
    assert len(rotated_files(log_path)) >= 7
    assert all(old.path.stat().st_size <= SMALL_FILES.max_bytes for old in rotated_files(log_path))


def test_a_log_is_rotated_at_its_maximum_age(log_path, clock):
    """A log is rotated by the monotonic clock, even if no line arrives; an empty log is not rotated."""
    file = open_file(log_path)
    write(file, clock, 0)
    clock.advance(25 * HOUR_S)
    file.flush_if_due()
    assert len(rotated_files(log_path)) == 1
    clock.advance(25 * HOUR_S)
    file.flush_if_due()
    assert len(rotated_files(log_path)) == 1
    file.close()


@pytest.mark.parametrize(("hours", "count"), [(23, 0), (25, 1), (-9000, 0)])
def test_the_age_of_a_log_survives_a_restart(log_path, clock, hours, count):
    """The first line gives the age of a log, unless its time is in the future."""
    log_path.write_bytes(numbered_line(0, datetime.now(UTC) - timedelta(hours=hours)))
    file = open_file(log_path)
    write(file, clock, 1)
    file.close()
    assert len(rotated_files(log_path)) == count
    assert line_numbers(log_path) == [0, 1]


def test_a_log_from_before_the_clock_was_set_is_not_rotated_for_its_age(log_path, clock):
    """A first line of 1970 that is marked `unset` does not give an age."""
    log_path.write_bytes(b'{"time":"1970-01-01T00:00:00Z","clock":"unset"}\n')
    file = open_file(log_path)
    write(file, clock, 1)
    file.close()
    assert rotated_files(log_path) == []


def test_a_torn_line_is_completed_before_a_rotation(log_path, clock, monkeypatch):
    """If a full disk accepted half a line, the other half goes into the same file."""
    max_bytes = 3 * len(numbered_line(0)) + 5  # three lines fit, but not half a line more
    file = open_file(log_path, RotationPolicy(max_bytes, HOUR_S, SMALL_FILES.retention))
    write(file, clock, 0, 1)
    with monkeypatch.context() as patch:
        patch.setattr(file, "_file", FileOnFullDisk(file._file))
        write(file, clock, 2)
    assert file.error
    for number in (3, 4, 5):
        write(file, clock, number)
    file.close()
    assert line_numbers(log_path) == list(range(6))


class FileOnFullDisk:
    """A file that accepts ten more bytes."""

    def __init__(self, file):
        self._file = file
        self._room = 10

    def fileno(self):
        return self._file.fileno()

    def write(self, data):
        if not self._room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        done, self._room = self._file.write(data[: self._room]), 0
        return done


def test_a_log_that_cannot_be_rotated_keeps_growing(log_path, clock, monkeypatch, caplog):
    """If the folder may not be changed, that is reported, and tried again after an hour instead of for each line."""
    attempts = []

    def refuse(_archive):
        attempts.append(clock.now_s)
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    with monkeypatch.context() as patch:
        patch.setattr(Archive, "rotate", refuse)
        file = open_file(log_path)
        for number in range(30):
            write(file, clock, number)
        clock.advance(RETRY_S)
        write(file, clock, 30)
    assert len(attempts) == 2
    assert "cannot be rotated: Permission denied" in caplog.text
    clock.advance(RETRY_S)
    write(file, clock, 31)
    file.close()
    assert len(rotated_files(log_path)) == 1
    assert line_numbers(log_path) == list(range(32))


def test_lines_wait_while_too_little_of_the_disk_is_free(log_path, clock, monkeypatch):
    """The rest of the machine needs space as well: below the limit, lines wait as on a full disk."""
    has_space = [False]
    monkeypatch.setattr(Archive, "has_free_space", lambda *_: has_space[0])
    file = open_file(log_path, RotationPolicy(200, HOUR_S, RetentionLimits(1 << 30, min_free_bytes=100_000_000)))
    write(file, clock, 0)
    assert file.error == "less than 100 MB would be free (log.keep_free_mb)"
    assert log_path.read_bytes() == b""
    has_space[0] = True
    write(file, clock, 1)
    file.close()
    assert (file.error, line_numbers(log_path)) == ("", [0, 1])


def test_a_removed_log_is_created_again_with_its_folder(log_path, clock, caplog):
    """A log that is removed while the program runs does not swallow lines for ever."""
    path = log_path.parent / "logs" / log_path.name
    file = open_file(path)
    write(file, clock, 0)
    path.unlink()
    path.parent.rmdir()
    write(file, clock, 1)
    file.close()
    assert line_numbers(path) == [1]
    assert "the log was removed or moved: creating it again" in caplog.text


def test_a_log_that_another_program_moved_is_created_again(log_path, clock):
    """After logrotate has renamed the log, no line goes into the renamed file."""
    file = LinesFile(log_path, retry=False)
    write(file, clock, 0)
    log_path.rename(log_path.with_name("moved"))
    write(file, clock, 1)
    file.close()
    assert line_numbers(log_path) == [1]


@pytest.mark.parametrize("is_read", [False, True])
def test_a_pipe_in_the_place_of_the_log_does_not_hang(log_path, clock, caplog, is_read):
    """Whether somebody reads the pipe or not, neither opening nor rotation waits for its other end."""
    file = open_file(log_path)
    write(file, clock, 0)
    log_path.unlink()
    os.mkfifo(log_path)
    reader = os.open(log_path, os.O_RDONLY | os.O_NONBLOCK) if is_read else None
    write(file, clock, 1)
    assert file.error == ("" if is_read else "a pipe that nobody reads")
    assert ("a pipe that nobody reads: check the file" in caplog.text) is not is_read
    if reader is not None:
        assert os.read(reader, 1000).endswith(b'"frame":"00001"}\n')
        os.close(reader)
    file.close()


@pytest.mark.parametrize("target", ["another.jsonl", "none/another.jsonl", "readings.jsonl"])
def test_a_link_in_the_place_of_the_log_is_followed_or_reported(log_path, clock, target):
    """A link to a file is followed; one to a missing folder, or to itself, is reported, and the lines wait."""
    file = open_file(log_path)
    log_path.unlink()
    log_path.symlink_to(target)
    write(file, clock, 0)
    if target == "another.jsonl":
        assert line_numbers(log_path) == [0]
    else:
        assert file.error
        log_path.unlink()
        write(file, clock, 1)
        assert line_numbers(log_path) == [0, 1]
    file.close()


def test_lines_wait_while_the_folder_may_not_be_changed(open_folder, as_nobody, clock):
    """The log was removed and cannot be created again: that is reported, and its lines are written later."""
    path = open_folder / "readings.jsonl"
    file = open_file(path)
    path.unlink()
    open_folder.chmod(0o555)
    with as_nobody():
        write(file, clock, 0)
    assert "Permission denied" in file.error
    open_folder.chmod(0o755)
    write(file, clock, 1)
    file.close()
    assert (file.error, line_numbers(path)) == ("", [0, 1])


def test_lines_wait_while_the_folder_cannot_be_created(log_path, clock):
    """A file is in the place of the folder, as when a disk is not mounted: lines are written once that is mended."""
    path = log_path.parent / "disk" / log_path.name
    file = open_file(path)
    path.unlink()
    path.parent.rmdir()
    path.parent.write_bytes(b"")
    write(file, clock, 0)
    assert file.error
    path.parent.unlink()
    write(file, clock, 1)
    file.close()
    assert (file.error, line_numbers(path)) == ("", [0, 1])


def test_bytes_and_writes_are_counted(log_path, clock):
    """Both wear out an SD card; lines that are written together are one write."""
    file = open_file(log_path)
    write(file, clock, 0, 1, 2)
    write(file, clock)
    write(file, clock, 3)
    file.close()
    assert (file.bytes_written, file.flushes) == (4 * len(numbered_line(0)), 2)


def test_a_closed_log_is_not_opened_again(log_path, clock):
    """The maintenance thread may flush a moment after the log was closed."""
    file = open_file(log_path)
    file.close()
    log_path.unlink()
    clock.advance(1000.0)
    file.flush_if_due()
    assert not log_path.exists()


def test_the_settings_give_the_policy():
    """A MB is 10^6 bytes; a file covers at most half of the days for which lines may be kept."""
    policy = rotation_policy(LogSettings(rotate_mb=8, rotate_days=1, keep_mb=256, keep_free_mb=100), retention_days=30)
    assert policy == RotationPolicy(
        max_bytes=8_000_000,
        max_age_s=24 * HOUR_S,
        retention=RetentionLimits(256_000_000, 100_000_000, max_age_s=720 * HOUR_S, max_file_span_s=24 * HOUR_S),
    )
    assert rotation_policy(LogSettings(rotate_days=7), retention_days=1).max_age_s == 12 * HOUR_S
    assert rotation_policy(LogSettings(), retention_days=0).retention.max_age_s == 0


def test_a_device_is_never_rotated():
    """A log may go to a device or a pipe, which cannot be renamed."""
    archive = Archive(Path("/dev/null"), SMALL_FILES.retention)
    assert not Rotation(Path("/dev/null"), archive, SMALL_FILES, on_change=lambda: None).is_due(1 << 30)
