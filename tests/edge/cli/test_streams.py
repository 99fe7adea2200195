"""The program works without its standard streams, on a full disk, and in any locale."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from waiting import LIMIT_S

from edge.scenes.catalogue import make_scene
from edge.scenes.render import write_clip

ROOT = Path(__file__).parents[3]

FAKE_RUN = """
import os, sys
import edge.__main__, edge.cli.run

def run(*_settings, **_options):
    {body}

edge.cli.run.run = run
edge.__main__.entry()
"""

C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def shell(redirections, body, *, cwd, words="run", **environment):
    """Run the program, with `body` instead of a real run, from a shell that redirects its streams."""
    (cwd / "program.py").write_text(FAKE_RUN.format(body=body), encoding="utf-8")
    return subprocess.run(  # noqa: S603  # ours
        ["/bin/sh", "-c", f'exec "$0" program.py {words} {redirections}', sys.executable],  # ours
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": ""} | environment,
    )


BODY = "print('out'); print('err', file=sys.stderr); sys.stdin.read(); open('log', 'w').write('line')"


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"])
def test_closed_streams_do_no_harm(tmp_path, closed):
    """Without a stream the program works, and no file that it opens takes the stream's place."""
    done = shell(f"{closed} {'' if '<' in closed else '</dev/null'}", BODY, cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout == ("" if ">&-" in closed.replace("2>&-", "") else "out\n")
    assert done.stderr == ("" if "2>" in closed else "err\n")
    assert (tmp_path / "log").read_text() == "line"


@pytest.mark.parametrize(
    "body", ["print('summary')", "print('summary', flush=True)", "sys.stdout.buffer.write(b'x' * 9**6)"]
)
def test_a_full_disk_is_one_line_and_exit_code_3(tmp_path, body):
    """Whether the output is written at once or at the end."""
    done = shell(">/dev/full", body, cwd=tmp_path)
    assert done.returncode == 3
    assert done.stderr == "ERROR: standard output cannot be written: No space left on device: free some space\n"


def test_help_on_a_full_disk(tmp_path):
    done = shell(">/dev/full", "pass", cwd=tmp_path, words="--help")
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)


def test_standard_error_on_a_full_disk(tmp_path):
    """There is nowhere left to say so, and the work is done all the same."""
    done = shell("2>/dev/full", "import logging; logging.error('x'); print('out')", cwd=tmp_path)
    assert done.stdout == "out\n"
    assert done.returncode == 0


def test_text_that_the_terminal_lacks_is_escaped(tmp_path):
    done = shell("", "print('é 笑 \\udce9')", cwd=tmp_path, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stdout) == (0, "\\xe9 \\u7b11 \\udce9\n")


@pytest.mark.parametrize("locale", [C_LOCALE, {"LC_ALL": "en_US.ISO-8859-1", "PYTHONUTF8": "0"}])
def test_the_locale_does_not_matter(tmp_path, locale):
    """Names are UTF-8 in any locale, so that one from a settings file is the one on the disk."""
    body = "open('\\u00e9', 'w'); print(sys.getfilesystemencoding(), sys.argv[1:])"
    done = shell("", body, cwd=tmp_path, words="run --log ü", **locale)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "utf-8 ['run', '--log', 'ü']\n"
    assert (tmp_path / "é").exists()


def quoted(path):
    return json.dumps(str(path), ensure_ascii=False)


NAMES = ["Übung 1", "12:30 50%d", os.fsdecode(b"caf\xe9"), "a\nb\x1b[31m"]


@pytest.mark.slow
@pytest.mark.parametrize("environment", [{}, C_LOCALE], ids=["utf-8", "c"])
@pytest.mark.parametrize("name", NAMES, ids=["accent", "colon", "bytes", "control"])
def test_every_path_may_have_any_name(tmp_path, name, environment):
    """Video, model, log, annotated video and report in a folder of that name, from command line and settings."""
    folder = tmp_path / name
    folder.mkdir()
    for suffix in (".tflite", ".json"):
        shutil.copy(ROOT / "models" / f"edge_small{suffix}", folder / f"{name}{suffix}")
    clip = folder / f"{name}.mp4"
    write_clip(make_scene("one", width=320, height=240, fps=10.0, duration_s=1.0), tmp_path / "clip.mp4")
    (tmp_path / "clip.mp4").rename(clip)
    model, log = folder / f"{name}.tflite", folder / f"{name}.jsonl"
    options = ["--annotate", folder / f"{name} out.mp4"]
    if "\udce9" in name:  # TOML is UTF-8
        options += ["--source", clip, "--model", model, "--log", log]
    else:
        keys = {"source": f"use = {quoted(clip)}", "model": f"path = {quoted(model)}", "log": f"path = {quoted(log)}"}
        config = folder / "edge.toml"
        config.write_text("".join(f"[{section}]\n{key}\n" for section, key in keys.items()), encoding="utf-8")
        options += ["--config", config]
    for command in (["run", *options], ["report", log, "--out", folder / f"{name} report"]):
        done = subprocess.run(  # noqa: S603  # ours
            [sys.executable, "-m", "edge", *command],
            capture_output=True,
            timeout=LIMIT_S,
            check=False,
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        )
        assert done.returncode == 0, done.stderr
        assert b"\x1b" not in done.stdout + done.stderr
    assert log.exists()
    assert (folder / f"{name} out.mp4").stat().st_size
    assert (folder / f"{name} report" / "report.html").stat().st_size
    assert sorted(tmp_path.iterdir()) == [folder]
