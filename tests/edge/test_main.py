"""The command line hands its settings on, and turns every error into one line and an exit code."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge import __main__ as command_line
from edge.config import read_settings
from edge.errors import CameraError, ConfigError, ModelError, OutputClosedError, SinkError, StuckError
from edge.settings import Settings
from edge.shipped import SHIPPED_MODEL
from edge.showing import Asked

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
[name]
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
[privacy]
counts_only = true
"""


@pytest.fixture
def asked(monkeypatch):
    """What `run` was called with, in place of a run."""
    calls = []
    monkeypatch.setattr(
        "edge.run.run", lambda settings, *, json_output, asked: calls.append((settings, json_output, asked))
    )
    return calls


@pytest.fixture
def main_with(monkeypatch):
    """Run the command line with a run that fails with `error`."""

    def main(error, *options):
        def fail(*_settings, **_options):
            raise error

        monkeypatch.setattr("edge.run.run", fail)
        return command_line.main(["run", *options])

    return main


def test_every_section_of_the_file_reaches_the_run(tmp_path, asked):
    """None is forgotten on the way, and without options the file is what counts."""
    path = tmp_path / "edge.toml"
    path.write_text(EVERY_SECTION)
    assert command_line.main(["run", "--config", str(path)]) == 0
    ((settings, json_output, shown),) = asked
    expected = read_settings(path)
    assert settings == expected
    assert not json_output
    assert not shown
    for section in Settings.__struct_fields__:
        assert getattr(expected, section) != getattr(Settings(), section), f"{section} is missing above"


def test_options_go_over_the_files_sections(tmp_path, asked):
    """Each option changes its own setting, and the rest of its section stays."""
    path = tmp_path / "edge.toml"
    path.write_text(EVERY_SECTION)
    options = [
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
    ((settings, json_output, shown),) = asked
    assert (settings.source.use, settings.source.fps) == ("clip.mp4", 12.0)
    assert (settings.model.path, settings.model.interpreter) == ("my.tflite", "ai-edge-litert")
    assert (settings.log.path, settings.log.mode) == ("my.jsonl", "all")
    assert (settings.page.enabled, settings.page.port) == (True, 9000)
    assert json_output
    assert shown == Asked(view=True, annotate=Path("out.mp4"))


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (ConfigError("told"), 2),
        (CameraError("told"), 3),
        (SinkError("told"), 3),
        (ModelError("told"), 4),
        (StuckError("told"), 5),
    ],
)
def test_an_error_of_ours_has_its_exit_code_and_its_own_words(main_with, caplog, error, exit_code):
    """Without the class's name, and without a traceback."""
    assert main_with(error) == exit_code
    (record,) = caplog.records
    assert (record.levelno, record.getMessage(), record.exc_info) == (logging.ERROR, "told", None)


def test_an_error_nobody_foresaw_is_named_with_its_kind(main_with, caplog):
    """One line all the same, and exit code 1."""
    assert main_with(LookupError("told")) == 1
    (record,) = caplog.records
    assert (record.getMessage(), record.exc_info) == ("unexpected LookupError: told", None)


def test_debug_adds_the_traceback(main_with, caplog):
    """Of any error."""
    error = LookupError("told")
    main_with(error, "--debug")
    (record,) = caplog.records
    assert record.exc_info[1] is error


def test_a_reader_that_has_ended_is_not_worth_a_word(main_with, caplog):
    """Exit code 0, nothing logged."""
    assert main_with(OutputClosedError("told")) == 0
    assert caplog.records == []


@pytest.mark.parametrize(("options", "level"), [([], "INFO"), (["--debug"], "DEBUG")])
def test_debug_logs_more(tmp_path, options, level):
    """The level is set once, for all modules."""
    done = script("print(edge.__main__.logging.getLogger().getEffectiveLevel())", *options, cwd=tmp_path)
    assert done.stdout == f"{getattr(logging, level)}\n"


def test_no_command_is_an_error(capsys):
    """Rather than a run that nobody asked for."""
    with pytest.raises(SystemExit) as caught:
        command_line.main([])
    assert caught.value.code == 2
    assert "COMMAND" in capsys.readouterr().err


SCRIPT = """
import threading, sys
import edge.__main__, edge.run

def run(*_settings, **_options):
    {body}

edge.run.run = run
edge.__main__.entry()
"""


def script(body, *options, cwd, stdout=subprocess.PIPE):
    return subprocess.run(  # noqa: S603  # ours
        [sys.executable, "-c", SCRIPT.format(body=body), "run", *options],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(SHIPPED_MODEL.parents[1]), "PYTHONUNBUFFERED": ""},
    )


def test_what_was_said_is_not_lost_with_a_stuck_thread(tmp_path):
    """The process leaves by the short way, and what it has printed still reaches the pipe."""
    body = "threading.Thread(target=threading.Event().wait).start(); print('summary')"
    done = script(body, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "summary\n", "")


def test_a_person_who_reads_no_further_is_no_error(tmp_path):
    """As in `| head -1`, without `--json`: exit code 0, and not a word."""
    reader, writer = os.pipe()
    os.close(reader)
    done = script("print('frame 1', flush=True)", cwd=tmp_path, stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")
