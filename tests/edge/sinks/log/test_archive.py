"""Rotated files are compressed, exist exactly once, and are removed when they exceed a limit."""

import errno
import gzip
import logging
import os
import threading
from datetime import UTC, datetime, timedelta

import pytest
from log_files import DISK_FULL, file_size_limit, line_numbers, numbered_line
from waiting import wait_for

from edge.sinks.log import archive as archive_module
from edge.sinks.log.archive import Archive, LogMaintenance, RetentionLimits
from edge.sinks.log.file import LinesFile
from edge.sinks.log.rotated_names import rotated_files

DAY_S = 86400.0
RIGHT = bool  # bool() is False: the clock is not ahead
NO_LIMITS = RetentionLimits(max_bytes=1 << 40)


def line(moment, *, clock=None):
    mark = f',"clock":"{clock}"' if clock else ""
    return f'{{"time":"{moment.isoformat()}"{mark}}}\n'.encode()


def days_ago(days):
    return datetime.now(UTC) - timedelta(days=days)


def names(path):
    return sorted(file.name for file in path.parent.iterdir())


def numbers(path):
    return [file.number for file in rotated_files(path)]


def rotate(path, content):
    path.write_bytes(content)
    Archive(path, NO_LIMITS).rotate()


def test_a_rotated_file_is_compressed(log_path):
    """The compressed file replaces the plain one, has the same content and is much smaller."""
    content = line(days_ago(0)) * 5000
    rotate(log_path, content)
    Archive(log_path, NO_LIMITS).tidy()
    (compressed,) = log_path.parent.iterdir()
    assert compressed.name.endswith("Z.jsonl.gz")
    assert gzip.decompress(compressed.read_bytes()) == content
    assert compressed.stat().st_size < len(content) / 8


def test_interrupted_compression_is_done_again(log_path):
    """A partial file is removed, and the plain file, which still exists, is compressed."""
    rotate(log_path, line(days_ago(0)))
    plain = rotated_files(log_path)[0].path
    plain.with_name(plain.name + ".gz.part").write_bytes(b"half")
    Archive(log_path, NO_LIMITS).tidy()
    assert names(log_path) == [f"{plain.name}.gz"]


def test_a_partial_file_without_an_original_is_removed(log_path):
    """The original was pruned before it was compressed, so nothing would ever complete the partial file."""
    (log_path.parent / "readings.000001.jsonl.gz.part").write_bytes(b"half")
    Archive(log_path, NO_LIMITS).tidy()
    assert names(log_path) == []


def test_a_plain_file_next_to_its_compressed_copy_is_removed(log_path):
    """After an interruption both exist and are complete: readers list one of them, and tidying removes the other."""
    rotate(log_path, line(days_ago(0)))
    (plain,) = log_path.parent.iterdir()
    compressed = plain.with_name(plain.name + ".gz")
    compressed.write_bytes(gzip.compress(plain.read_bytes()))
    assert [file.path for file in rotated_files(log_path)] == [compressed]
    Archive(log_path, NO_LIMITS).tidy()
    assert names(log_path) == [compressed.name]


def test_compression_can_be_stopped(log_path):
    """A large file does not delay the end of the run, and is compressed in the next one."""
    rotate(log_path, line(days_ago(0)) * 20_000)
    (plain,) = log_path.parent.iterdir()
    Archive(log_path, NO_LIMITS).tidy(lambda: True)
    assert rotated_files(log_path)[0].path == plain
    Archive(log_path, NO_LIMITS).tidy()
    assert names(log_path) == [f"{plain.name}.gz"]


def test_a_full_disk_while_compressing_loses_nothing(log_path):
    """The plain file stays, no partial file takes space, and the next pass compresses it."""
    content = os.urandom(20_000)
    rotate(log_path, content)
    (plain,) = log_path.parent.iterdir()
    with file_size_limit(5000), pytest.raises(OSError, match=DISK_FULL):
        Archive(log_path, NO_LIMITS).tidy()
    assert list(log_path.parent.iterdir()) == [plain]
    assert plain.read_bytes() == content
    Archive(log_path, NO_LIMITS).tidy()
    (compressed,) = log_path.parent.iterdir()
    assert gzip.decompress(compressed.read_bytes()) == content


def test_the_oldest_files_are_removed_when_all_are_too_large(log_path):
    """The size of the current log counts, but it is never removed."""
    for _ in range(5):
        rotate(log_path, os.urandom(1000))
    log_path.write_bytes(bytes(2000))
    Archive(log_path, RetentionLimits(max_bytes=4500)).tidy()
    assert numbers(log_path) == [4, 5]
    assert log_path.stat().st_size == 2000


@pytest.mark.parametrize(("min_free", "left"), [(7, [1, 2, 3]), (9, [3]), (11, [])])
def test_the_oldest_files_are_removed_until_enough_of_the_disk_is_free(log_path, monkeypatch, min_free, left):
    """On a disk with room for ten files, of which three exist; a limit that cannot be met is not an error."""
    for _ in range(3):
        rotate(log_path, os.urandom(1000))
    monkeypatch.setattr(archive_module, "HEADROOM_BYTES", 0)
    monkeypatch.setattr(archive_module, "_free_bytes", lambda folder: 10 - len(list(folder.iterdir())))
    Archive(log_path, RetentionLimits(max_bytes=1 << 40, min_free_bytes=min_free)).tidy()
    assert numbers(log_path) == left


def test_files_are_removed_at_their_maximum_age(log_path):
    """A file that may span a day is removed a day early, when its first line reaches the maximum age."""
    for days in (9, 8, 6.1, 5.9, 1):
        rotate(log_path, line(days_ago(days)))
    Archive(
        log_path, RetentionLimits(max_bytes=1 << 40, max_age_s=7 * DAY_S, max_file_span_s=DAY_S), is_clock_ahead=RIGHT
    ).tidy()
    assert numbers(log_path) == [4, 5]


def test_a_file_without_a_time_is_as_old_as_the_next_one(log_path):
    """A file from before the clock was set claims to be from 1970, but is only as old as the next file with a time."""
    rotate(log_path, line(datetime(1970, 1, 1, tzinfo=UTC), clock="unset"))
    rotate(log_path, line(days_ago(3)))
    os.utime(rotated_files(log_path)[0].path, (0, 0))
    Archive(log_path, RetentionLimits(max_bytes=1 << 40, max_age_s=7 * DAY_S), is_clock_ahead=RIGHT).tidy()
    assert numbers(log_path) == [1, 2]
    Archive(log_path, RetentionLimits(max_bytes=1 << 40, max_age_s=2 * DAY_S), is_clock_ahead=RIGHT).tidy()
    assert numbers(log_path) == []


def test_while_the_clock_is_not_set_the_modification_time_gives_the_age(log_path):
    """An unset clock is behind, never ahead, so that a file it considers too old really is too old."""
    for days in (9, 1):
        rotate(log_path, line(days_ago(days), clock="unset"))
        os.utime(log_path.parent / names(log_path)[-1], (days_ago(days).timestamp(),) * 2)
    limits = RetentionLimits(max_bytes=1 << 40, max_age_s=7 * DAY_S)
    Archive(log_path, limits, is_clock_set=lambda: False, is_clock_ahead=RIGHT).tidy()
    assert numbers(log_path) == [2]


def test_files_of_other_programs_are_not_touched(log_path):
    """Only files with the name of the log and a number belong to its archive."""
    others = ["notes.jsonl", "readings.jsonl.bak", "readings.1.jsonl", "other.000001.jsonl", "readings.jsonl.1"]
    for name in others:
        (log_path.parent / name).write_bytes(b"x")
    rotate(log_path, os.urandom(1000))
    Archive(log_path, RetentionLimits(max_bytes=0)).tidy()
    assert names(log_path) == sorted(others)


def test_the_archive_of_a_linked_log_is_next_to_the_target(log_path, tmp_path):
    """A log may be a link to another disk; rotating it keeps the link."""
    disk = tmp_path / "disk"
    disk.mkdir()
    log_path.symlink_to(disk / "readings.jsonl")
    rotate(log_path, line(days_ago(0)))
    assert log_path.is_symlink()
    assert numbers(disk / "readings.jsonl") == [1]


def test_maintenance_writes_waiting_lines_while_no_line_arrives(log_path):
    """A camera is lost a moment after a face appeared: the line is written without waiting for the camera."""
    file = LinesFile(log_path, retry=True, flush_s=0.0)
    maintenance = LogMaintenance(Archive(log_path, NO_LIMITS), check_s=0.01)
    file._pending = [numbered_line(7)]
    maintenance.start(file.flush_if_due)
    wait_for(lambda: file.flushes)
    assert line_numbers(log_path) == [7]
    maintenance.close()
    file.close()


def test_an_archive_that_cannot_be_tidied_is_reported_once_and_retried(log_path, caplog):
    """A folder that may not be changed does not stop the maintenance thread."""
    attempts = threading.Semaphore(0)

    class ReadOnlyArchive(Archive):
        def tidy(self, _is_stopped):
            attempts.release()
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "readings.000001.jsonl")

    maintenance = LogMaintenance(ReadOnlyArchive(log_path, NO_LIMITS), check_s=0.001, tidy_s=0.002)
    maintenance.start(lambda: None)
    assert all(attempts.acquire(timeout=60) for _ in range(4))
    maintenance.close()
    assert maintenance.error == "Permission denied: readings.000001.jsonl"
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
