"""The command does what the README says, and reports bad input in one line with its exit code."""

import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from waiting import LIMIT_S

from edge.labels import CLASS_SETS
from edge.model.bundled import BUNDLED_MODEL
from edge.model.manifest import manifest_path
from edge.scenes.catalogue import make_scene

pytestmark = pytest.mark.slow

LINE_KEYS = {"time", "media_time_s", "source", "frame", "track", "box", "emotion"} | {
    "confidence",
    "probabilities",
    "latency_ms",
}

ENVIRONMENT = os.environ | {"PYTHONPATH": str(BUNDLED_MODEL.parents[1])}
"""Lets the command run in any folder."""


def command(*options):
    return [sys.executable, "-m", "edge", "run", *map(str, options)]


def run(*options, **kwargs):
    return subprocess.run(command(*options), capture_output=True, text=True, timeout=LIMIT_S, check=False, **kwargs)  # noqa: S603  # ours


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def package_config(tmp_path, interpreter_package):
    """A configuration with the interpreter under test."""
    path = tmp_path / "edge.toml"
    path.write_text(f'[model]\ninterpreter = "{interpreter_package}"\n')
    return path


@pytest.fixture
def pictures(tmp_path):
    """A folder with two good pictures, one of them without a face, an empty one and a broken one."""
    folder = tmp_path / "pictures"
    (folder / "happy").mkdir(parents=True)
    cv2.imwrite(str(folder / "happy" / "face.png"), make_scene("one").frame(0)[0])
    cv2.imwrite(str(folder / "nobody.png"), make_scene("empty").frame(0)[0])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    return folder


def test_clip_is_logged_and_summarized(tmp_path, demo_clip, package_config):
    """A clip gives a documented line for each face in each frame, a summary with the log's path, and exit code 0."""
    log = tmp_path / "log.jsonl"
    done = run("--source", demo_clip, "--log", log, "--config", package_config)
    assert done.returncode == 0, done.stderr
    lines = lines_of(log)
    assert all(set(line) == LINE_KEYS for line in lines)
    assert {line["source"] for line in lines} == {"demo.mp4"}
    assert len(lines) > 100
    assert f"log: {log}" in done.stdout
    assert "p95" in done.stdout


def test_pictures_are_logged_and_broken_ones_skipped(tmp_path, pictures, package_config):
    """Each good picture has a line, with null for no face; the unreadable ones are named and counted."""
    log = tmp_path / "log.jsonl"
    done = run("--source", pictures, "--log", log, "--config", package_config)
    assert done.returncode == 0, done.stderr
    assert [(line["source"], line["emotion"]) for line in lines_of(log)] == [
        ("happy/face.png", "happy"),
        ("nobody.png", None),
    ]
    assert "empty.jpg" in done.stderr
    assert "broken.png" in done.stderr
    assert "2 skipped" in done.stdout


def test_five_emotions_of_a_model_with_seven(tmp_path, pictures, package_config):
    """With `--classes 5` the log has five probabilities, which sum to 1, although the model has seven."""
    log = tmp_path / "log.jsonl"
    done = run("--source", pictures, "--log", log, "--classes", 5, "--config", package_config)
    assert done.returncode == 0, done.stderr
    probabilities = lines_of(log)[0]["probabilities"]
    assert tuple(probabilities) == CLASS_SETS[5]
    assert sum(probabilities.values()) == pytest.approx(1, abs=1e-3)


def test_json_is_alone_on_standard_output(tmp_path, pictures, package_config):
    """With `--json` standard output has the readings only, and the summary goes to standard error."""
    done = run("--source", pictures, "--log", tmp_path / "log.jsonl", "--json", "--config", package_config)
    assert [json.loads(line)["source"] for line in done.stdout.splitlines()] == ["happy/face.png", "nobody.png"]
    assert "2 pictures processed" in done.stderr


def test_reader_that_ends_is_no_error(tmp_path, demo_clip):
    """If the reader ends, as in `| head -1`, the run ends with exit code 0 and logs no error."""
    pipe = subprocess.Popen(  # noqa: S603  # ours
        command("--source", demo_clip, "--log", tmp_path / "log.jsonl", "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    json.loads(pipe.stdout.readline())
    pipe.stdout.close()
    errors = pipe.stderr.read()
    pipe.stderr.close()
    assert pipe.wait(LIMIT_S) == 0
    assert "Error" not in errors
    assert "Traceback" not in errors


PATIENT = f"""
import edge.__main__
from edge.runtime import workers

workers.JOIN_TIMEOUT_S = {LIMIT_S}
edge.__main__.entry()
"""
"""The program, which lets its threads take as long to end as a very busy machine needs."""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_a_run_with_a_complete_log(tmp_path, number):
    """Ctrl-C and SIGTERM end a live run with exit code 0, whole lines, and a departure for each appearance."""
    log = tmp_path / "log.jsonl"
    with subprocess.Popen(  # noqa: S603  # ours
        [sys.executable, "-c", PATIENT, "run", "--source", "scene:three", "--log", str(log)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        for line in process.stdout:
            if "face 3" in line:
                break
        process.send_signal(number)
        process.stdout.read()
        assert process.wait(LIMIT_S) == 0
    assert log.read_text().endswith("\n")
    events = [line["event"] for line in lines_of(log)]
    assert events.count("appeared") == events.count("left") == 3


def test_q_ends_a_run_on_a_terminal(tmp_path):
    """On a terminal the table is drawn, and the key `q` ends the run with exit code 0."""
    parent, child = pty.openpty()
    with subprocess.Popen(  # noqa: S603  # ours
        command("--source", "scene:one"), stdin=child, stdout=child, stderr=child, cwd=tmp_path, env=ENVIRONMENT
    ) as process:
        os.close(child)
        shown = read_terminal(parent, until=b"happy")
        assert b"log: readings.jsonl   q: quit" in shown
        os.write(parent, b"q")
        read_terminal(parent, until=b"frame to reading")
        assert process.wait(LIMIT_S) == 0
    os.close(parent)
    assert (tmp_path / "readings.jsonl").exists()


def read_terminal(terminal, *, until):
    shown = b""
    deadline = time.monotonic() + LIMIT_S
    while until not in shown:
        assert select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))[0], shown[-2000:]
        shown += os.read(terminal, 4096)
    return shown


def random_model(folder):
    path = folder / "random.tflite"
    shutil.copy(manifest_path(BUNDLED_MODEL), manifest_path(path))
    path.write_bytes(np.random.default_rng(0).bytes(1000))
    return path


def written(folder, name, content):
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("options", "exit_code", "words"),
    [
        (lambda folder: ["--source", folder / "none.mp4"], 3, "none.mp4"),
        (lambda folder: ["--source", written(folder, "noise.mp4", bytes(range(256)) * 8)], 3, "noise.mp4"),
        (lambda folder: ["--source", written(folder, "empty.mp4", b"")], 3, "empty.mp4"),
        (lambda folder: ["--source", written(folder, "empty.png", b"")], 3, "empty.png"),
        (lambda _: ["--source", "/dev/video99"], 3, "/dev/video99"),
        (lambda _: ["--source", "scene:nothing"], 2, "nothing"),
        (lambda folder: ["--model", folder / "none.tflite"], 4, "none.tflite"),
        (lambda folder: ["--model", random_model(folder)], 4, "expected sha256"),
        (lambda folder: ["--log", written(folder, "file", b"") / "log.jsonl"], 3, "expected a log file"),
        (lambda folder: ["--config", folder / "none.toml"], 2, "none.toml"),
        (lambda folder: ["--config", written(folder, "edge.toml", b"no toml")], 2, "no TOML"),
        (lambda folder: ["--config", written(folder, "edge.toml", b"[log]\nmod = 1")], 2, "did you mean mode?"),
        (lambda _: ["--rotate", "45"], 2, "rotate: invalid enum value 45: expected one of 0, 90, 180, 270, 'auto'"),
        (lambda _: ["--rotate", "left"], 2, "expected one of 0, 90, 180, 270, 'auto'"),
        (lambda folder: ["--config", written(folder, "s.toml", b"[source]\ncrop=[0,0,999,99]")], 2, "the 640x480 px"),
        (lambda folder: ["--config", written(folder, "c.toml", b"[detect]\ncascade = 'x.xml'")], 2, "x.xml"),
    ],
)
def test_bad_input_gives_one_line_and_its_exit_code(tmp_path, options, exit_code, words):
    """Every kind of bad input is reported in one line that names it, without a traceback."""
    base = ["--log", tmp_path / "log.jsonl", "--source", "scene:one"]
    done = run(*base, *options(tmp_path), cwd=tmp_path, env=ENVIRONMENT)
    assert done.returncode == exit_code, done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    assert len(errors) == 1
    assert words in errors[0]
    assert "Traceback" not in done.stderr


def test_debug_shows_the_traceback(tmp_path):
    """`--debug` adds the traceback to the error."""
    done = run("--source", tmp_path / "none.mp4", "--debug", "--log", tmp_path / "log.jsonl")
    assert done.returncode == 3
    assert "Traceback" in done.stderr


@pytest.mark.skipif(not Path("/sys/class").exists(), reason="this system has no /sys")
def test_log_that_may_not_be_written():
    """A log in /sys, where not even root may create a file, gives exit code 3 and the reason."""
    done = run("--source", "scene:one", "--log", "/sys/log.jsonl")
    assert done.returncode == 3
    assert "Permission denied" in done.stderr


HUNG = """
import threading
import edge.__main__, edge.pipeline.build

class Hung:
    name, live, is_camera, is_still_images, skipped = "hung", True, True, False, 0

    def read(self):
        print("reading", flush=True)
        threading.Event().wait()

    close = read

edge.pipeline.build.open_source = lambda *_, **__: Hung()
edge.__main__.entry()
"""


def test_stop_with_a_hung_driver_has_its_own_exit_code(tmp_path):
    """SIGTERM while a `read` never returns ends the process with exit code 5 and an error that names the thread."""
    with subprocess.Popen(  # noqa: S603  # ours
        [sys.executable, "-c", HUNG, "run", "--log", str(tmp_path / "log.jsonl")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    ) as process:
        assert "reading\n" in process.stdout  # waits until that line, or the end
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 5
    assert "capture" in errors
    assert "Traceback" not in errors
