"""The training command: its options, resuming a run, and its messages."""

import shlex
import signal
import sys
from pathlib import Path

import pytest

from train.__main__ import main, new_settings, parse_arguments, resume_command
from train.augment import Augmentation
from train.run_folder import BEST, read_state

pytestmark = pytest.mark.usefixtures("tiny_build", "eager")


@pytest.fixture
def call(monkeypatch):
    """Run the command with these arguments; return the exit code."""

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["train", *map(str, arguments)])
        return main()

    return run


def test_command_trains_refuses_to_overwrite_and_resumes(rows, write_table, tmp_path, call, capsys):
    """A run ends with best.keras, a second run in its folder is refused with exit code 2, and resuming it is fine."""
    arguments = ("--data", write_table(rows), "--out", tmp_path / "run", "--epochs", "1")
    assert call(*arguments) == 0
    assert "best validation accuracy" in capsys.readouterr().out
    before = (tmp_path / "run" / BEST).read_bytes()
    assert call(*arguments) == 2
    assert "expected no run, found one" in capsys.readouterr().err
    assert call(*arguments, "--resume") == 0
    assert (tmp_path / "run" / BEST).read_bytes() == before


def test_resumed_run_keeps_its_settings_and_its_data(rows, write_table, tmp_path, call, capsys):
    """Resuming with another value of a setting, or with other faces, is refused with one line."""
    table, out = write_table(rows), tmp_path / "run"
    assert call("--data", table, "--out", out, "--epochs", "1", "--classes", "5", "--no-augmentation") == 0
    resume = ("--out", out, "--resume", "--data")
    capsys.readouterr()
    for given, found in (
        (("--epochs", "9"), "--epochs: expected 1, the run's own setting, found 9"),
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
    assert "--data: expected the run's own data (FER2013, 10 training faces)" in capsys.readouterr().err


def test_settings_of_another_run_can_be_taken_over(rows, write_table, tmp_path, call):
    """`--like` starts a new run with another run's settings, except those that are given."""
    table, first, second = write_table(rows), tmp_path / "first", tmp_path / "second"
    call("--data", table, "--out", first, "--epochs", "1", "--optimizer", "adam", "--mixup", "0.5", "--shift", "0")
    assert call("--data", table, "--out", second, "--like", first, "--seed", "5", "--shift", "0.2") == 0
    settings = read_state(second).settings
    assert (settings.epochs, settings.optimizer, settings.seed) == (1, "adam", 5)
    assert settings.augmentation == Augmentation(mixup=0.5, shift=0.2)


def test_ctrl_c_prints_a_command_that_resumes(rows, write_table, tmp_path, call, monkeypatch, capsys):
    """After Ctrl-C the exit code is 130, and the printed command finishes the run."""
    saved = "train.callbacks.EarlyStop.on_epoch_end"

    def stop(*_arguments, **_options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(saved, stop)
        assert call("--data", write_table(rows), "--out", tmp_path / "my run", "--epochs", "2") == 130
    error = capsys.readouterr().err
    assert f"train: stopped after epoch 1; continue with: {sys.executable} -m train " in error
    command = shlex.split(error.partition("continue with: ")[2])
    assert call(*command[3:]) == 0
    assert read_state(tmp_path / "my run").epochs_done == 2


def test_sigterm_is_treated_like_ctrl_c(rows, write_table, tmp_path, call, monkeypatch):
    """SIGTERM during training ends it with exit code 130."""

    def stop(*_arguments, **_options):
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("train.callbacks.EarlyStop.on_epoch_end", stop)
    assert call("--data", write_table(rows), "--out", tmp_path / "run", "--epochs", "2") == 130


def test_data_summary_is_logged_before_training(rows, write_table, tmp_path, call, caplog):
    """The table with the share of each class is logged before training starts."""
    caplog.set_level("INFO")
    call("--data", write_table(rows), "--out", tmp_path / "run", "--epochs", "1")
    assert caplog.text.index("14.3%") < caplog.text.index("training edge_small on")


def test_options_become_settings():
    """Options for data, classes, merges, augmentation and training end up in the run's settings."""
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


def test_resume_command_names_the_devices():
    """The command that resumes a run keeps the number of devices and quotes paths with spaces."""
    options = parse_arguments(["--data", "my faces", "--devices", "2"])
    expected = f"{sys.executable} -m train --data 'my faces' --out runs/x --resume --devices 2"
    assert resume_command(options, Path("runs/x")) == expected


def test_the_resume_command_is_the_one_that_was_called(monkeypatch):
    """What was started by make is resumed by make, what was started by the installed command by that."""
    options = parse_arguments(["--data", "my faces", "b.csv", "--devices", "2", "--model", "cnn"])
    monkeypatch.setattr(sys, "argv", ["/opt/my env/bin/edge-emotion", "train"])
    expected = "'/opt/my env/bin/edge-emotion' train --data 'my faces' --out runs/x --data b.csv --resume --devices 2"
    assert resume_command(options, Path("runs/x")) == expected
    monkeypatch.setenv("EDGE_EMOTION_MAKE", "1")
    expected = "make train 'DATA=my faces' MODEL=cnn RUN=runs/x 'ARGS=--data b.csv --resume --devices 2'"
    assert resume_command(options, Path("runs/x")) == expected


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
def test_usage_error_is_one_line_with_its_exit_code(tmp_path, monkeypatch, call, capsys, arguments, code, message):
    """A user's mistake prints one line without a traceback, and sets the documented exit code."""
    monkeypatch.chdir(tmp_path)
    assert call(*arguments) == code
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
