"""Under a limit of address space a command does its work, or ends with one clear line and exit code 6."""

import json
import os
import subprocess
import sys

import pytest
from waiting import LIMIT_S

from edge.model.bundled import BUNDLED_MODEL

pytestmark = pytest.mark.slow

UNCHECKED = """
import sys
from edge.__main__ import entry
from edge.cli import main
main.RUN_BYTES = 0
entry()
"""
"""The program without the check at its start, so that a shortage comes where the memory ends."""


def run_limited(megabytes, *words):
    environment = os.environ | {"PYTHONPATH": str(BUNDLED_MODEL.parents[1])}
    return subprocess.run(  # noqa: S603  # ours
        ["prlimit", f"--as={megabytes << 20}", sys.executable, *map(str, words)],  # noqa: S607  # of the system
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
        env=environment,
    )


def check_refusal(done):
    assert done.returncode == 6, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("ERROR: expected ")
    assert "found" in line


@pytest.mark.parametrize("megabytes", [200, 460])
def test_a_run_names_what_it_takes_before_it_begins(tmp_path, demo_clip, megabytes):
    """Below 480 MB one line names the limit, and nothing is written."""
    log = tmp_path / "log.jsonl"
    done = run_limited(megabytes, "-m", "edge", "run", "--source", demo_clip, "--log", log)
    check_refusal(done)
    assert f"expected 480 MB of address space, found a limit of {megabytes} MB (ulimit -v)" in done.stderr
    assert not log.exists()


@pytest.mark.parametrize("megabytes", [520, 600])
def test_a_run_that_begins_is_complete(tmp_path, demo_clip, megabytes):
    """Beyond that it logs the whole clip, although the C library would reserve 64 MB for each thread."""
    log = tmp_path / "log.jsonl"
    done = run_limited(megabytes, "-m", "edge", "run", "--source", demo_clip, "--log", log)
    assert done.returncode == 0, done.stderr
    assert len([json.loads(line) for line in log.read_text().splitlines()]) > 100


@pytest.mark.parametrize("megabytes", range(200, 480, 40))
def test_a_shortage_anywhere_is_one_line(tmp_path, demo_clip, megabytes):
    """While numpy, OpenCV or the interpreter are loaded, the decoder or a thread is started: one line each."""
    log = tmp_path / "log.jsonl"
    done = run_limited(megabytes, "-c", UNCHECKED, "run", "--source", demo_clip, "--log", log)
    if done.returncode:
        check_refusal(done)


def test_a_report_needs_little(tmp_path):
    """A report on a log takes less than 200 MB of address space."""
    log = tmp_path / "log.jsonl"
    log.write_text('{"time": "2026-11-20T12:00:00.000Z", "event": "started", "source": "c"}\n')
    done = run_limited(200, "-m", "edge", "report", log, "--out", tmp_path / "report")
    assert "expected more memory" not in done.stderr
    assert "Traceback" not in done.stderr
