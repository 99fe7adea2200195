"""No check can hang, crash or end the report; the exit code says whether the service would run."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from edge.doctor.catalogue import CHECKS
from edge.doctor.check import Check
from edge.doctor.context import Context
from edge.doctor.finding import failed, from_error, ok, warning
from edge.doctor.programs import ask
from edge.doctor.report import as_object, as_text, exit_code_of
from edge.doctor.runner import Line, run_checks
from edge.errors import ConfigError
from edge.shipped import SHIPPED_MODEL


def line_of(look, **options):
    (line,) = run_checks([Check("family", "name", look, 1, **options)], Context())
    return line.finding


def test_a_check_that_hangs_is_a_failed_line():
    """The next one runs all the same."""
    over = threading.Event()
    found = line_of(lambda _: over.wait() and ok("never"), limit_s=0.05)
    over.set()
    assert (found.status, found.text) == ("failed", "expected an answer within 0.05 s, found none")


def test_a_check_that_breaks_is_a_failed_line():
    """With what broke, in one line."""

    def look(_):
        raise LookupError("told\non two lines")

    found = line_of(look)
    assert found.status == "failed"
    assert "LookupError: told on two lines" in found.text


def test_our_own_errors_bring_their_remedy():
    """Their messages end in it, most of them."""

    def look(_):
        raise ConfigError("edge.toml: expected a TOML file, found none: give another path")

    assert line_of(look) == failed("edge.toml: expected a TOML file, found none", "give another path")
    assert from_error(ConfigError("source.fps: expected > 0")) == failed("source.fps: expected > 0")


@pytest.fixture
def isolated(monkeypatch):
    """Run a check in a process of its own whose catalogue has `body` in the place of its look."""

    def run(body, limit_s=30.0):
        code = (
            "import sys; sys.path.append(sys.argv.pop(1)); import edge.doctor.isolated as isolated, os, time;"
            "from edge.doctor.check import Check; from edge.doctor.finding import ok\n"
            f"def look(_):\n    {body}\n"
            "isolated.CHECKS = (Check('family', 'name', look, 1),); isolated.main()"
        )
        monkeypatch.setattr("edge.doctor.runner._START", code)
        return line_of(lambda _: ok("not here"), isolated=True, limit_s=limit_s)

    return run


def test_an_isolated_check_that_crashes_is_a_failed_line(isolated):
    """As a library does that was built for another processor."""
    found = isolated("os.kill(os.getpid(), 4)")
    assert found.status == "failed"
    assert "SIGILL" in found.text


def test_an_isolated_check_that_hangs_is_ended(isolated):
    """The process is killed: it holds no camera afterwards."""
    found = isolated("time.sleep(600)", limit_s=0.5)
    assert found.text == "expected an answer within 0.5 s, found none"


def test_an_isolated_check_may_print(isolated):
    """Libraries do; the answer is still understood, and it is the only thing on standard output."""
    assert isolated("os.write(1, b'libcamera says'); return ok('heard')") == ok("heard")


def test_an_isolated_check_that_ends_without_a_word_is_a_failed_line(isolated):
    """With the last that it said on standard error."""
    found = isolated("os.write(2, b'cannot\\n'); os._exit(1)")
    assert found.status == "failed"
    assert "cannot" in found.text


def test_a_program_that_hangs_is_ended_with_what_it_started(tmp_path):
    """A shell's child keeps the pipe open, and would keep us waiting."""
    answer = ask(["/bin/sh", "-c", f"sleep 600 & echo $! > {tmp_path}/child; wait"], limit_s=0.5)
    assert answer.exit_code is None
    child = int((tmp_path / "child").read_text())
    assert not is_running(child)


def is_running(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_program_that_is_not_there():
    """Is no answer."""
    assert ask(["no-such-program"], limit_s=1) is None


def check(name, exit_code):
    return Check("family", name, lambda _: ok(""), exit_code)


def test_the_exit_code_is_that_of_the_first_failure():
    """Warnings are none."""
    well, warned = Line(check("a", 1), ok("")), Line(check("b", 2), warning("hot", "cool it"))
    camera, model = Line(check("c", 3), failed("none")), Line(check("d", 4), failed("none"))
    assert exit_code_of([well, warned]) == 0
    assert exit_code_of([well, warned, camera, model]) == 3
    assert exit_code_of([model, camera]) == 4


def test_a_line_ends_in_its_remedy():
    """One line, with what was found and the command."""
    text = as_text(Line(check("clock", 1), warning("not set", "sudo timedatectl set-ntp true")))
    assert text.split() == ["warning", "clock", "not", "set:", "sudo", "timedatectl", "set-ntp", "true"]
    assert "\n" not in text


def test_json_says_the_same():
    """Whether it would run, the exit code, and each line's parts."""
    said = json.loads(as_object([Line(check("camera", 3), failed("none", "plug one in"))]))
    assert (said["would_run"], said["exit_code"]) == (False, 3)
    assert said["checks"] == [
        {"family": "family", "name": "camera", "status": "failed", "text": "none", "remedy": "plug one in"}
    ]


def test_every_check_has_a_name_of_its_own():
    """An isolated one is found by it."""
    names = [check.name for check in CHECKS]
    assert len(set(names)) == len(names)
    assert {check.family for check in CHECKS} >= {"board", "camera", "model", "service", "sinks", "storage", "vision"}


def doctor(*options, cwd, **environment):
    return subprocess.run(  # noqa: S603  # ours
        [sys.executable, "-m", "edge", "doctor", *map(str, options)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(SHIPPED_MODEL.parents[1])} | environment,
    )


def test_the_command_says_that_it_would_run(tmp_path, interpreter_package):
    """On this machine, with the model that ships: exit code 0, one line a check, nothing made, the camera untouched."""
    config = tmp_path / "edge.toml"
    config.write_text(f'[model]\ninterpreter = "{interpreter_package}"\n')
    done = doctor("--no-camera", "--config", config, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[-1] == "it would run"
    assert len(lines) == 1 + len([check for check in CHECKS if check.family != "camera"])
    assert all(line.startswith(("ok ", "warning ")) for line in lines[:-1])
    assert sorted(tmp_path.iterdir()) == [config]


def test_the_command_fails_with_the_first_faults_exit_code(tmp_path):
    """A wrong key: exit code 2, the nearest key named, no traceback; the rest is checked with the defaults."""
    config = tmp_path / "edge.toml"
    config.write_text("[log]\nmod = 1\n")
    done = doctor("--no-camera", "--json", "--config", config, cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    said = json.loads(done.stdout)
    (fault,) = [check for check in said["checks"] if check["status"] == "failed"]
    assert fault["name"] == "settings"
    assert "did you mean mode?" in fault["text"] + fault["remedy"]


def test_a_python_that_is_too_old_is_named_before_anything_else_is_loaded():
    """What the modules are written with does not load there."""
    code = "import sys; sys.version_info = (3, 9, 2, 'final', 0); import edge.__main__"
    done = subprocess.run(  # noqa: S603  # ours
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=SHIPPED_MODEL.parents[1]
    )
    assert done.returncode == 1
    assert done.stderr == ("error: expected Python 3.11 to 3.13, found 3.9: use Raspberry Pi OS Bookworm or Trixie\n")


def test_the_command_itself_needs_no_package():
    """Whichever is missing or broken, the report is printed: none is loaded before its own check."""
    code = "import sys, edge.__main__, edge.doctor.report; print(*sys.modules)"
    loaded = subprocess.run(  # noqa: S603  # ours
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=SHIPPED_MODEL.parents[1]
    ).stdout.split()
    assert "edge.doctor.catalogue" in loaded
    assert not {"cv2", "numpy", "msgspec", "rich"} & set(loaded)
