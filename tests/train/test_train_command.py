"""The command line of training: what it refuses, how it goes on, what it says."""

import shlex
import signal
from pathlib import Path

import pytest

from train.__main__ import go_on, main, new_settings, parse_arguments
from train.augment import Augmentation
from train.state import BEST, read_state

pytestmark = pytest.mark.usefixtures("tiny_build")


@pytest.fixture
def call(monkeypatch):
    """Run the command line with these arguments; returns the exit code."""

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["train", *map(str, arguments)])
        return main()

    return run


def test_the_command_trains_refuses_to_overwrite_and_resumes(rows, write_table, tmp_path, call, capsys):
    """From the table to best.keras; a second start is refused with exit code 2; --resume of a finished run is fine."""
    arguments = ("--data", write_table(rows), "--out", tmp_path / "run", "--epochs", "1")
    assert call(*arguments) == 0
    assert "best validation accuracy" in capsys.readouterr().out
    before = (tmp_path / "run" / BEST).read_bytes()
    assert call(*arguments) == 2
    assert "a run is already here" in capsys.readouterr().err
    assert call(*arguments, "--resume") == 0
    assert (tmp_path / "run" / BEST).read_bytes() == before


def test_a_resumed_run_keeps_its_settings_and_its_data(rows, write_table, tmp_path, call, capsys):
    """What run.json says holds; another value, or other faces, would give a result that is neither run's."""
    table, out = write_table(rows), tmp_path / "run"
    assert call("--data", table, "--out", out, "--epochs", "1", "--classes", "5", "--no-augmentation") == 0
    resume = ("--out", out, "--resume", "--data")
    capsys.readouterr()
    for given, found in (
        (("--epochs", "9"), "--epochs: expected 1 as the run began, found 9"),
        (("--classes", "7"), "--classes: expected ('angry', 'happy', "),
        (("--mixup", "0.5"), "--augmentation: expected None"),
        (("--like", out), "--like: expected a new run, found --resume"),
    ):
        assert call(*resume, table, *given) == 2
        error = capsys.readouterr().err
        assert found in error
        assert error.count("\n") == 1
    assert call(*resume, table, "--epochs", "1", "--no-augmentation") == 0, "the same value is no contradiction"
    other = write_table(rows[::2] + rows[1::2], name="fer2013.csv")
    capsys.readouterr()
    assert call(*resume, other) == 2
    assert "--data: expected what the run began with (FER2013, 10 training faces)" in capsys.readouterr().err


def test_the_settings_of_another_run_can_be_taken_over(rows, write_table, tmp_path, call):
    """--like begins anew with the same settings, but for what is given beside it."""
    table, first, second = write_table(rows), tmp_path / "first", tmp_path / "second"
    call("--data", table, "--out", first, "--epochs", "1", "--optimizer", "adam", "--mixup", "0.5", "--shift", "0")
    assert call("--data", table, "--out", second, "--like", first, "--seed", "5", "--shift", "0.2") == 0
    settings = read_state(second).settings
    assert (settings.epochs, settings.optimizer, settings.seed) == (1, "adam", 5)
    assert settings.augmentation == Augmentation(mixup=0.5, shift=0.2)


def test_ctrl_c_says_how_to_go_on_and_that_works(rows, write_table, tmp_path, call, monkeypatch, capsys):
    """Stopped after the first of two epochs, with 130 and no traceback; the command that is shown ends the run."""
    saved = "train.callbacks.EarlyStop.on_epoch_end"

    def stop(*_arguments, **_options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(saved, stop)
        assert call("--data", write_table(rows), "--out", tmp_path / "my run", "--epochs", "2") == 130
    error = capsys.readouterr().err
    assert "train: stopped after epoch 1; go on with: python -m train " in error
    command = shlex.split(error.partition("go on with: ")[2])
    assert call(*command[3:]) == 0
    assert read_state(tmp_path / "my run").epochs_done == 2


def test_a_service_managers_stop_is_a_ctrl_c(rows, write_table, tmp_path, call, monkeypatch):
    """SIGTERM in the middle of training ends it as Ctrl-C does."""

    def stop(*_arguments, **_options):
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("train.callbacks.EarlyStop.on_epoch_end", stop)
    assert call("--data", write_table(rows), "--out", tmp_path / "run", "--epochs", "2") == 130


def test_the_class_balance_is_shown_before_training(rows, write_table, tmp_path, call, caplog):
    """A table with the share of each class, before anything is trained on it."""
    caplog.set_level("INFO")
    call("--data", write_table(rows), "--out", tmp_path / "run", "--epochs", "1")
    assert caplog.text.index("14.3%") < caplog.text.index("training edge_small on")


def test_every_setting_reaches_the_run():
    """Classes, merges, augmentation and settings, as they are given."""
    options = parse_arguments(
        shlex.split(
            "--data a.csv b --data c --classes angry,happy --merge disgust=angry --flip 0.1 --zoom 0.9 1.1"
            " --optimizer adamw --teachers one two --distil-mix 0.4 --ema 0.99 --pooled --votes 0.3"
        )
    )
    settings = new_settings(options, None)
    assert settings.data == "a.csv + b + c"
    assert settings.labels == ("angry", "happy")
    assert settings.merges == {"disgust": "angry"}
    assert settings.augmentation == Augmentation(flip=0.1, zoom=(0.9, 1.1))
    assert (settings.optimizer, settings.teachers, settings.distil_mix) == ("adamw", ("one", "two"), 0.4)
    assert (settings.ema, settings.pooled, settings.votes_share) == (0.99, True, 0.3)


def test_the_command_to_go_on_names_the_devices():
    """A run on several devices goes on on several; a path with a blank stays one path."""
    options = parse_arguments(["--data", "my faces", "--devices", "2"])
    expected = "python -m train --data 'my faces' --out runs/x --resume --devices 2"
    assert go_on(options, Path("runs/x")) == expected


BAD_CALLS = {
    "no data": (["--data", "nowhere.csv"], 3, "expected a data set here"),
    "no epochs": (["--data", "x", "--epochs", "0"], 2, "--epochs: expected int >= 1, found 0: choose another value"),
    "too many votes": (["--data", "x", "--votes", "1.5"], 2, "--votes-share: expected float <= 1.0, found 1.5"),
    "bad augmentation": (["--data", "x", "--flip", "2"], 2, "--flip: expected float <= 1.0, found 2.0"),
    "augmentation of none": (["--data", "x", "--no-augmentation", "--flip", "0"], 2, "--no-augmentation: expected it"),
    "no patience": (["--data", "x", "--early-stop", "0"], 2, "--early-stop: expected int >= 1, found 0"),
    "mix without teachers": (["--data", "x", "--distil-mix", "0.5"], 2, "--distil-mix: expected --teachers with it"),
    "unknown model": (["--data", "x", "--model", "alexnet"], 2, "--model: expected one of cnn, "),
    "unknown emotion": (["--data", "x", "--classes", "happy,bored"], 2, "--classes: unknown emotion 'bored'"),
    "merge into itself": (["--data", "x", "--merge", "fear=sad"], 2, "fear=sad"),
    "nothing to resume": (["--data", "x", "--resume", "--out", "nowhere"], 2, "expected a training run here"),
    "nothing to be like": (["--data", "x", "--like", "nowhere"], 2, "expected a training run here"),
}


@pytest.mark.parametrize(("arguments", "code", "message"), BAD_CALLS.values(), ids=BAD_CALLS.keys())
def test_a_bad_call_is_one_line_and_its_exit_code(tmp_path, monkeypatch, call, capsys, arguments, code, message):
    """No traceback for the user's mistakes."""
    monkeypatch.chdir(tmp_path)
    assert call(*arguments) == code
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
