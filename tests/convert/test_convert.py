"""The whole conversion by its command line: what is published, and that nothing is lost when it is refused."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from convert import pipeline
from convert.__main__ import main
from convert.pipeline import Settings, convert
from edge.errors import ModelError
from edge.labels import CLASS_SETS, EMOTIONS
from edge.manifest import Framing, read_model, sha256_of
from edge.vision.classify import EmotionClassifier
from train.predict import predict
from train.state import BEST, RUN

REPOSITORY = Path(__file__).resolve().parents[2]

OLD = {"tiny.tflite": b"old model", "tiny.json": b"old manifest", "tiny.md": b"old card"}


@pytest.fixture
def published(tmp_path):
    """A folder in which an older model stands."""
    folder = tmp_path / "models"
    folder.mkdir()
    for name, content in OLD.items():
        (folder / name).write_bytes(content)
    return folder


def contents(folder):
    """All files in a folder, hidden ones included."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def call(source, table, out, *options):
    """Run the command line."""
    return main([str(source), "--data", str(table), "--out", str(out), "--calibration-faces", "42", *options])


def test_a_run_becomes_a_model_that_the_runtime_opens(trained, published):
    """Model, manifest and card replace the old ones; hash, labels, ends and figures are those of the new model."""
    assert call(trained.run, trained.table, published) == 0
    content, manifest = read_model(published / "tiny.tflite")
    assert manifest.sha256 == sha256_of(content)
    assert manifest.labels == EMOTIONS
    assert manifest.name == "tiny"
    assert manifest.size_bytes == len(content)
    assert manifest.parameters == trained.model.count_params()
    assert (manifest.input_tensor.dtype, manifest.input_tensor.zero_point) == ("int8", -128)
    assert set(contents(published)) == {"tiny.tflite", "tiny.json", "tiny.md"}
    answers = predict(EmotionClassifier(content, manifest), trained.data.validation.pixels)
    right = float((answers.argmax(axis=1) == trained.data.validation.codes).mean())
    assert manifest.figures[0].model_accuracy == pytest.approx(right, abs=1e-6)
    assert right > 0.9, "the synthetic faces are easy: a tiny net that fails here proves nothing elsewhere"


def test_the_manifest_says_where_its_figures_come_from(trained, published):
    """Data set, split, classes and faces of every figure; what it was trained on and calibrated with."""
    assert call(trained.run, trained.table, published) == 0
    _, manifest = read_model(published / "tiny.tflite")
    assert [(row.dataset, row.split, row.classes, row.faces) for row in manifest.figures] == [
        ("FER2013", "PublicTest", 7, 28),
        ("FER2013", "PublicTest, faces not in the training split", 7, 28),
    ]
    assert manifest.trained_on == "FER2013 Training, 84 faces, FER+ votes 0.3, best of 25 epochs, seed 0"
    assert manifest.calibration == "42 faces of FER2013 Training, balanced over classes, seed 0"


def test_the_test_split_is_read_for_a_release_only(trained, published):
    """PrivateTest stands in manifest and card with --release, and in neither without."""
    for options, expected in (((), False), (("--release",), True)):
        assert call(trained.run, trained.table, published, *options) == 0
        _, manifest = read_model(published / "tiny.tflite")
        assert any(row.split == "PrivateTest" for row in manifest.figures) is expected
        assert ("| PrivateTest | 21 |" in (published / "tiny.md").read_text()) is expected


def test_the_card_says_what_it_is_for_and_what_not(trained, published):
    """Purpose, limits, data, figures by class, biases and the cost of int8 stand in it."""
    assert call(trained.run, trained.table, published, "--framing-scale", "0.9") == 0
    card = (published / "tiny.md").read_text()
    for text in ("apparent expression", "Not for", "FER2013", "FER+", "| disgust | 4 |", "Known biases", "0.9"):
        assert text in card
    _, manifest = read_model(published / "tiny.tflite")
    assert manifest.sha256 in card
    assert f"{100 * manifest.figures[0].model_accuracy:.2f} %" in card


def test_framing_and_name_are_the_users(trained, tmp_path):
    """What the options say stands in the manifest, under the name given."""
    assert (
        call(
            trained.run,
            trained.table,
            tmp_path,
            "--name",
            "other",
            "--framing-scale",
            "1.1",
            "--framing-shift",
            "-0.05",
        )
        == 0
    )
    _, manifest = read_model(tmp_path / "other.tflite")
    assert manifest.framing == Framing(scale=1.1, shift_y=-0.05)
    assert manifest.name == "other"


def test_the_same_checkpoint_gives_the_same_model(trained, tmp_path):
    """Two conversions with one seed are equal to the byte."""
    for name in ("first", "second"):
        assert call(trained.run, trained.table, tmp_path, "--name", name) == 0
    assert read_model(tmp_path / "first.tflite")[0] == read_model(tmp_path / "second.tflite")[0]


def test_a_model_that_int8_ruins_is_refused_and_the_old_one_stands(trained, fragile, published, capsys):
    """The checkpoint is as good as the trained one, its int8 model is not: exit code 4, not a byte changed."""
    assert call(fragile, trained.table, published) == 4
    error = capsys.readouterr().err
    assert "expected int8 to lose at most 0.0100 accuracy" in error
    assert "(1.0000 to" in error
    assert contents(published) == OLD


def test_the_limit_is_the_users(trained, fragile, published):
    """Who accepts any loss gets the ruined model, with its poor figures in the manifest."""
    assert call(fragile, trained.table, published, "--max-loss", "1") == 0
    _, manifest = read_model(published / "tiny.tflite")
    assert manifest.figures[0].model_accuracy < 0.7
    assert manifest.figures[0].float_accuracy == 1.0


@pytest.mark.parametrize("step", ["quantize", "publish"])
def test_ctrl_c_leaves_the_old_model(trained, published, monkeypatch, capsys, step):
    """One sentence, 130, and the published files as they were."""

    def stop(*_arguments, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, step, stop)
    assert call(trained.run, trained.table, published) == 130
    assert "what was published before stands as it was" in capsys.readouterr().err
    assert contents(published) == OLD


def test_a_model_that_is_float_inside_is_never_published(trained, published, monkeypatch, float_inside, capsys):
    """Should the converter leave floats behind int8 ends, its model stops at the check, whatever loss is allowed."""
    monkeypatch.setattr(pipeline, "quantize", lambda *_: float_inside)
    assert call(trained.run, trained.table, published, "--max-loss", "1") == 4
    assert "found float32" in capsys.readouterr().err
    assert contents(published) == OLD


def damaged_run(trained, tmp_path, content):
    """A copy of the run with this content as its best checkpoint."""
    run = tmp_path / "run"
    run.mkdir()
    shutil.copy(trained.run / RUN, run / RUN)
    (run / BEST).write_bytes(content)
    return run


@pytest.mark.parametrize("damage", ["random", "cut short", "empty"])
def test_a_damaged_checkpoint_is_one_line_and_loses_nothing(trained, published, tmp_path, capsys, damage):
    """Exit code 4, the old model untouched."""
    sound = (trained.run / BEST).read_bytes()
    bad = {"random": np.random.default_rng(0).bytes(5000), "cut short": sound[: len(sound) // 2], "empty": b""}
    assert call(damaged_run(trained, tmp_path, bad[damage]), trained.table, published, "--name", "tiny") == 4
    error = capsys.readouterr().err
    assert "expected a .keras or .h5 checkpoint, found a file Keras cannot load" in error
    assert error.count("\n") == 1
    assert contents(published) == OLD


def test_a_run_whose_labels_do_not_fit_its_net_is_refused(trained, tmp_path, capsys):
    """run.json says five classes, the net answers seven."""
    run = damaged_run(trained, tmp_path, (trained.run / BEST).read_bytes())
    state = msgspec.json.decode((run / RUN).read_bytes())
    state["settings"]["labels"] = CLASS_SETS[5]
    (run / RUN).write_bytes(msgspec.json.encode(state))
    assert call(run, trained.table, tmp_path) == 4
    assert "expected an output of shape (None, 5), found (None, 7)" in capsys.readouterr().err


def test_data_without_a_class_is_refused(trained, published, write_without, capsys):
    """Calibration needs every class: exit code 3, the class is named."""
    assert call(trained.run, write_without("disgust"), published) == 3
    assert "found none of disgust" in capsys.readouterr().err
    assert contents(published) == OLD


BAD_CALLS = {
    "no checkpoint": (["nowhere.keras"], 4, "expected a .keras or .h5 checkpoint, found none"),
    "few faces": (["--calibration-faces", "3"], 2, "--calibration-faces: expected int >= 7, found 3"),
    "no share": (["--max-loss", "2"], 2, "--max-loss: expected float <= 1.0, found 2.0"),
    "no number": (["--max-loss", "nan"], 2, "--max-loss"),
    "wild framing": (["--framing-scale", "9"], 2, "--framing-scale: expected float <= 3.0, found 9.0"),
    "no name": (["--name", "a/b"], 2, "expected a model name"),
    "other labels": (["--labels", "happy", "sad"], 2, "expected the run's labels"),
    "no emotion": (["--labels", "happy", "bored"], 2, "unknown emotion 'bored'"),
    "no data": (["--data", "nowhere.csv"], 3, "expected a data set here"),
    "no folder": (["--out", "file"], 2, "expected a folder that can be written"),
}


@pytest.mark.parametrize(("options", "code", "message"), BAD_CALLS.values(), ids=BAD_CALLS.keys())
def test_a_bad_call_is_one_line_and_its_exit_code(trained, tmp_path, monkeypatch, capsys, options, code, message):
    """No traceback for the user's mistakes, and nothing published."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    source = [] if options[0] == "nowhere.keras" else [str(trained.run)]
    assert main([*source, "--data", str(trained.table), "--out", "models", *options]) == code
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not list(tmp_path.glob("models/*"))


def test_debug_shows_the_error_itself(trained, tmp_path):
    """With --debug the exception passes, for whoever wants its traceback."""
    with pytest.raises(ModelError):
        call(tmp_path / "nowhere.keras", trained.table, tmp_path, "--debug")


def test_the_command_as_a_user_starts_it(trained, tmp_path):
    """In a process of its own: exit code 0, our lines and none of TensorFlow's; --help does not even load it."""
    command = [sys.executable, "-m", "convert"]
    arguments = [str(trained.run), "--data", str(trained.table), "--out", str(tmp_path), "--calibration-faces", "42"]
    done = subprocess.run([*command, *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False)  # noqa: S603  # our own command
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    starts = ("checkpoint: ", "calibration: ", "int8: ", "PublicTest: ", "published: ")
    assert [line.startswith(start) for line, start in zip(done.stderr.splitlines(), starts, strict=True)] == [True] * 5
    listed = [sys.executable, "-X", "importtime", "-m", "convert", "--help"]
    done = subprocess.run(listed, cwd=REPOSITORY, capture_output=True, text=True, check=True)  # noqa: S603  # our own command
    assert "--max-loss" in done.stdout
    assert not re.search(r"\| +(tensorflow|keras)$", done.stderr, re.MULTILINE)


def test_fewer_classes_all_the_way(trained, tmp_path, five_classes):
    """A net of five classes drops the others' faces and is published with five labels."""
    manifest = convert(five_classes, trained.table, Settings(out=tmp_path, calibration_faces=40, max_loss=1.0))
    assert manifest.labels == CLASS_SETS[5]
    assert manifest.figures[0].faces == 20
    assert manifest.trained_on.endswith("(as given to the conversion; the run is not known)")
    content, read = read_model(tmp_path / "five.tflite")
    answers = EmotionClassifier(content, read).score(trained.data.validation.pixels[0]).probabilities
    assert answers.shape == (5,)
