"""The command line passes its settings to the run, and turns every error into one line and an exit code."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from waiting import LIMIT_S

from edge.cli import main as command_line
from edge.errors import CameraError, ConfigError, ModelError, OutputClosedError, SinkError, StuckError
from edge.model.bundled import BUNDLED_MODEL
from edge.pipeline.sinks import ViewOptions
from edge.settings.load import read_settings
from edge.settings.schema import Settings

EVERY_SECTION = """
profile = "low-power"
[source]
fps = 12.0
[detect]
min_face_px = 60
[scan]
face_px = 40
[schedule]
idle_after_s = 3.0
[track]
min_hits = 4
[model]
interpreter = "ai-edge-litert"
[classify]
min_face_px = 40
[smooth]
hysteresis = 0.2
[log]
mode = "all"
[page]
port = 9000
[display]
device = "ssd1306"
[mqtt]
host = "broker"
[metrics]
enabled = true
[hook]
command = ["true"]
[privacy]
counts_only = true
"""


@pytest.fixture
def runs(monkeypatch):
    """A list of the arguments of each call of `run`, which does nothing."""
    calls = []
    monkeypatch.setattr(
        "edge.cli.run.run",
        lambda settings, *, json_output, views, read_settings, **_credentials: calls.append(
            (settings, json_output, views, read_settings)
        ),
    )
    return calls


@pytest.fixture
def main_with(monkeypatch):
    """Return a function that calls the command line with a run that raises `error`."""

    def main(error, *options):
        def fail(*_settings, **_options):
            raise error

        monkeypatch.setattr("edge.cli.run.run", fail)
        return command_line.main(["run", *options])

    return main


def test_every_section_of_the_configuration_reaches_the_run(tmp_path, runs):
    """Without further options the run gets exactly the settings of the configuration."""
    path = tmp_path / "edge.toml"
    path.write_text(EVERY_SECTION)
    assert command_line.main(["run", "--config", str(path)]) == 0
    ((settings, json_output, views, reread),) = runs
    expected = read_settings(path)
    assert settings == expected == reread()
    assert not json_output
    assert not views
    for section in Settings.__struct_fields__:
        assert getattr(expected, section) != getattr(Settings(), section), f"{section} is missing above"


def test_options_override_the_configuration(tmp_path, runs):
    """Each option changes its own setting, and the rest of its section stays."""
    path = tmp_path / "edge.toml"
    path.write_text(EVERY_SECTION)
    options = [
        "--loop",
        "--source",
        "clip.mp4",
        "--model",
        "my.tflite",
        "--log",
        "my.jsonl",
        "--json",
        "--page",
        "--view",
        "--annotate",
        "out.mp4",
    ]
    command_line.main(["run", "--config", str(path), *options])
    ((settings, json_output, views, reread),) = runs
    assert (settings.source.use, settings.source.loop, settings.source.fps) == ("clip.mp4", True, 12.0)
    assert (settings.model.path, settings.model.interpreter) == ("my.tflite", "ai-edge-litert")
    assert (settings.log.path, settings.log.mode) == ("my.jsonl", "all")
    assert (settings.page.enabled, settings.page.port) == (True, 9000)
    assert json_output
    assert views == ViewOptions(view=True, annotate=Path("out.mp4"))
    assert reread() == settings  # a reload keeps them


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (ConfigError("reason"), 2),
        (CameraError("reason"), 3),
        (SinkError("reason"), 3),
        (ModelError("reason"), 4),
        (StuckError("reason"), 5),
    ],
)
def test_our_errors_have_their_exit_codes(main_with, caplog, error, exit_code):
    """An error of ours is logged as its message alone, without its class and a traceback."""
    assert main_with(error) == exit_code
    (record,) = caplog.records
    assert (record.levelno, record.getMessage(), record.exc_info) == (logging.ERROR, "reason", None)


def test_unexpected_error_is_one_line(main_with, caplog):
    """Any other exception is logged in one line with its class, and the exit code is 1."""
    assert main_with(LookupError("reason")) == 1
    (record,) = caplog.records
    assert (record.getMessage(), record.exc_info) == ("unexpected LookupError: reason", None)


def test_debug_adds_the_traceback(main_with, caplog):
    """With `--debug` the error is logged with its traceback."""
    error = LookupError("reason")
    main_with(error, "--debug")
    (record,) = caplog.records
    assert record.exc_info[1] is error


def test_closed_output_is_no_error(main_with, caplog):
    """If the reader of standard output has ended, nothing is logged and the exit code is 0."""
    assert main_with(OutputClosedError("reason")) == 0
    assert caplog.records == []


@pytest.mark.parametrize(("options", "level"), [([], "INFO"), (["--debug"], "DEBUG")])
def test_debug_sets_the_log_level(tmp_path, options, level):
    """`--debug` sets the level of all modules to DEBUG."""
    done = script("print(__import__('logging').getLogger().getEffectiveLevel())", *options, cwd=tmp_path)
    assert done.stdout == f"{getattr(logging, level)}\n"


def test_no_command_is_an_error(capsys):
    """Without a command nothing runs, and the exit code is 2."""
    with pytest.raises(SystemExit) as caught:
        command_line.main([])
    assert caught.value.code == 2
    assert "COMMAND" in capsys.readouterr().err


SCRIPT = """
import threading, sys
import edge.__main__, edge.cli.run

def run(*_settings, **_options):
    {body}

edge.cli.run.run = run
edge.__main__.entry()
"""


def script(body, *options, cwd, stdout=subprocess.PIPE):
    return subprocess.run(  # noqa: S603  # ours
        [sys.executable, "-c", SCRIPT.format(body=body), "run", *options],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=LIMIT_S,
        check=False,
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(BUNDLED_MODEL.parents[1]), "PYTHONUNBUFFERED": ""},
    )


def test_output_is_flushed_despite_a_stuck_thread(tmp_path):
    """A process that ends at once because of a stuck thread still writes what it has printed."""
    body = "threading.Thread(target=threading.Event().wait).start(); print('summary')"
    done = script(body, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "summary\n", "")


def test_closed_pipe_is_no_error(tmp_path):
    """If the reader ends, as in `| head -1` without `--json`, the exit code is 0 and standard error stays empty."""
    reader, writer = os.pipe()
    os.close(reader)
    done = script("print('frame 1', flush=True)", cwd=tmp_path, stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")
