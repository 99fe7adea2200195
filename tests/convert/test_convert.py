"""The whole conversion by its command line: what is published, and that nothing is lost when it is refused."""

import contextlib
import dataclasses
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from convert import measure, pipeline, prepare
from convert.__main__ import main
from convert.ranges import ranges_path
from convert.temperature import at_temperature
from convert.verify import Plain
from edge.errors import ModelError
from edge.labels import CLASS_SETS, EMOTIONS
from edge.manifest import Framing, manifest_bytes, manifest_path, read_model, sha256_of
from edge.vision.classify import EmotionClassifier
from train.checkpoint import open_checkpoint
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


def last_line(capsys):
    """What the user is told at last."""
    return capsys.readouterr().err.splitlines()[-1]


def call(source, table, out, *options):
    """Run the command line."""
    return main([str(source), "--data", str(table), "--out", str(out), "--calibration-faces", "42", *options])


@pytest.fixture(scope="module")
def made(trained, tmp_path_factory):
    """The trained run, converted once, to be looked at; an older model stood there."""
    folder = tmp_path_factory.mktemp("made")
    for name, content in OLD.items():
        (folder / name).write_bytes(content)
    assert call(trained.run, trained.table, folder, "--framing-scale", "0.9") == 0
    return folder


NEW = {"tiny.tflite", "tiny.json", "tiny.md", "tiny.confusion.png"}


def test_a_run_becomes_a_model_that_the_runtime_opens(trained, made):
    """Model, manifest and card replace the old ones; hash, labels, ends and figures are those of the new model."""
    content, manifest = read_model(made / "tiny.tflite")
    assert manifest.sha256 == sha256_of(content)
    assert (manifest.labels, manifest.class_set) == (EMOTIONS, 7)
    assert (manifest.name, manifest.precision) == ("tiny", "int8")
    assert manifest.size_bytes == len(content)
    assert manifest.parameters == trained.model.count_params()
    assert manifest.multiply_adds == 6 * 6 * 8 * 64 + 288 * 7
    assert (manifest.input_tensor.dtype, manifest.input_tensor.zero_point) == ("int8", -128)
    assert set(contents(made)) == NEW
    answers = predict(EmotionClassifier(content, manifest), trained.data.validation.pixels)
    right = float((answers.argmax(axis=1) == trained.data.validation.codes).mean())
    assert manifest.figures[0].model_accuracy == pytest.approx(right, abs=1e-6)
    assert right > 0.9, "the synthetic faces are easy: a tiny net that fails here proves nothing elsewhere"


def test_a_lone_file_is_enough(made, tmp_path):
    """The facts are inside, too: without the manifest beside it the model opens and says the same."""
    shutil.copy(made / "tiny.tflite", tmp_path)
    assert read_model(tmp_path / "tiny.tflite") == read_model(made / "tiny.tflite")


def test_what_was_verified_stands_in_the_manifest(made, tflite_python):  # noqa: ARG001  # asked for
    """Delegated operations, both interpreters, three precisions side by side, the temperature."""
    _, manifest = read_model(made / "tiny.tflite")
    assert (manifest.checks.operations, manifest.checks.delegated) == (4, 3)
    (litert, runtime) = manifest.checks.interpreters.items()
    assert litert[0].startswith("ai-edge-litert")
    assert (runtime[0].split()[0], runtime[1][:29]) == ("tflite-runtime", "the same answers to 28 faces,")
    assert [row.precision for row in manifest.latency][::2] == ["float32", "dynamic", "int8"]
    assert manifest.temperature != 1.0
    assert manifest.figures[0].recall == pytest.approx(dict.fromkeys(EMOTIONS, 1.0), abs=0.3)
    assert manifest.training_run["epochs_done"] == 25
    assert manifest.training_run["votes_share"] == 0.3


def test_the_manifest_says_where_its_figures_come_from(made):
    """Data set, split, classes and faces of every figure; what it was trained on and calibrated with."""
    _, manifest = read_model(made / "tiny.tflite")
    assert [(row.dataset, row.split, row.classes, row.faces) for row in manifest.figures] == [
        ("FER2013", "PublicTest", 7, 28),
        ("FER2013", "PublicTest, faces not in the training split", 7, 28),
    ]
    assert manifest.trained_on == "FER2013 Training, 84 faces, FER+ votes 0.3, best of 25 epochs, seed 0"
    assert manifest.calibration == "42 faces of FER2013 Training, balanced over classes, seed 0"


def test_what_a_run_began_with_is_told_and_not_where_it_stood(trained, tmp_path, published):
    """A net that goes on from another's weights has seen more than its own epochs; nobody's folders are published."""
    run = shutil.copytree(trained.run, tmp_path / "second")
    state = msgspec.json.decode((run / RUN).read_bytes())
    state["settings"] |= {
        "weights": "/home/me/runs/first/best.keras",
        "teachers": ["/home/me/runs/big", "bigger"],
        "answers": "/home/me/answers.npz",
    }
    (run / RUN).write_bytes(msgspec.json.encode(state))
    assert call(run, trained.table, published, "--name", "second") == 0
    _, manifest = read_model(published / "second.tflite")
    assert "FER+ votes 0.3, begun with first/best.keras, best of 25 epochs" in manifest.trained_on
    told = {name: manifest.training_run[name] for name in ("weights", "teachers", "answers")}
    assert told == {"weights": "first/best.keras", "teachers": ["runs/big", "bigger"], "answers": "me/answers.npz"}


def test_the_test_split_is_read_for_a_release_only(made):
    """Without --release PrivateTest stands neither in manifest nor in card."""
    assert {row.split.partition(",")[0] for row in read_model(made / "tiny.tflite")[1].figures} == {"PublicTest"}
    assert "PrivateTest" not in (made / "tiny.md").read_text()


def test_the_card_says_what_it_is_for_and_what_not(made):
    """Purpose, limits, data, figures by class, biases and the cost of int8 stand in it."""
    card = (made / "tiny.md").read_text()
    for text in (
        "apparent expression",
        "Not for",
        "FER2013",
        "FER+",
        "| disgust | ",
        "Known biases",
        "0.9",
        "tiny.confusion.png",
        "temperature",
        "multiply-adds",
    ):
        assert text in card
    _, manifest = read_model(made / "tiny.tflite")
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


@pytest.fixture(scope="module")
def shipped_once(trained, tmp_path_factory):
    """A checkpoint, published beside itself; the framing is its own, and the test split was read."""
    folder = tmp_path_factory.mktemp("shipped")
    shutil.copy(trained.run / BEST, folder / "net.keras")
    assert call(folder / "net.keras", trained.table, folder, "--framing-shift", "0.05", "--release") == 0
    return folder


@pytest.fixture
def shipped(shipped_once, tmp_path, monkeypatch):
    """A copy of it, as the folder `models` of the place where the command is called."""
    monkeypatch.chdir(tmp_path)
    return shutil.copytree(shipped_once, tmp_path / "models")


def test_what_ships_is_rebuilt_without_the_data(shipped, capsys):
    """No option at all: ranges, temperature and framing are those kept; every file comes out equal to the byte."""
    before = contents(shipped)
    assert main([]) == 0
    assert contents(shipped) == before
    head, row = capsys.readouterr().out.splitlines()
    assert head.split()[:4] == ["model", "precision", "size", "accuracy"]
    assert row.startswith("models/net.tflite  int8 ")
    assert row.endswith("unchanged")
    (shipped / "net.tflite").unlink()
    assert main([]) == 0
    assert contents(shipped) == before
    assert capsys.readouterr().out.splitlines()[1].endswith("restored")


def test_a_rebuilt_model_that_differs_is_not_published_unverified(shipped, trained, capsys):
    """The manifest tells of another file, so its figures do not hold; with data they are taken anew."""
    content, manifest = read_model(shipped / "net.tflite")
    other = msgspec.structs.replace(manifest, sha256="0" * 64)
    (shipped / "net.json").write_bytes(manifest_bytes(other))
    before = contents(shipped)
    assert main([]) == 4
    assert "net.tflite: expected the model that was verified before to come out again" in last_line(capsys)
    assert contents(shipped) == before
    assert call(shipped / "net.keras", trained.table, shipped) == 0
    assert read_model(shipped / "net.tflite")[0] == content
    assert read_model(shipped / "net.tflite")[1].framing == Framing(shift_y=0.05)


def test_without_an_earlier_model_nothing_is_known(shipped, capsys):
    """A checkpoint with ranges, and no manifest whose figures could hold."""
    manifest_path(shipped / "net.tflite").unlink()
    assert main([]) == 4
    assert "found none there: verify this one with --data" in last_line(capsys)


def test_ranges_of_another_checkpoint_are_refused(shipped, fragile, capsys):
    """The checkpoint was trained on, its calibration is the old one's: a clear line, and nothing changes."""
    shutil.copy(fragile, shipped / "net.keras")
    before = contents(shipped)
    assert main([]) == 4
    assert "ranges: expected those of the weights" in last_line(capsys)
    assert contents(shipped) == before


def test_without_ranges_the_data_is_asked_for(shipped, capsys):
    ranges_path(shipped / "net.keras").unlink()
    assert main([]) == 4
    assert "expected the ranges of a calibration here" in last_line(capsys)


def test_figures_of_a_release_are_kept_while_the_model_is_the_same(shipped, trained):
    """The test split is read once: converting again gives the same bytes and does not forget it; another model does."""
    released = read_model(shipped / "net.tflite")[1]
    assert any(row.split == "PrivateTest" for row in released.figures)
    assert "\n| PrivateTest | 21 |" in (shipped / "net.md").read_text()
    assert call(shipped / "net.keras", trained.table, shipped) == 0
    assert read_model(shipped / "net.tflite")[1].figures == released.figures
    assert call(shipped / "net.keras", trained.table, shipped, "--calibration-faces", "21") == 0
    assert not any(row.split == "PrivateTest" for row in read_model(shipped / "net.tflite")[1].figures)


def test_each_precision_is_a_file_with_its_manifest(trained, tmp_path):
    """int8 has the plain name; all open in the runtime, and say the same of a face but for rounding."""
    assert call(trained.run, trained.table, tmp_path, "--precision", *PRECISIONS) == 0
    face = trained.data.validation.pixels[0]
    answers = []
    for precision in PRECISIONS:
        name = "tiny" if precision == "int8" else f"tiny.{precision}"
        content, manifest = read_model(tmp_path / f"{name}.tflite")
        assert manifest.precision == precision
        assert (tmp_path / f"{name}.md").exists()
        answers.append(EmotionClassifier(content, manifest).score(face).probabilities)
    np.testing.assert_allclose(answers, np.broadcast_to(answers[-1], (len(PRECISIONS), 7)), atol=0.05)


PRECISIONS = ("int8", "int8-float-io", "dynamic", "float16", "float32")


def test_a_model_that_int8_ruins_is_refused_and_the_old_one_stands(trained, fragile, published, capsys):
    """The checkpoint is as good as the trained one, its int8 model is not: exit code 4, not a byte changed."""
    assert call(fragile, trained.table, published) == 4
    error = capsys.readouterr().err
    assert "expected a model that loses at most 0.0100 accuracy" in error
    assert "(1.0000 to" in error
    assert contents(published) == OLD


@pytest.mark.parametrize("package", ["litert", "runtime"])
def test_what_loses_without_xnnpack_is_refused(trained, published, monkeypatch, capsys, package):
    """A 32-bit Pi has the plain kernels alone: the gate counts the answers of both packages, too."""
    right = np.eye(7, dtype=np.float32)[trained.data.validation.codes]
    plain = dataclasses.replace(Plain(right, right, {}), **{package: np.zeros_like(right)})
    monkeypatch.setattr(measure, "check_interpreters", lambda *_, **__: plain)
    assert call(trained.run, trained.table, published) == 4
    assert "(1.0000 to 0.1429)" in capsys.readouterr().err
    assert contents(published) == OLD


def test_what_loses_in_xnnpack_alone_is_refused(trained, fragile, published, monkeypatch):
    """And a 64-bit Pi runs XNNPACK: right answers of the plain kernels do not help it."""
    right = np.eye(7, dtype=np.float32)[trained.data.validation.codes]
    monkeypatch.setattr(measure, "check_interpreters", lambda *_, **__: Plain(right, right, {}))
    assert call(fragile, trained.table, published) == 4
    assert contents(published) == OLD


def test_what_int8_ruins_may_be_equalised(trained, fragile, published, caplog):
    """The same checkpoint passes the gate then, --layers tells of each layer, and it is rebuilt without the option."""
    assert call(fragile, trained.table, published, "--equalise", "--layers") == 0
    assert "change alone" in caplog.text
    assert read_model(published / "tiny.tflite")[1].figures[0].model_accuracy > 0.95
    before = contents(published)
    assert main([str(fragile), "--out", str(published)]) == 0
    assert contents(published) == before


def test_the_limit_is_the_users(trained, fragile, published):
    """Who accepts any loss gets the ruined model, with its poor figures in the manifest."""
    assert call(fragile, trained.table, published, "--max-loss", "1") == 0
    _, manifest = read_model(published / "tiny.tflite")
    assert manifest.figures[0].model_accuracy < 0.7
    assert manifest.figures[0].float_accuracy == 1.0


@pytest.mark.parametrize("step", ["quantize", "publish"])
def test_ctrl_c_at_a_step_leaves_the_old_model(trained, published, monkeypatch, capsys, step):
    """One sentence, 130, and the published files as they were."""

    def stop(*_arguments, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, step, stop)
    assert call(trained.run, trained.table, published) == 130
    assert "what was published before stands as it was" in capsys.readouterr().err
    assert contents(published) == OLD


@pytest.mark.parametrize("step", ["export", "_measure_latency"])
def test_a_ctrl_c_that_a_library_swallows_leaves_the_old_model(trained, published, monkeypatch, step):
    """It is kept, and nothing is published after it, whichever step it was lost in."""
    place = prepare if step == "export" else pipeline
    real = getattr(place, step)

    def swallow(*arguments, **options):
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        return real(*arguments, **options)

    monkeypatch.setattr(place, step, swallow)
    assert call(trained.run, trained.table, published) == 130
    assert contents(published) == OLD


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_a_process_that_is_stopped_leaves_the_old_model(trained, published, sent, code):
    """Ctrl-C and kill in the middle of the work: the published files are untouched."""
    command = [sys.executable, "-m", "convert", trained.run, "--data", trained.table, "--out", published]
    with subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603  # our own command
        assert next(line for line in process.stderr if line.startswith("checkpoint: "))
        os.kill(process.pid, sent)
        last = process.stderr.read().splitlines()[-1:]
    assert process.returncode == code
    if sent == signal.SIGINT:
        assert last == ["convert: stopped; what was published before stands as it was"]
    assert contents(published) == OLD


def test_a_full_disk_under_the_work_files_is_one_line(trained, published, monkeypatch, capsys):
    """The kernel's refusal is played where a work file would be written."""

    def full(*_arguments, **_options):
        raise OSError(28, "No space left on device", "work/net")

    monkeypatch.setattr(pipeline, "calibrate_anew", full)
    assert call(trained.run, trained.table, published) == 2
    assert "convert: work/net: expected room to work in, found: No space left on device" in last_line(capsys)
    assert contents(published) == OLD


def test_a_model_that_is_float_inside_is_never_published(trained, published, monkeypatch, float_inside, capsys):
    """Should the converter leave floats behind int8 ends, its model stops at the check, whatever loss is allowed."""
    monkeypatch.setattr(pipeline, "quantize", lambda *_, **__: float_inside)
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


def test_a_net_that_cannot_be_converted_is_one_line(trained, published, capsys, unfit):
    """Own layers, code, colour pictures, no softmax: refused by what is wrong with them, and the old model stands."""
    for path, words in unfit.items():
        assert call(path, trained.table, published, "--name", "tiny") == 4
        error = capsys.readouterr().err
        assert words in error
        assert error.count("\n") == 1
    assert contents(published) == OLD


def test_no_checkpoints_to_rebuild(tmp_path, monkeypatch, capsys):
    """Called without a name where none ship."""
    monkeypatch.chdir(tmp_path)
    assert main([]) == 4
    assert "models: expected checkpoints here (.keras), found none" in capsys.readouterr().err


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


@pytest.mark.parametrize("in_the_manifest", [False, True])
def test_data_are_read_as_the_run_read_them(trained, shipped, monkeypatch, in_the_manifest):
    """Splits drawn otherwise would verify on training faces: the run's settings count, beside it or kept."""
    asked = []

    def read(_paths, **options):
        asked.append(options)
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "read_dataset", read)
    run = msgspec.json.decode((trained.run / RUN).read_bytes())
    run["settings"] |= {"merges": {"disgust": "angry"}, "pooled": True}
    if in_the_manifest:
        manifest = msgspec.structs.replace(read_model(shipped / "net.tflite")[1], training_run=run["settings"])
        (shipped / "net.json").write_bytes(manifest_bytes(manifest))
    else:
        (shipped / RUN).write_bytes(msgspec.json.encode(run))
    assert call(shipped / "net.keras", trained.table, shipped) == 130
    assert [(options["merges"], options["pooled"]) for options in asked] == [({"disgust": "angry"}, True)]


def test_data_without_a_class_is_refused(trained, published, write_without, capsys):
    """Calibration needs every class: exit code 3, the class is named."""
    assert call(trained.run, write_without("disgust"), published) == 3
    assert "found none of disgust" in capsys.readouterr().err
    assert contents(published) == OLD


BAD_CALLS = {
    "no seed": (["--calibration-faces", "20", "--seed", "-1"], 2, "--seed: expected int >= 0, found -1"),
    "no set": (["--classes", "4"], 2, "--classes: expected"),
    "other set": (["--classes", "5"], 2, "expected the run's labels"),
    "no range": (["--value-range", "1", "0"], 2, "--value-range: expected black below white"),
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
    assert [line.split()[-1] for line in done.stdout.splitlines()] == ["latency", "new"]
    starts = ("checkpoint: ", "temperature: ", "calibration: ", "int8: ", "PublicTest: ", "ai-edge-litert ", "tflite-")
    assert [line.startswith(start) for line, start in zip(done.stderr.splitlines(), starts, strict=True)] == [True] * 7
    listed = [sys.executable, "-X", "importtime", "-m", "convert", "--help"]
    done = subprocess.run(listed, cwd=REPOSITORY, capture_output=True, text=True, check=True)  # noqa: S603  # our own command
    assert "--max-loss" in done.stdout
    assert not re.search(r"\| +(tensorflow|keras)$", done.stderr, re.MULTILINE)


def test_fewer_classes_all_the_way(trained, tmp_path, five_classes):
    """A net of five classes drops the others' faces and is published with five labels."""
    assert call(five_classes, trained.table, tmp_path, "--classes", "5", "--max-loss", "1") == 0
    content, manifest = read_model(tmp_path / "five.tflite")
    assert (manifest.labels, manifest.class_set) == (CLASS_SETS[5], 5)
    assert manifest.figures[0].faces == 20
    assert manifest.trained_on.endswith("(as given to the conversion; the run is not known)")
    answers = EmotionClassifier(content, manifest).score(trained.data.validation.pixels[0]).probabilities
    assert answers.shape == (5,)


def test_a_net_of_others_keeps_its_side_range_and_labels(trained, tmp_path, foreign):
    """A .h5 of 64 pixels, -1 to 1 and labels in another order: the published model answers as the net itself does."""
    labels = ("happy", "sad", "angry")
    options = ("--labels", *labels, "--value-range", "-1", "1", "--max-loss", "1", "--precision", "int8", "float32")
    assert call(foreign, trained.table, tmp_path, *options) == 0
    _, manifest = read_model(tmp_path / "foreign.tflite")
    assert (manifest.labels, manifest.class_set) == (labels, None)
    assert (manifest.input.size, manifest.input.value_range) == (64, (-1.0, 1.0))
    faces = trained.data.validation.pixels
    float_model = EmotionClassifier(*read_model(tmp_path / "foreign.float32.tflite"))
    net = open_checkpoint(foreign, labels=labels, value_range=(-1.0, 1.0))
    wanted = at_temperature(predict(net, faces), manifest.temperature)
    np.testing.assert_allclose(predict(float_model, faces), wanted, atol=1e-3)
    assert manifest.figures[0].agreement > 0.8
