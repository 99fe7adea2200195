"""A process that is killed, at whichever moment, leaves a log without a lost, a doubled or a torn line."""

import subprocess
import sys
from pathlib import Path

import pytest
from killed_writer import frames_of

REPOSITORY = Path(__file__).parents[3]
WRITER = [sys.executable, str(Path(__file__).with_name("killed_writer.py"))]


def start(*arguments):
    return subprocess.Popen(  # noqa: S603  # our own words
        [*WRITER, *map(str, arguments)], stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": str(REPOSITORY)}
    )


def numbers(text):
    return [int(number) for number in text.split(",") if number]


def test_it_may_be_killed_before_any_access_to_a_file(tmp_path):
    """Renaming, opening, compressing, removing: each in turn is the last thing that does not happen.

    What was written is there once, for whoever reads right afterwards and for the next run, which finishes the work.
    """
    with start(tmp_path / "logs", "steps") as writer:
        answers = [line.rstrip("\n").split(" ") for line in writer.stdout]
    assert writer.returncode == 0
    assert len(answers) > 40, "too few accesses: are the names of the files what the writer watches?"
    for step, written, found, after, left in answers:
        frames = numbers(found)
        assert frames == list(range(len(frames))), f"killed before access {step}: {frames}"
        assert len(frames) - int(written) in {0, 1}, f"killed before access {step}: {written} were written"
        assert numbers(after) == frames, f"killed before access {step}, after the next run"
        assert int(left) == 0, f"killed before access {step}: something is left unfinished"


@pytest.mark.parametrize("lines", [1, 37, 250])
def test_it_may_be_killed_while_it_writes(tmp_path, lines):
    """With its own thread for the archive, three times over: each run goes on where the last one was killed."""
    path = tmp_path / "readings.jsonl"
    for _ in range(3):
        with start(path, "on") as writer:
            told = [int(next(writer.stdout)) for _ in range(lines)][-1]
            writer.kill()
    frames = frames_of(path)
    assert frames == list(range(len(frames)))
    assert told < len(frames)
