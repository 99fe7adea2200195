"""The names of rotated files give their order and age, whatever the clock did."""

from datetime import UTC, datetime

import pytest

from edge.sinks.log.rotated_names import next_name, rotated_files


def line(moment, *, clock=None):
    mark = f',"clock":"{clock}"' if clock else ""
    return f'{{"time":"{moment.isoformat()}"{mark}}}\n'.encode()


def rotate(path, moment, *, clock=None):
    path.write_bytes(line(moment, clock=clock))
    path.rename(next_name(path))


def names(path):
    return [file.path.name for file in rotated_files(path)]


def test_a_rotated_file_is_named_after_its_number_and_last_line(log_path):
    """Files are numbered in the order in which they were written, which is also the order of their names."""
    for hour in range(3):
        rotate(log_path, datetime(2026, 11, 20, hour, tzinfo=UTC))
    assert names(log_path) == [f"readings.00000{n}.20261120T0{n - 1}0000Z.jsonl" for n in (1, 2, 3)]


def test_a_clock_that_steps_by_years_does_not_change_the_order(log_path):
    """A clock that is not set, then 2026, then 1970 after a boot without a network: the numbers continue."""
    rotate(log_path, datetime(2024, 1, 1, tzinfo=UTC), clock="unset")
    rotate(log_path, datetime(2026, 11, 20, tzinfo=UTC))
    rotate(log_path, datetime(1970, 1, 1, tzinfo=UTC), clock="unset")
    assert names(log_path) == [
        "readings.000001.jsonl",
        "readings.000002.20261120T000000Z.jsonl",
        "readings.000003.jsonl",
    ]
    assert [file.number for file in rotated_files(log_path)] == [1, 2, 3]
    assert [file.ended for file in rotated_files(log_path)] == [None, datetime(2026, 11, 20, tzinfo=UTC), None]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not JSON\n",
        b'{"time":"2026-11-20T12:00:00"}\n',
        b'{"time":"0001-01-01T00:00:00+14:00"}\n',
        b'{"time":"9999-12-31T23:59:59-12:00"}\n',
    ],
)
def test_a_file_of_another_program_gets_a_number_without_a_time(log_path, content):
    """A last line without a time, with one that lacks a time zone, or at the calendar's end, does not date the file."""
    log_path.write_bytes(content)
    assert next_name(log_path).name == "readings.000001.jsonl"


def test_a_name_with_an_impossible_time_counts_as_one_without(log_path):
    """A file that somebody else has named so must not keep the log from being rotated."""
    log_path.with_name("readings.000007.20261399T256199Z.jsonl").touch()
    assert [(file.number, file.ended) for file in rotated_files(log_path)] == [(7, None)]
    log_path.write_bytes(b"")
    assert next_name(log_path).name == "readings.000008.jsonl"


def test_a_folder_that_does_not_exist_has_no_rotated_files(tmp_path):
    """Listing the files of a log that was never written is not an error."""
    assert rotated_files(tmp_path / "none" / "readings.jsonl") == []
