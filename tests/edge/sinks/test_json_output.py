"""Readings reach standard output at once, and its faults are named or, where it was closed, kept quiet."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge.records import Box, Observation, Reading
from edge.shipped import SHIPPED_MODEL
from edge.sinks.jsonl import JsonLinesOutput

NOBODY = Observation(3, "face.png", 0.0, 0.0, (), ())
SOMEBODY = Observation(
    4, "face.png", 0.0, 0.0, (Reading(1, Box(0, 0, 50, 50), "happy", 0.8, {"happy": 0.8}, 4, 0.0, 0.01),), (1,)
)

ENDLESS = """
from edge.errors import EdgeError
from edge.records import Observation
from edge.sinks.jsonl import JsonLinesOutput

output = JsonLinesOutput(say_none=True)
try:
    while True:
        output.write(Observation(0, "clip.mp4", 0.0, 0.0, (), ()))
except EdgeError as error:
    raise SystemExit(f"{type(error).__name__}: {error}" if error.exit_code else 0)
"""


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Write observations to standard output, a file; return the lines that have reached it before it is closed."""

    def write(output, *observations):
        path = tmp_path / "stdout"
        with path.open("w") as stream:
            monkeypatch.setattr(sys, "stdout", stream)
            for item in observations:
                output.write(item)
            output.close()
            return [json.loads(line) for line in path.read_text().splitlines()]

    return write


def endless(stdout):
    return subprocess.run(  # noqa: S603  # ours
        [sys.executable, "-c", ENDLESS],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | {"PYTHONPATH": str(SHIPPED_MODEL.parents[1]), "PYTHONUNBUFFERED": ""},
    )


def test_a_line_is_there_as_soon_as_it_is_written(written):
    """A reader at the other end need not wait for a buffer to fill."""
    lines = written(JsonLinesOutput(say_none=False), SOMEBODY)
    assert [(line["frame"], line["emotion"]) for line in lines] == [(4, "happy")]


@pytest.mark.parametrize(("say_none", "frames"), [(True, [3, 4]), (False, [4])])
def test_a_picture_without_a_face_has_its_line(written, say_none, frames):
    """Each picture is answered; a video's empty frames are not."""
    lines = written(JsonLinesOutput(say_none=say_none), NOBODY, SOMEBODY)
    assert [line["frame"] for line in lines] == frames


def test_a_closed_pipe_ends_it_without_a_word():
    """Neither our error nor Python's own complaint when it flushes at exit, and exit code 0."""
    reader, writer = os.pipe()
    os.close(reader)
    done = endless(writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_behind_standard_output_is_named():
    """Redirected to a file that cannot grow: one line that says so, and nothing of Python's own."""
    with Path("/dev/full").open("w") as full:
        done = endless(full)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("SinkError: standard output cannot be written")
    assert os.strerror(errno.ENOSPC) in line
