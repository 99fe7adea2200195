"""What a log was rotated into is compressed, there once, and no more than there is room and time for."""

import contextlib
import errno
import gzip
import os
import resource
from datetime import UTC, datetime, timedelta

import pytest

from edge.sinks import archive as archive_module
from edge.sinks.archive import Archive, Limits
from edge.sinks.rotated import rotated_files

DAY_S = 86400.0
ROOMY = Limits(most_bytes=1 << 40)


def line(moment, **more):
    clock = "".join(f',"{name}":"{value}"' for name, value in more.items())
    return f'{{"time":"{moment.isoformat().replace("+00:00", "Z")}"{clock}}}\n'.encode()


def days_ago(days):
    return datetime.now(UTC) - timedelta(days=days)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "readings.jsonl"


def names(path):
    return sorted(file.name for file in path.parent.iterdir())


def numbers(path):
    return [file.number for file in rotated_files(path)]


def rotate(path, *lines, limits=ROOMY):
    path.write_bytes(b"".join(lines))
    Archive(path, limits).take()


def test_a_rotated_log_has_a_number_and_the_time_of_its_last_line(path):
    """In the order in which they were written, which is also that of their names."""
    for hour in range(3):
        rotate(path, line(datetime(2026, 11, 20, hour, tzinfo=UTC)))
    assert names(path) == [f"readings.00000{n}.20261120T0{n - 1}0000Z.jsonl" for n in (1, 2, 3)]


def test_a_clock_that_steps_by_years_changes_no_order(path):
    """First it is not set, then it is 2026, then 1970 after a boot without a network: numbers go on."""
    rotate(path, line(datetime(2024, 1, 1, tzinfo=UTC), clock="unset"))
    rotate(path, line(datetime(2026, 11, 20, tzinfo=UTC)))
    rotate(path, line(datetime(1970, 1, 1, tzinfo=UTC), clock="unset"))
    assert names(path) == ["readings.000001.jsonl", "readings.000002.20261120T000000Z.jsonl", "readings.000003.jsonl"]
    assert numbers(path) == [1, 2, 3]


def test_what_is_plain_is_compressed(path):
    """Byte for byte the same, much smaller, and there once."""
    content = [line(days_ago(0)) * 5000]
    rotate(path, *content)
    Archive(path, ROOMY).tidy()
    (packed,) = path.parent.iterdir()
    assert packed.name.endswith("Z.jsonl.gz")
    assert gzip.decompress(packed.read_bytes()) == content[0]
    assert packed.stat().st_size < len(content[0]) / 8


def test_what_was_cut_off_while_compressing_is_begun_anew(path):
    """The piece is thrown away; the plain one was still there."""
    rotate(path, line(days_ago(0)))
    plain = rotated_files(path)[0].path
    plain.with_name(plain.name + ".gz.part").write_bytes(b"half")
    Archive(path, ROOMY).tidy()
    assert names(path) == [f"{plain.name}.gz"]


def test_a_piece_of_a_file_that_is_gone_goes_too(path):
    """It was removed before it could be compressed: nobody comes back to the piece."""
    (path.parent / "readings.000001.jsonl.gz.part").write_bytes(b"half")
    Archive(path, ROOMY).tidy()
    assert names(path) == []


def test_what_was_cut_off_before_the_plain_one_went_is_there_once(path):
    """Both are whole: a reader counts one of them, and the next tidying removes the other."""
    rotate(path, line(days_ago(0)))
    (plain,) = path.parent.iterdir()
    packed = plain.with_name(plain.name + ".gz")
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert [file.path for file in rotated_files(path)] == [packed]
    Archive(path, ROOMY).tidy()
    assert names(path) == [packed.name]


def test_a_stop_ends_it_between_two_pieces(path):
    """A big file does not hold the end of the run up; nothing is lost by it."""
    rotate(path, line(days_ago(0)) * 20_000)
    (plain,) = path.parent.iterdir()
    Archive(path, ROOMY).tidy(lambda: True)
    assert rotated_files(path)[0].path == plain
    Archive(path, ROOMY).tidy()
    assert names(path) == [f"{plain.name}.gz"]


def test_a_full_disk_while_compressing_loses_nothing(path):
    """The plain one stays, and is compressed when there is room."""
    content = os.urandom(20_000)
    rotate(path, content)
    (plain,) = path.parent.iterdir()
    with largest_file(5000), pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
        Archive(path, ROOMY).tidy()
    assert list(path.parent.iterdir()) == [plain], "half a file is of no use on a full disk"
    assert plain.read_bytes() == content
    Archive(path, ROOMY).tidy()
    (packed,) = path.parent.iterdir()
    assert gzip.decompress(packed.read_bytes()) == content


@contextlib.contextmanager
def largest_file(size):
    """Limit how large a file may become, bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_the_oldest_go_when_all_together_are_too_much(path):
    """The log itself counts, and is never touched."""
    for _ in range(5):
        rotate(path, os.urandom(1000))
    path.write_bytes(bytes(2000))
    Archive(path, Limits(most_bytes=4500)).tidy()
    assert numbers(path) == [4, 5]
    assert path.stat().st_size == 2000


@pytest.mark.parametrize(("wanted", "left"), [(7, [1, 2, 3]), (9, [3]), (11, [])])
def test_the_oldest_go_until_enough_of_the_disk_is_free(path, monkeypatch, wanted, left):
    """On a disk that has room for ten files: three are there. Where too little is free even so, that is no error."""
    for _ in range(3):
        rotate(path, os.urandom(1000))
    monkeypatch.setattr(archive_module, "LEEWAY", 0)
    monkeypatch.setattr(archive_module, "_free_bytes", lambda folder: 10 - len(list(folder.iterdir())))
    Archive(path, Limits(most_bytes=1 << 40, free_bytes=wanted)).tidy()
    assert numbers(path) == left


def test_lines_are_not_kept_for_longer_than_asked_for(path):
    """A file holds up to a day, so that it goes a day earlier: then its first line is as old as may be."""
    for days in (9, 8, 6.1, 5.9, 1):
        rotate(path, line(days_ago(days)))
    Archive(path, Limits(most_bytes=1 << 40, longest_s=7 * DAY_S, span_s=DAY_S)).tidy()
    assert numbers(path) == [4, 5]


def test_a_file_from_before_the_clock_was_set_is_not_taken_for_old(path):
    """It says 1970, and was written this week: the first file after it that knows its time speaks for it."""
    rotate(path, line(datetime(1970, 1, 1, tzinfo=UTC), clock="unset"))
    rotate(path, line(days_ago(3)))
    os.utime(rotated_files(path)[0].path, (0, 0))
    keep_a_week = Limits(most_bytes=1 << 40, longest_s=7 * DAY_S)
    Archive(path, keep_a_week).tidy()
    assert numbers(path) == [1, 2]
    Archive(path, Limits(most_bytes=1 << 40, longest_s=2 * DAY_S)).tidy()
    assert numbers(path) == []


def test_while_the_clock_is_not_set_ages_go_by_what_it_shows(path):
    """It is behind and never ahead, so that nothing goes too early; but what is old by it is old."""
    for days in (9, 1):
        rotate(path, line(days_ago(days), clock="unset"))
        os.utime(path.parent / names(path)[-1], (days_ago(days).timestamp(),) * 2)
    Archive(path, Limits(most_bytes=1 << 40, longest_s=7 * DAY_S), is_clock_set=lambda: False).tidy()
    assert numbers(path) == [2]


def test_others_files_are_not_touched(path):
    """Only what has the log's name and a number is the archive's."""
    others = ["notes.jsonl", "readings.jsonl.bak", "readings.1.jsonl", "other.000001.jsonl", "readings.jsonl.1"]
    for name in others:
        (path.parent / name).write_bytes(b"x")
    rotate(path, os.urandom(1000))
    Archive(path, Limits(most_bytes=0)).tidy()
    assert names(path) == sorted(others)


def test_a_linked_log_has_its_archive_where_it_leads(path, tmp_path):
    """A link to another disk stays a link."""
    disk = tmp_path / "disk"
    disk.mkdir()
    path.symlink_to(disk / "readings.jsonl")
    rotate(path, line(days_ago(0)))
    assert path.is_symlink()
    assert numbers(disk / "readings.jsonl") == [1]
