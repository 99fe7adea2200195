"""A process that is killed at any moment leaves a log without a lost, duplicated or torn line."""

import subprocess
import sys
from pathlib import Path

import pytest
from log_files import line_numbers

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[4]
WRITER = [sys.executable, str(Path(__file__).with_name("killed_writer.py"))]


def start_writer(*arguments):
    return subprocess.Popen(  # noqa: S603  # a program of these tests
        [*WRITER, *map(str, arguments)], stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": str(REPOSITORY)}
    )


def numbers(text):
    return [int(number) for number in text.split(",") if number]


def test_a_kill_before_any_file_access_loses_no_line(tmp_path):
    """Whichever file access is the first that no longer happens, every written line is found exactly once.

    That holds right after the kill and after the next run, which compresses what was left uncompressed.
    """
    with start_writer(tmp_path / "logs", "steps") as writer:
        rows = [line.rstrip("\n").split(" ") for line in writer.stdout]
    assert writer.returncode == 0
    assert len(rows) > 40, "too few accesses: does the writer still recognize the files of the log?"
    for step, written, found, found_next, left in rows:
        assert numbers(found) == list(range(len(numbers(found)))), f"killed before access {step}: {found}"
        assert len(numbers(found)) - int(written) in {0, 1}, f"killed before access {step}: {written} were written"
        assert found_next == found, f"killed before access {step}, after the next run"
        assert int(left) == 0, f"killed before access {step}: uncompressed files are left"


@pytest.mark.parametrize("lines", [1, 37, 250])
def test_a_kill_while_writing_loses_no_line(tmp_path, lines):
    """Three runs, with the maintenance thread, each killed from outside: each continues where the last one ended."""
    path = tmp_path / "readings.jsonl"
    for _ in range(3):
        with start_writer(path, "endless") as writer:
            last_printed = [int(next(writer.stdout)) for _ in range(lines)][-1]
            writer.kill()
    found = line_numbers(path)
    assert found == list(range(len(found)))
    assert last_printed < len(found)
