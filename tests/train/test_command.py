"""`run_command`: a Ctrl-C that a library swallows ends the command; `run_program`: any standard streams do."""

import contextlib
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from waiting import LIMIT_S

from edge.errors import ModelError
from edge.labels import EMOTIONS
from train.command import check_interrupt, latch_interrupts, run_command
from train.fit import fit
from train.run_folder import LAST

ROOT = Path(__file__).parents[2]


def swallow(number):
    """Raise a signal and suppress its KeyboardInterrupt, as a library may."""
    with contextlib.suppress(KeyboardInterrupt):
        signal.raise_signal(number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_swallowed_signal_is_raised_again_by_check_interrupt(number):
    """`check_interrupt` raises once a signal was swallowed; outside the context the old handlers are back."""
    before = signal.getsignal(number)
    with latch_interrupts():
        check_interrupt()
        swallow(number)
        with pytest.raises(KeyboardInterrupt):
            check_interrupt()
    assert signal.getsignal(number) is before
    check_interrupt()


def test_next_command_starts_without_the_signal(capsys):
    """A signal that ended one command does not end the next."""

    def body():
        swallow(signal.SIGINT)
        check_interrupt()

    assert run_command("first", body, stopped="stopped", debug=False) == 130
    assert capsys.readouterr().err == "first: stopped\n"
    assert run_command("second", check_interrupt, stopped="stopped", debug=False) == 0


def test_interrupt_that_became_another_error_is_still_an_interrupt(capsys):
    """An error after a swallowed signal counts as Ctrl-C, with 130; the same error without a signal as an error."""

    def body():
        swallow(signal.SIGINT)
        raise ModelError("a net of operations")

    def failing():
        raise ModelError("a net of operations")

    assert run_command("first", body, stopped="stopped", debug=False) == 130
    assert run_command("second", failing, stopped="stopped", debug=False) == 4
    assert capsys.readouterr().err == "first: stopped\nsecond: a net of operations\n"


@pytest.mark.usefixtures("tiny_build", "eager")
def test_training_stops_though_the_signal_was_swallowed(face_data, new_state, tmp_path):
    """After a swallowed signal, training stops at the next batch without saving an epoch."""
    with latch_interrupts():
        swallow(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            fit(face_data, tmp_path, new_state())
    assert not (tmp_path / LAST).exists()


def test_a_line_reaches_a_pipe_at_once():
    """What a command prints is there while the command still works, although its output is no terminal."""
    code = (
        "import sys; from train.command import run_command\n"
        "def body(): print('epoch 1'); sys.stdin.readline()\n"
        "sys.exit(run_command('train', body, stopped='', debug=False))"
    )
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    with subprocess.Popen(  # noqa: S603  # our own words
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
    ) as process:
        ready, _, _ = select.select([process.stdout], [], [], LIMIT_S)
        assert ready
        assert process.stdout.readline() == "epoch 1\n"
        process.communicate("\n")
    assert process.returncode == 0


MODULES = ("train", "train.evaluate", "train.conditions", "train.faces", "train.augmentation_sheet", "convert")

FAKE_STAGE = """
import os, sys
from train.command import run_command, run_program
from train.native_logs import capture_native_logs

def body():
    with capture_native_logs():
        os.write(2, b'native')
    print('out')
    open('log', 'w').write('line')

run_program(lambda: run_command('stage', body, stopped='', debug=False))
"""


def stage(words, redirections, folder):
    """Run Python with `words` from a shell that redirects its streams."""
    return subprocess.run(  # noqa: S603  # ours
        ["/bin/sh", "-c", f'exec "$0" "$@" {redirections}', sys.executable, *words],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


@pytest.mark.slow
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_do_no_harm(tmp_path, closed):
    """Without a stream a stage works, and no file that it opens takes the stream's place."""
    done = stage(["-c", FAKE_STAGE], closed, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == ("" if ">&-" in closed.replace("2>&-", "") else "out\n")
    assert (tmp_path / "log").read_text() == "line"


@pytest.mark.slow
@pytest.mark.parametrize("module", MODULES)
def test_a_full_disk_is_one_line_and_exit_code_3(tmp_path, module):
    """Every stage is started in that way."""
    done = stage(["-m", module, "--help"], ">/dev/full", tmp_path)
    assert done.returncode == 3
    assert done.stderr == "ERROR: standard output cannot be written: No space left on device: free some space\n"


@pytest.mark.slow
def test_names_in_messages_are_escaped(tmp_path):
    """A folder's name cannot send a command to the terminal, or begin a line of its own."""
    folder = tmp_path / "a\x1b[31m\nb"
    for emotion in (*EMOTIONS, "contempt"):
        for split in ("train", "test"):
            (folder / split / emotion).mkdir(parents=True)
            for number in range(4):
                pixels = np.full((48, 48), 60 * number, np.uint8)
                (folder / split / emotion / f"{number}.png").write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
    done = stage(["-m", "train.augmentation_sheet", "--data", str(folder), "--out", "\x1b[31m.png"], "", tmp_path)
    assert done.returncode == 0, done.stderr
    assert r"a\x1b[31m\nb/train/contempt: left out 4 images" in done.stderr
    assert done.stdout == "\\x1b[31m.png\n"
    assert "\x1b" not in done.stderr
