"""The console prints a plain line each second, and standard output gets each reading as a JSON line at once."""

import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from samples import make_observation

from edge.model.bundled import BUNDLED_MODEL
from edge.records import MinuteCounts
from edge.sinks.console.lines import FrameRate, JsonLinesOutput, PlainLines

ENDLESS_OUTPUT = """
from edge.errors import EdgeError
from edge.records import Observation
from edge.sinks.console.lines import JsonLinesOutput

output = JsonLinesOutput(include_empty=True)
try:
    while True:
        output.write(Observation(0, "clip.mp4", 0.0, 0.0, (), ()))
except EdgeError as error:
    raise SystemExit(f"{type(error).__name__}: {error}" if error.exit_code else 0)
"""


@pytest.fixture
def write_to_stdout(tmp_path, monkeypatch):
    """Write observations to standard output, a file; return the lines that are in it before it is closed."""

    def write(output, *observations):
        path = tmp_path / "stdout"
        with path.open("w") as stream:
            monkeypatch.setattr(sys, "stdout", stream)
            for item in observations:
                output.write(item)
            output.close()
            return [json.loads(line) for line in path.read_text().splitlines()]

    return write


def run_endless_output(stdout):
    return subprocess.run(  # noqa: S603  # a constant program
        [sys.executable, "-c", ENDLESS_OUTPUT],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | {"PYTHONPATH": str(BUNDLED_MODEL.parents[1]), "PYTHONUNBUFFERED": ""},
    )


def test_the_frame_rate_is_frames_over_time(clock):
    """Sixty frames in two seconds are thirty per second."""
    counts = iter([0, 60])
    rate = FrameRate(lambda: next(counts))
    clock.advance(2.0)
    assert rate() == 30.0


def test_the_frame_rate_is_measured_since_the_previous_call(clock):
    """Thirty frames in the first second and none in the second give 30 and 0."""
    counts = iter([0, 30, 30])
    rate = FrameRate(lambda: next(counts))
    rates = []
    for _ in range(2):
        clock.advance(1.0)
        rates.append(rate())
    assert rates == [30.0, 0.0]


@pytest.mark.usefixtures("clock")
def test_the_frame_rate_over_no_time_is_zero():
    """Two calls at the same time do not divide by zero."""
    assert FrameRate(lambda: 0)() == 0.0


def test_a_plain_line_has_every_face(clock):
    """Frame, faces and their emotions are in one line."""
    stream = io.StringIO()
    lines = PlainLines(frames=lambda: 60, stream=stream)
    clock.advance(1.0)
    lines.write(make_observation("happy", "uncertain", frame_index=7))
    (line,) = stream.getvalue().splitlines()
    assert "frame 7" in line
    assert "face 1 happy 80%" in line
    assert "face 2 uncertain" in line


def test_a_plain_line_reports_that_there_is_no_face(clock):
    """A frame without a face has a line as well."""
    stream = io.StringIO()
    lines = PlainLines(frames=lambda: 0, stream=stream)
    clock.advance(1.0)
    lines.write(make_observation())
    assert "no face" in stream.getvalue()


def test_there_is_one_plain_line_per_second(tmp_path, clock):
    """Of thirty frames per second the first of each second is printed, and is readable before the next one."""
    path = tmp_path / "journal"
    with path.open("w") as stream:
        lines = PlainLines(frames=lambda: 0, stream=stream)
        start_s = clock.now_s
        for frame in range(1, 91):
            clock.now_s = start_s + frame / 30
            lines.write(make_observation("happy"))
            assert len(path.read_text().splitlines()) == frame // 30
        lines.close()


def test_a_plain_line_has_the_counts_of_a_minute(clock):
    """With `privacy.counts_only` the counts replace the faces, the most frequent emotion first."""
    stream = io.StringIO()
    lines = PlainLines(frames=lambda: 60, stream=stream)
    clock.advance(1.0)
    lines.write(make_observation(counts=MinuteCounts(60.0, 1800, 1800, 1, {"sad": 300, "happy": 1500})))
    assert "in 60 s: happy 1500, sad 300" in stream.getvalue()


def test_a_json_line_is_readable_as_soon_as_it_is_written(write_to_stdout):
    """The reader of a pipe does not wait until a buffer is full."""
    lines = write_to_stdout(JsonLinesOutput(include_empty=False), make_observation("happy", frame_index=4))
    assert [(line["frame"], line["emotion"]) for line in lines] == [(4, "happy")]


@pytest.mark.parametrize(("include_empty", "frames"), [(True, [3, 4]), (False, [4])])
def test_a_frame_without_a_face_has_a_json_line_on_request(write_to_stdout, include_empty, frames):
    """A still image always has a line; an empty frame of a video has none."""
    output = JsonLinesOutput(include_empty=include_empty)
    lines = write_to_stdout(output, make_observation(frame_index=3), make_observation("happy", frame_index=4))
    assert [line["frame"] for line in lines] == frames


def test_a_closed_pipe_ends_json_output_silently():
    """There is neither an error of the program nor one of Python, which flushes at exit; the exit code is 0."""
    reader, writer = os.pipe()
    os.close(reader)
    done = run_endless_output(writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_ends_json_output_with_one_error():
    """If standard output is a file on a full disk, there is one line of the program and none of Python."""
    with Path("/dev/full").open("w") as full:
        done = run_endless_output(full)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("SinkError: standard output cannot be written")
    assert os.strerror(errno.ENOSPC) in line
