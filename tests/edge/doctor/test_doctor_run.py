"""No check can hang, crash or end the report, and the exit code says whether the service would run."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from waiting import LIMIT_S, wait_for

from edge.doctor.check import Check, Context, failed, from_error, ok, warning
from edge.doctor.programs import run_program
from edge.doctor.report import exit_code_of, format_json, format_line
from edge.doctor.runner import CHECKS, CheckResult, run_checks
from edge.errors import ConfigError
from edge.model.bundled import BUNDLED_MODEL

pytestmark = pytest.mark.slow


def finding_of(run, **options):
    (result,) = run_checks([Check("family", "name", run, 1, **options)], Context())
    return result.finding


def test_check_that_hangs_fails():
    """A check that exceeds its time limit is a failure, and the report goes on."""
    over = threading.Event()
    finding = finding_of(lambda _: over.wait() and ok("never"), limit_s=0.05)
    over.set()
    assert (finding.status, finding.text) == ("failed", "expected a result within 0.05 s, found none")


def test_check_that_raises_fails():
    """An unexpected exception becomes a failure with its type and message in one line."""

    def run(_):
        raise LookupError("broken\non two lines")

    finding = finding_of(run)
    assert finding.status == "failed"
    assert "LookupError: broken on two lines" in finding.text


def test_error_of_ours_brings_its_remedy():
    """The last part of our error's message becomes the remedy, unless it says what was expected."""

    def run(_):
        raise ConfigError("edge.toml: expected a TOML file, found none: give another path")

    assert finding_of(run) == failed("edge.toml: expected a TOML file, found none", "give another path")
    assert from_error(ConfigError("source.fps: expected > 0")) == failed("source.fps: expected > 0")


@pytest.fixture
def run_isolated(monkeypatch):
    """Run a check with this body in a process of its own, and return its finding."""

    def run(body, limit_s=30.0):
        code = (
            "import sys; sys.path.append(sys.argv.pop(1)); import edge.doctor.runner as runner, os, time;"
            "from edge.doctor.check import Check, ok\n"
            f"def run(_):\n    {body}\n"
            "runner.CHECKS = (Check('family', 'name', run, 1),); runner.child_main()"
        )
        monkeypatch.setattr("edge.doctor.runner._CHILD", code)
        return finding_of(lambda _: ok("not here"), isolated=True, limit_s=limit_s)

    return run


def test_isolated_check_that_crashes_fails(run_isolated):
    """A check that a signal ends, as by a library for another processor, is a failure that names the signal."""
    finding = run_isolated("os.kill(os.getpid(), 4)")
    assert finding.status == "failed"
    assert "SIGILL" in finding.text


def test_isolated_check_that_hangs_is_ended(run_isolated):
    """The process of a check that exceeds its time limit is killed, so it holds no camera afterwards."""
    finding = run_isolated("time.sleep(600)", limit_s=0.5)
    assert finding.text == "expected a result within 0.5 s, found none"


def test_isolated_check_may_print(run_isolated):
    """What a library prints to standard output does not disturb the finding."""
    assert run_isolated("os.write(1, b'libcamera says'); return ok('found')") == ok("found")


def test_isolated_check_without_a_finding_fails(run_isolated):
    """A process that ends without a finding is a failure with the last line of its standard error."""
    finding = run_isolated("os.write(2, b'cannot\\n'); os._exit(1)")
    assert finding.status == "failed"
    assert "cannot" in finding.text


def test_program_that_hangs_is_killed_with_its_children(tmp_path):
    """A shell's child, which keeps the output pipe open, is killed as well."""
    child = tmp_path / "child"
    for limit_s in (0.1, 1.0, LIMIT_S):  # on a busy machine the shell may not have started within the shorter ones
        script = f"sleep 600 & echo $! > {child}.new; mv {child}.new {child}; wait"
        result = run_program(["/bin/sh", "-c", script], limit_s=limit_s)
        assert result.exit_code is None
        if child.exists():
            break
    wait_for(lambda: not is_running(int(child.read_text())))


def is_running(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_missing_program_gives_no_result():
    """Running a program that does not exist returns None."""
    assert run_program(["no-such-program"], limit_s=1) is None


def check(name, exit_code):
    return Check("family", name, lambda _: ok(""), exit_code)


def test_exit_code_is_that_of_the_first_failure():
    """Warnings do not count, and of several failures the first one's exit code is returned."""
    well, warned = CheckResult(check("a", 1), ok("")), CheckResult(check("b", 2), warning("hot", "cool it"))
    camera, model = CheckResult(check("c", 3), failed("none")), CheckResult(check("d", 4), failed("none"))
    assert exit_code_of([well, warned]) == 0
    assert exit_code_of([well, warned, camera, model]) == 3
    assert exit_code_of([model, camera]) == 4


def test_line_ends_with_the_remedy():
    """A finding is one line of status, name, text and remedy."""
    text = format_line(CheckResult(check("clock", 1), warning("not set", "sudo timedatectl set-ntp true")))
    assert text.split() == ["warning", "clock", "not", "set:", "sudo", "timedatectl", "set-ntp", "true"]
    assert "\n" not in text


def test_json_has_the_same_findings():
    """The JSON object says whether the service would run, the exit code, and the parts of each line."""
    report = json.loads(format_json([CheckResult(check("camera", 3), failed("none", "plug one in"))]))
    assert (report["would_run"], report["exit_code"]) == (False, 3)
    assert report["checks"] == [
        {"family": "family", "name": "camera", "status": "failed", "text": "none", "remedy": "plug one in"}
    ]


def test_every_check_has_a_unique_name():
    """The process of an isolated check finds it by its name."""
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
        env=os.environ | {"PYTHONPATH": str(BUNDLED_MODEL.parents[1])} | environment,
    )


def test_command_reports_that_it_would_run(tmp_path, interpreter_package):
    """On this machine with the bundled model: exit code 0, one line a check, no file created, the camera not opened."""
    config = tmp_path / "edge.toml"
    config.write_text(f'[model]\ninterpreter = "{interpreter_package}"\n')
    done = doctor("--no-camera", "--config", config, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[-1] == "it would run"
    assert len(lines) == 1 + len([check for check in CHECKS if check.family != "camera"])
    assert all(line.startswith(("ok ", "warning ")) for line in lines[:-1])
    assert sorted(tmp_path.iterdir()) == [config]


def test_command_fails_with_the_exit_code_of_the_first_failure(tmp_path):
    """A wrong key is exit code 2 with the nearest key and no traceback; the other checks use the defaults."""
    config = tmp_path / "edge.toml"
    config.write_text("[log]\nmod = 1\n")
    done = doctor("--no-camera", "--json", "--config", config, cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    report = json.loads(done.stdout)
    (failure,) = [check for check in report["checks"] if check["status"] == "failed"]
    assert failure["name"] == "settings"
    assert "did you mean mode?" in failure["text"] + failure["remedy"]


def test_command_warns_once_of_a_renamed_section(tmp_path):
    """A configuration with the old section [name] gives one warning, though several checks read the settings."""
    config = tmp_path / "edge.toml"
    config.write_text("[name]\nrate_hz = 5.0\n")
    done = doctor("--no-camera", "--config", config, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr.count("[name] is now called [classify]") == 1


def test_python_that_is_too_old_is_reported_before_anything_else_is_loaded():
    """An older Python, which could not import the modules, gets one line that says which versions are supported."""
    code = "import sys; sys.version_info = (3, 9, 2, 'final', 0); import edge.__main__"
    done = subprocess.run(  # noqa: S603  # ours
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=BUNDLED_MODEL.parents[1]
    )
    assert done.returncode == 1
    assert done.stderr == ("error: expected Python 3.11 to 3.13, found 3.9: use Raspberry Pi OS Bookworm or Trixie\n")


def test_report_needs_no_package():
    """No third-party package is imported before the check that examines it, so any may be missing or broken."""
    code = "import sys, edge.__main__, edge.doctor.report; print(*sys.modules)"
    loaded = subprocess.run(  # noqa: S603  # ours
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=BUNDLED_MODEL.parents[1]
    ).stdout.split()
    assert "edge.doctor.runner" in loaded
    assert not {"cv2", "numpy", "msgspec", "rich"} & set(loaded)
