"""A log that is rotated loses no line and has none twice, whatever happens meanwhile."""

import errno
import gzip
import logging
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge.sink_settings import LogSettings
from edge.sinks import lines_file, rotation
from edge.sinks.archive import Archive, Limits
from edge.sinks.keeper import Keeper
from edge.sinks.kept_file import KeptFile
from edge.sinks.lines_file import FLUSH_INTERVAL_S, LinesFile
from edge.sinks.rotated import rotated_files
from edge.sinks.rotation import AGAIN_S, Keeping, Rotation, new_keeping

HOUR_S = 3600.0
SMALL = Keeping(most_bytes=200, longest_s=24 * HOUR_S, limits=Limits(most_bytes=1 << 30))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "readings.jsonl"


@pytest.fixture
def clock(monkeypatch):
    """A clock that is set by hand: `clock[0]`, s."""
    seconds = [1000.0]
    for module in (lines_file, rotation):
        monkeypatch.setattr(module.time, "monotonic", lambda: seconds[0])
    return seconds


def line(number, moment=None):
    moment = moment or datetime.now(UTC)
    return b'{"time":"%s","frame":"%05d"}\n' % (moment.isoformat().encode(), number)


def frames_of(path):
    """The numbers of all lines, old files first."""
    contents = []
    for file in rotated_files(path):
        content = file.path.read_bytes()
        contents.append(gzip.decompress(content) if file.path.suffix == ".gz" else content)
    contents.append(path.read_bytes() if path.exists() else b"")
    assert all(content.endswith(b"\n") for content in contents if content), "a line goes on in another file"
    return [int(text[-8:-3]) for content in contents for text in content.splitlines(keepends=True)]


def open_file(path, keeping=SMALL, *, retry=True):
    archive = Archive(path, keeping.limits)
    return LinesFile(path, retry=retry, rotation=Rotation(path, archive, keeping, on_change=lambda: None))


def write(file, clock, *numbers):
    clock[0] += 60 * FLUSH_INTERVAL_S
    file.add([line(number) for number in numbers])


def test_a_log_that_is_large_enough_is_rotated_between_two_lines(path, clock):
    """Every line is there once, in order, and no file is larger than it may be."""
    file = open_file(path)
    for number in range(30):
        write(file, clock, number)
    file.close()
    assert frames_of(path) == list(range(30))
    assert len(rotated_files(path)) >= 7
    assert all(old.path.stat().st_size <= SMALL.most_bytes for old in rotated_files(path))


def test_a_log_that_is_old_enough_is_rotated(path, clock):
    """By the clock that never steps, though no line comes."""
    file = open_file(path)
    write(file, clock, 0)
    clock[0] += 25 * HOUR_S
    file.tend()
    assert len(rotated_files(path)) == 1
    clock[0] += 25 * HOUR_S
    file.tend()
    assert len(rotated_files(path)) == 1, "an empty log is not rotated"
    file.close()


@pytest.mark.parametrize(("hours", "count"), [(23, 0), (25, 1), (-9000, 0)])
def test_its_age_goes_on_after_a_restart(path, clock, hours, count):
    """By its first line; one from the future tells none."""
    path.write_bytes(line(0, datetime.now(UTC) - timedelta(hours=hours)))
    file = open_file(path)
    write(file, clock, 1)
    file.close()
    assert len(rotated_files(path)) == count
    assert frames_of(path) == [0, 1]


def test_the_age_of_a_log_from_before_the_clock_was_set_is_not_known(path, clock):
    """It says 1970: it is not rotated for that."""
    path.write_bytes(b'{"time":"1970-01-01T00:00:00Z","clock":"unset"}\n')
    file = open_file(path)
    write(file, clock, 1)
    file.close()
    assert rotated_files(path) == []


def test_a_line_that_is_torn_on_the_disk_is_finished_before_a_rotation(path, clock, monkeypatch):
    """A full disk took half of it: the other half belongs into the same file."""
    file = open_file(path, Keeping(3 * len(line(0)) + 5, HOUR_S, SMALL.limits))  # three lines fit, and no half one
    write(file, clock, 0, 1)
    with monkeypatch.context() as patch:
        patch.setattr(file, "_file", HalfWriter(file._file))
        write(file, clock, 2)
    assert file.error
    for number in (3, 4, 5):
        write(file, clock, number)
    file.close()
    assert frames_of(path) == list(range(6))


class HalfWriter:
    """A file on a disk that has room for ten bytes more."""

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


def test_a_log_that_cannot_be_rotated_goes_on_growing(path, clock, monkeypatch, caplog):
    """Its folder is closed, for one: that is logged, and tried again after an hour, not with each line."""
    tries = []

    def refuse(_archive):
        tries.append(clock[0])
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    with monkeypatch.context() as patch:
        patch.setattr(Archive, "take", refuse)
        file = open_file(path)
        for number in range(30):
            write(file, clock, number)
        clock[0] += AGAIN_S
        write(file, clock, 30)
    assert len(tries) == 2
    assert "cannot be rotated: Permission denied" in caplog.text
    clock[0] += AGAIN_S
    write(file, clock, 31)
    file.close()
    assert len(rotated_files(path)) == 1
    assert frames_of(path) == list(range(32))


def test_too_little_free_is_told_and_waited_for(path, clock, monkeypatch):
    """The rest of the machine needs the disk, too: lines wait as if it were full."""
    free = [False]
    monkeypatch.setattr(Archive, "has_room", lambda *_: free[0])
    file = open_file(path, Keeping(200, HOUR_S, Limits(1 << 30, free_bytes=100_000_000)))
    write(file, clock, 0)
    assert file.error == "less than 100 MB would be free (log.keep_free_mb)"
    assert path.read_bytes() == b""
    free[0] = True
    write(file, clock, 1)
    file.close()
    assert (file.error, frames_of(path)) == ("", [0, 1])


def test_a_folder_that_is_gone_is_made_anew(path, clock, caplog):
    """Somebody has removed the log under the running program: it must not write into nowhere for ever."""
    path = path.parent / "logs" / path.name
    file = open_file(path)
    write(file, clock, 0)
    path.unlink()
    path.parent.rmdir()
    write(file, clock, 1)
    file.close()
    assert frames_of(path) == [1]
    assert "the log is gone: making it anew" in caplog.text


def test_a_log_that_another_has_moved_is_gone_on_with_in_its_place(path, clock):
    """As logrotate does it: nothing more goes into the moved one."""
    file = LinesFile(path, retry=False)
    write(file, clock, 0)
    path.rename(path.with_name("moved"))
    write(file, clock, 1)
    file.close()
    assert frames_of(path) == [1]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_closed_meanwhile_is_waited_for(path, clock):
    """The log is gone, and its folder takes none: told, and tried again."""
    file = open_file(path)
    path.unlink()
    path.parent.chmod(0o500)
    write(file, clock, 0)
    assert "Permission denied" in file.error
    path.parent.chmod(0o700)
    write(file, clock, 1)
    file.close()
    assert (file.error, frames_of(path)) == ("", [0, 1])


def test_a_folder_that_cannot_be_made_meanwhile_is_waited_for(path, clock):
    """A file stands in its place, as when a disk is not mounted."""
    path = path.parent / "disk" / path.name
    file = open_file(path)
    path.unlink()
    path.parent.rmdir()
    path.parent.write_bytes(b"")
    write(file, clock, 0)
    assert file.error
    path.parent.unlink()
    write(file, clock, 1)
    file.close()
    assert (file.error, frames_of(path)) == ("", [0, 1])


def test_bytes_and_writes_are_counted(path, clock):
    """Both wear a card: what is gathered is one write."""
    file = open_file(path)
    write(file, clock, 0, 1, 2)
    write(file, clock)
    write(file, clock, 3)
    file.close()
    assert (file.bytes_written, file.flushes) == (4 * len(line(0)), 2)


def test_compressing_does_not_hold_the_log_up(path, clock, monkeypatch):
    """While the archive is busy with a large file, lines go to the disk."""
    busy, go_on = threading.Event(), threading.Event()
    tidy = Archive.tidy

    def slow(archive, is_stopped):
        busy.set()
        assert go_on.wait(30)
        tidy(archive, is_stopped)

    monkeypatch.setattr(Archive, "tidy", slow)
    kept = KeptFile(path, retry=True, flush_s=FLUSH_INTERVAL_S, keeping=SMALL, is_clock_set=lambda: True)
    assert busy.wait(30)
    for number in range(30):
        write(kept.lines, clock, number)
    assert frames_of(path) == list(range(30))
    go_on.set()
    kept.close()
    assert frames_of(path) == list(range(30))


def test_old_files_are_compressed_while_the_log_goes_on(path, clock):
    """By the thread that keeps them; it is told with each rotation."""
    kept = KeptFile(path, retry=True, flush_s=FLUSH_INTERVAL_S, keeping=SMALL, is_clock_set=lambda: True)
    for number in range(30):
        write(kept.lines, clock, number)
    tidied = threading.Event()
    kept._keeper._archive.tidy = announce(kept._keeper._archive.tidy, tidied)
    kept._keeper.ask()
    assert tidied.wait(30)
    assert all(old.path.suffix == ".gz" for old in rotated_files(path))
    kept.close()
    assert frames_of(path) == list(range(30))


def announce(call, event):
    def announced(*arguments):
        call(*arguments)
        event.set()

    return announced


def test_lines_that_wait_are_written_though_none_comes_any_more(path):
    """The camera is lost a moment after a face appeared: that line must not wait for the camera."""
    file = LinesFile(path, retry=True, flush_s=0.0)
    archive = Archive(path, SMALL.limits)
    file._pending = [line(7)]
    tended = threading.Event()
    keeper = Keeper(archive, announce(file.tend, tended), tend_s=0.01)
    keeper.start()
    assert tended.wait(30)
    assert frames_of(path) == [7]
    keeper.close()
    file.close()


def test_a_log_that_is_closed_is_not_opened_again(path, clock):
    """The thread that tends it may come a moment later."""
    file = open_file(path)
    file.close()
    path.unlink()
    clock[0] += 1000.0
    file.tend()
    assert not path.exists()


def test_an_archive_that_cannot_be_kept_is_told_and_tried_again(path, caplog):
    """A folder of another's: the log itself goes on."""
    tried = threading.Semaphore(0)

    class Closed(Archive):
        def tidy(self, _is_stopped):
            tried.release()
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "readings.000001.jsonl")

    keeper = Keeper(Closed(path, SMALL.limits), lambda: None, tend_s=0.001, tidy_s=0.002)
    keeper.start()
    assert all(tried.acquire(timeout=30) for _ in range(4))
    keeper.close()
    assert keeper.error == "Permission denied: readings.000001.jsonl"
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_the_settings_become_limits():
    """MB are 10^6 bytes; a file holds at most half of the days for which lines may be kept."""
    keeping = new_keeping(LogSettings(rotate_mb=8, rotate_days=1, keep_mb=256, keep_free_mb=100), retention_days=30)
    assert keeping == Keeping(
        8_000_000, 24 * HOUR_S, Limits(256_000_000, 100_000_000, longest_s=720 * HOUR_S, span_s=24 * HOUR_S)
    )
    assert new_keeping(LogSettings(rotate_days=7), retention_days=1).longest_s == 12 * HOUR_S
    assert new_keeping(LogSettings(), retention_days=0).limits.longest_s == 0


def test_a_device_is_never_rotated():
    """A log may go to /dev/full or a pipe: there is nothing to rename."""
    archive = Archive(Path("/dev/null"), SMALL.limits)
    assert not Rotation(Path("/dev/null"), archive, SMALL, on_change=lambda: None).is_due(1 << 30)
