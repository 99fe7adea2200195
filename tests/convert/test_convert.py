"""The conversion by its command line: what it publishes, and that a refusal loses nothing."""

import contextlib
import dataclasses
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from convert import pipeline, prepare, verify
from convert.__main__ import main
from convert.interpreters import PYTHON_VARIABLE
from convert.ranges import ranges_path
from convert.temperature import at_temperature
from convert.verify import KernelPredictions
from edge.errors import ModelError
from edge.labels import CLASS_SETS, EMOTIONS
from edge.model.manifest import Framing, manifest_bytes, manifest_path, read_model, sha256_of
from edge.vision.classify import EmotionClassifier
from train.checkpoint import open_checkpoint
from train.data.summary import summarize
from train.evaluation.predict import predict
from train.run_folder import BEST, LAST, RUN, Provenance, read_state, write_state

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]

OLD_FILES = {"tiny.tflite": b"old model", "tiny.json": b"old manifest", "tiny.md": b"old card"}

NEW_NAMES = {"tiny.tflite", "tiny.json", "tiny.md", "tiny.confusion.png"}

PRECISIONS = ("int8", "int8-float-io", "dynamic", "float16", "float32")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Leave out tflite-runtime and the latency of other precisions, which the fixture `converted` has once."""
    monkeypatch.setattr(pipeline, "SIDE_BY_SIDE", ())
    monkeypatch.setenv(PYTHON_VARIABLE, "/nowhere/python")


@pytest.fixture
def published(tmp_path):
    """A folder with an older model."""
    folder = tmp_path / "models"
    folder.mkdir()
    for name, content in OLD_FILES.items():
        (folder / name).write_bytes(content)
    return folder


def contents(folder):
    """Return all files of a folder, hidden ones included, by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def last_line(capsys):
    """Return the last line on standard error."""
    return capsys.readouterr().err.splitlines()[-1]


def arguments(source, table, out, *options):
    """Return the words of a command line."""
    return [str(source), "--data", str(table), "--out", str(out), "--calibration-faces", "42", *options]


def call(source, table, out, *options):
    """Run the command in this process and return its exit code."""
    return main(arguments(source, table, out, *options))


@dataclasses.dataclass(frozen=True)
class Converted:
    """A folder with a published model, and the process of the command that published it."""

    folder: Path
    process: subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def converted(trained, tmp_path_factory):
    """The trained run, converted once by a process of its own, in a folder with an older model."""
    folder = tmp_path_factory.mktemp("made")
    for name, content in OLD_FILES.items():
        (folder / name).write_bytes(content)
    words = arguments(trained.folder, trained.table, folder, "--framing-scale", "0.9")
    command = [sys.executable, "-m", "convert", *words]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)  # noqa: S603  # our own command
    assert done.returncode == 0, done.stderr
    return Converted(folder, done)


@pytest.fixture
def made(converted):
    """The folder in which the trained run was published."""
    return converted.folder


def test_the_command_prints_its_own_lines_alone(converted):
    """The command in its own process prints a table and its log, and nothing of TensorFlow's."""
    lines = converted.process.stdout.splitlines()
    assert [line.split()[-1] for line in lines] == ["latency", "new"]
    starts = (
        f"{converted.folder / 'tiny.json'}: ",  # the old manifest cannot be read
        "checkpoint: ",
        "temperature: ",
        "calibration: ",
        "int8: ",
        "PublicTest: ",
        "ai-edge-litert ",
        "tflite-",
    )
    log = converted.process.stderr.splitlines()
    assert all(line.startswith(start) for line, start in zip(log, starts, strict=True))


def test_help_does_not_wait_for_tensorflow():
    """The command's --help imports neither TensorFlow nor Keras."""
    command = [sys.executable, "-X", "importtime", "-m", "convert", "--help"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)  # noqa: S603  # our own command
    assert "--max-loss" in done.stdout
    assert not re.search(r"\| +(tensorflow|keras)$", done.stderr, re.MULTILINE)


def test_a_run_becomes_a_model_that_the_runtime_opens(trained, made):
    """Model, manifest and card replace the old ones, and the manifest's facts are those of the new model."""
    content, manifest = read_model(made / "tiny.tflite")
    assert manifest.sha256 == sha256_of(content)
    assert (manifest.labels, manifest.class_set) == (EMOTIONS, 7)
    assert (manifest.name, manifest.precision) == ("tiny", "int8")
    assert manifest.size_bytes == len(content)
    assert manifest.parameters == trained.model.count_params()
    assert manifest.multiply_adds == 6 * 6 * 8 * 64 + 288 * 7
    assert (manifest.input_tensor.dtype, manifest.input_tensor.zero_point) == ("int8", -128)
    assert set(contents(made)) == NEW_NAMES
    probabilities = predict(EmotionClassifier(content, manifest), trained.data.validation.pixels)
    right = float((probabilities.argmax(axis=1) == trained.data.validation.codes).mean())
    assert manifest.figures[0].model_accuracy == pytest.approx(right, abs=1e-6)
    assert right > 0.9, "the synthetic faces are easy: a tiny net that fails here proves nothing elsewhere"


def test_a_model_file_alone_is_enough(made, tmp_path):
    """A model without its manifest file opens with the same facts, because they are also inside it."""
    shutil.copy(made / "tiny.tflite", tmp_path)
    assert read_model(tmp_path / "tiny.tflite") == read_model(made / "tiny.tflite")


@pytest.mark.usefixtures("tflite_python")
def test_the_manifest_records_the_verification(made):
    """The manifest has delegated operations, both interpreters, three precisions' latency, and the temperature."""
    _, manifest = read_model(made / "tiny.tflite")
    assert (manifest.checks.operations, manifest.checks.delegated) == (4, 3)
    (litert, runtime) = manifest.checks.interpreters.items()
    assert litert[0].startswith("ai-edge-litert")
    assert runtime[0].split()[0] == "tflite-runtime"
    assert runtime[1].startswith("the same predictions for 28 faces,")
    assert [row.precision for row in manifest.latency][::2] == ["float32", "dynamic", "int8"]
    assert manifest.temperature != 1.0
    assert manifest.figures[0].recall == pytest.approx(dict.fromkeys(EMOTIONS, 1.0), abs=0.3)
    assert manifest.training_run["epochs_done"] == 25
    assert manifest.training_run["votes_share"] == 0.3


def test_the_manifest_records_the_shares_of_the_training_targets(made, trained, tmp_path, published):
    """They are those of the run, which drew its faces by weights; of a run that lacks them, those of the data."""
    assert read_model(made / "tiny.tflite")[1].training_prior == pytest.approx(dict.fromkeys(EMOTIONS, 1 / 7), abs=1e-6)
    run = shutil.copytree(trained.folder, tmp_path / "weighted")
    state = read_state(run)
    shares = dict.fromkeys(EMOTIONS, 0.1) | {"neutral": 0.4}
    counts = {"training": {"happy": 5, "sad": 4}, "validation": {"happy": 3}}
    drawn = msgspec.structs.replace(summarize(trained.data), class_shares=shares, name="FER2013 + mine", counts=counts)
    state.settings = msgspec.structs.replace(state.settings, shares=(0.8, 0.2))
    state.provenance = Provenance(command="", platform="", backend="", versions={}, data=drawn)
    write_state(run, state)
    assert call(run, trained.table, published, "--name", "weighted") == 0
    manifest = read_model(published / "weighted.tflite")[1]
    assert manifest.training_prior == shares
    assert manifest.trained_on.startswith("FER2013 + mine training, 9 faces, shares 0.8 : 0.2, FER+ votes 0.3, best of")
    assert "origin and licence of other images are not recorded" in (published / "weighted.md").read_text()
    assert "origin and licence of other images" not in (made / "tiny.md").read_text()
    assert manifest.temperature != read_model(made / "tiny.tflite")[1].temperature, (
        "it is fitted with the prior applied"
    )


def test_the_manifest_records_the_origin_of_its_figures(made):
    """Every figure has data set, split, classes and faces, and the manifest names training and calibration data."""
    _, manifest = read_model(made / "tiny.tflite")
    assert [(row.dataset, row.split, row.classes, row.faces) for row in manifest.figures] == [
        ("FER2013", "PublicTest", 7, 28),
        ("FER2013", "PublicTest, faces not in the training split", 7, 28),
    ]
    assert manifest.trained_on == "FER2013 Training, 84 faces, FER+ votes 0.3, best of 25 epochs, seed 0"
    assert manifest.calibration == "42 faces of FER2013 Training, balanced over classes, seed 0"


def test_the_start_of_a_run_is_published_without_local_folders(trained, tmp_path, published):
    """The manifest names the weights, teachers and predictions that a run began with, but not where they were."""
    run = shutil.copytree(trained.folder, tmp_path / "second")
    state = msgspec.json.decode((run / RUN).read_bytes())
    state["settings"] |= {
        "weights": "/home/me/runs/first/best.keras",
        "teachers": ["/home/me/runs/big", "bigger"],
        "answers": "/home/me/answers.npz",
    }
    (run / RUN).write_bytes(msgspec.json.encode(state))
    (run / LAST).write_bytes((run / BEST).read_bytes())
    assert call(run / LAST, trained.table, published, "--name", "second") == 0
    _, manifest = read_model(published / "second.tflite")
    assert "FER+ votes 0.3, begun with first/best.keras, last of 25 epochs" in manifest.trained_on
    recorded = {name: manifest.training_run[name] for name in ("weights", "teachers", "answers")}
    assert recorded == {"weights": "first/best.keras", "teachers": ["runs/big", "bigger"], "answers": "me/answers.npz"}


def test_the_test_split_is_read_for_a_release_only(made):
    """Without --release, neither manifest nor card has a figure of the test split."""
    assert {row.split.partition(",")[0] for row in read_model(made / "tiny.tflite")[1].figures} == {"PublicTest"}
    assert "PrivateTest" not in (made / "tiny.md").read_text()


def test_the_card_describes_purpose_and_limits(made):
    """The card has purpose, limits, data, figures by class, biases and the cost of int8."""
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


def test_framing_and_name_come_from_the_options(trained, tmp_path):
    """The options for name and framing decide the file name and the manifest's framing."""
    options = ("--name", "other", "--framing-scale", "1.1", "--framing-shift", "-0.05")
    assert call(trained.folder, trained.table, tmp_path, *options) == 0
    _, manifest = read_model(tmp_path / "other.tflite")
    assert manifest.framing == Framing(scale=1.1, shift_y=-0.05)
    assert manifest.name == "other"


@pytest.fixture(scope="module")
def bundled_once(trained, tmp_path_factory):
    """A checkpoint published in its own folder, with a framing of its own and figures of the test split."""
    folder = tmp_path_factory.mktemp("bundled")
    shutil.copy(trained.folder / BEST, folder / "net.keras")
    assert call(folder / "net.keras", trained.table, folder, "--framing-shift", "0.05", "--release") == 0
    return folder


@pytest.fixture
def bundled(bundled_once, tmp_path, monkeypatch):
    """A copy of that folder as `models` in the current directory."""
    monkeypatch.chdir(tmp_path)
    return shutil.copytree(bundled_once, tmp_path / "models")


def test_the_bundled_models_are_rebuilt_without_data(bundled, capsys):
    """The command without options gives equal files, from the kept ranges, temperature and framing."""
    before = contents(bundled)
    assert main([]) == 0
    assert contents(bundled) == before
    head, row = capsys.readouterr().out.splitlines()
    assert head.split()[:4] == ["model", "precision", "size", "accuracy"]
    assert row.startswith("models/net.tflite  int8 ")
    assert row.endswith("unchanged")
    (bundled / "net.tflite").unlink()
    assert main([]) == 0
    assert contents(bundled) == before
    assert capsys.readouterr().out.splitlines()[1].endswith("restored")


def test_a_rebuilt_model_that_differs_is_not_published(bundled, trained, capsys):
    """A rebuild that differs from the manifest is refused, since its figures do not hold; with data it is verified."""
    content, manifest = read_model(bundled / "net.tflite")
    other = msgspec.structs.replace(manifest, sha256="0" * 64)
    (bundled / "net.json").write_bytes(manifest_bytes(other))
    before = contents(bundled)
    assert main([]) == 4
    assert "net.tflite: expected the model that was verified before to come out again" in last_line(capsys)
    assert contents(bundled) == before
    assert call(bundled / "net.keras", trained.table, bundled) == 0
    assert read_model(bundled / "net.tflite")[0] == content
    assert read_model(bundled / "net.tflite")[1].framing == Framing(shift_y=0.05)


def test_a_rebuild_needs_an_earlier_manifest(bundled, capsys):
    """A checkpoint with ranges but without a published manifest is refused, since no figures are known."""
    manifest_path(bundled / "net.tflite").unlink()
    assert main([]) == 4
    assert "found none there: verify this one with --data" in last_line(capsys)


def test_ranges_of_another_checkpoint_are_refused(bundled, fragile, capsys):
    """A checkpoint that has changed since its calibration is refused, and no file changes."""
    shutil.copy(fragile, bundled / "net.keras")
    before = contents(bundled)
    assert main([]) == 4
    assert "ranges: expected those of the weights" in last_line(capsys)
    assert contents(bundled) == before


def test_a_rebuild_needs_ranges(bundled, capsys):
    """A checkpoint without a ranges file is refused with a hint to calibrate it."""
    ranges_path(bundled / "net.keras").unlink()
    assert main([]) == 4
    assert "expected the ranges of a calibration here" in last_line(capsys)


def test_figures_of_a_release_are_kept_while_the_model_is_the_same(bundled, trained):
    """Another conversion to the same bytes keeps the figures of the test split; one to other bytes drops them."""
    released = read_model(bundled / "net.tflite")[1]
    assert any(row.split == "PrivateTest" for row in released.figures)
    assert "\n| PrivateTest | 21 |" in (bundled / "net.md").read_text()
    assert call(bundled / "net.keras", trained.table, bundled) == 0
    assert read_model(bundled / "net.tflite")[1].figures == released.figures
    assert call(bundled / "net.keras", trained.table, bundled, "--calibration-faces", "21") == 0
    assert not any(row.split == "PrivateTest" for row in read_model(bundled / "net.tflite")[1].figures)


def test_each_precision_is_a_file_with_its_manifest(trained, tmp_path):
    """Each precision has its own file name, opens in the runtime, and predicts the same but for rounding."""
    assert call(trained.folder, trained.table, tmp_path, "--precision", *PRECISIONS) == 0
    face = trained.data.validation.pixels[0]
    probabilities = []
    for precision in PRECISIONS:
        name = "tiny" if precision == "int8" else f"tiny.{precision}"
        content, manifest = read_model(tmp_path / f"{name}.tflite")
        assert manifest.precision == precision
        assert (tmp_path / f"{name}.md").exists()
        probabilities.append(EmotionClassifier(content, manifest).score(face).probabilities)
    np.testing.assert_allclose(probabilities, np.broadcast_to(probabilities[-1], (len(PRECISIONS), 7)), atol=0.05)


def test_a_model_that_int8_ruins_is_refused(trained, fragile, published, capsys):
    """A checkpoint whose int8 model loses accuracy is refused with exit code 4, and the old model stays."""
    assert call(fragile, trained.table, published) == 4
    error = capsys.readouterr().err
    assert "expected a model that loses at most 0.0100 accuracy" in error
    assert "(1.0000 to" in error
    assert contents(published) == OLD_FILES


@pytest.mark.parametrize("package", ["litert", "runtime"])
def test_a_loss_without_xnnpack_is_refused(trained, published, monkeypatch, capsys, package):
    """A model that loses accuracy in one package's own kernels is refused, since a 32-bit Pi has nothing else."""
    right = np.eye(7, dtype=np.float32)[trained.data.validation.codes]
    kernels = dataclasses.replace(KernelPredictions(right, right, {}), **{package: np.zeros_like(right)})
    monkeypatch.setattr(verify, "predict_in_kernels", lambda *_, **__: kernels)
    assert call(trained.folder, trained.table, published) == 4
    assert "(1.0000 to 0.1429)" in capsys.readouterr().err
    assert contents(published) == OLD_FILES


def test_a_loss_in_xnnpack_alone_is_refused(trained, fragile, published, monkeypatch):
    """A model that loses accuracy in XNNPACK is refused, even if the packages' own kernels are right."""
    right = np.eye(7, dtype=np.float32)[trained.data.validation.codes]
    monkeypatch.setattr(verify, "predict_in_kernels", lambda *_, **__: KernelPredictions(right, right, {}))
    assert call(fragile, trained.table, published) == 4
    assert contents(published) == OLD_FILES


def test_a_model_that_int8_ruins_passes_when_equalised(trained, fragile, published, caplog):
    """With --equalise that checkpoint passes, --layers lists its layers, and a rebuild equalises without the option."""
    assert call(fragile, trained.table, published, "--equalise", "--layers") == 0
    assert "change alone" in caplog.text
    assert read_model(published / "tiny.tflite")[1].figures[0].model_accuracy > 0.95
    before = contents(published)
    assert main([str(fragile), "--out", str(published)]) == 0
    assert contents(published) == before


def test_the_user_can_raise_the_allowed_loss(trained, fragile, published):
    """With --max-loss 1 a ruined model is published, with its poor figures in the manifest."""
    assert call(fragile, trained.table, published, "--max-loss", "1") == 0
    _, manifest = read_model(published / "tiny.tflite")
    assert manifest.figures[0].model_accuracy < 0.7
    assert manifest.figures[0].float_accuracy == 1.0


@pytest.mark.parametrize("step", ["quantize", "publish"])
def test_ctrl_c_at_a_step_leaves_the_old_model(trained, published, monkeypatch, capsys, step):
    """Ctrl-C during a step ends with one sentence and exit code 130, and the published files are unchanged."""

    def stop(*_arguments, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, step, stop)
    assert call(trained.folder, trained.table, published) == 130
    assert "the models published before are unchanged" in capsys.readouterr().err
    assert contents(published) == OLD_FILES


@pytest.mark.parametrize("step", ["export", "_measure_latency"])
def test_a_ctrl_c_that_a_library_swallows_leaves_the_old_model(trained, published, monkeypatch, step):
    """A Ctrl-C that was lost in a library is remembered, and nothing is published after it."""
    module = prepare if step == "export" else pipeline
    real = getattr(module, step)

    def swallow(*arguments, **options):
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        return real(*arguments, **options)

    monkeypatch.setattr(module, step, swallow)
    assert call(trained.folder, trained.table, published) == 130
    assert contents(published) == OLD_FILES


def test_a_process_that_is_stopped_leaves_the_old_model(trained, published):
    """In the middle of the work the published files are untouched, as a kill would leave them, and after Ctrl-C too."""
    command = [sys.executable, "-m", "convert", *arguments(trained.folder, trained.table, published)]
    with subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603  # our own command
        assert next(line for line in process.stderr if line.startswith("checkpoint: "))
        assert contents(published) == OLD_FILES
        process.send_signal(signal.SIGINT)
        last = process.stderr.read().splitlines()[-1:]
    assert process.returncode == 130
    assert last == ["convert: stopped; the models published before are unchanged"]
    assert contents(published) == OLD_FILES


def test_a_full_disk_under_the_work_files_is_one_line(trained, published, monkeypatch, capsys):
    """A full disk, here simulated where a work file would be written, is one line with a way out."""

    def full(*_arguments, **_options):
        raise OSError(28, "No space left on device", "work/net")

    monkeypatch.setattr(pipeline, "calibrate_checkpoint", full)
    assert call(trained.folder, trained.table, published) == 2
    assert "convert: work/net: expected room to work in, found: No space left on device" in last_line(capsys)
    assert contents(published) == OLD_FILES


def test_a_model_that_is_float_inside_is_never_published(trained, published, monkeypatch, float_inside, capsys):
    """A model with float operations between int8 ends is refused by the check, whatever loss is allowed."""
    monkeypatch.setattr(pipeline, "quantize", lambda *_, **__: float_inside)
    assert call(trained.folder, trained.table, published, "--max-loss", "1") == 4
    assert "found float32" in capsys.readouterr().err
    assert contents(published) == OLD_FILES


def damaged_run(trained, tmp_path, content):
    """Return a copy of the run with this content as its best checkpoint."""
    run = tmp_path / "run"
    run.mkdir()
    shutil.copy(trained.folder / RUN, run / RUN)
    (run / BEST).write_bytes(content)
    return run


def test_a_net_that_cannot_be_converted_is_one_line(trained, published, capsys, unfit):
    """Own layers, code, colour images and a missing softmax are each refused in one line, and the old model stays."""
    for path, words in unfit.items():
        assert call(path, trained.table, published, "--name", "tiny") == 4
        error = capsys.readouterr().err
        assert words in error
        assert error.count("\n") == 1
    assert contents(published) == OLD_FILES


def test_a_rebuild_needs_checkpoints(tmp_path, monkeypatch, capsys):
    """Without a model on the command line and without checkpoints in `models`, the command is refused."""
    monkeypatch.chdir(tmp_path)
    assert main([]) == 4
    assert "models: expected checkpoints here (.keras), found none" in capsys.readouterr().err


@pytest.mark.parametrize("damage", ["random", "cut short", "empty"])
def test_a_damaged_checkpoint_is_one_line_and_loses_nothing(trained, published, tmp_path, capsys, damage):
    """A damaged checkpoint is refused in one line with exit code 4, and the old model stays."""
    sound = (trained.folder / BEST).read_bytes()
    bad = {"random": np.random.default_rng(0).bytes(5000), "cut short": sound[: len(sound) // 2], "empty": b""}
    assert call(damaged_run(trained, tmp_path, bad[damage]), trained.table, published, "--name", "tiny") == 4
    error = capsys.readouterr().err
    assert "expected a .keras or .h5 checkpoint, found a file Keras cannot load" in error
    assert error.count("\n") == 1
    assert contents(published) == OLD_FILES


def test_a_run_whose_labels_do_not_fit_its_net_is_refused(trained, tmp_path, capsys):
    """A run of five labels whose net has seven outputs is refused."""
    run = damaged_run(trained, tmp_path, (trained.folder / BEST).read_bytes())
    state = msgspec.json.decode((run / RUN).read_bytes())
    state["settings"]["labels"] = CLASS_SETS[5]
    (run / RUN).write_bytes(msgspec.json.encode(state))
    assert call(run, trained.table, tmp_path) == 4
    assert "expected an output of shape (None, 5), found (None, 7)" in capsys.readouterr().err


@pytest.mark.parametrize("in_the_manifest", [False, True])
def test_data_are_read_as_the_run_read_them(trained, bundled, monkeypatch, in_the_manifest):
    """The run's settings, in its folder or in the manifest, decide the splits; others could hold training faces."""
    calls = []

    def read(_paths, **options):
        calls.append(options)
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "read_dataset", read)
    run = msgspec.json.decode((trained.folder / RUN).read_bytes())
    run["settings"] |= {"merges": {"disgust": "angry"}, "choose_by_votes": True, "pooled": True}
    if in_the_manifest:
        manifest = msgspec.structs.replace(read_model(bundled / "net.tflite")[1], training_run=run["settings"])
        (bundled / "net.json").write_bytes(manifest_bytes(manifest))
    else:
        (bundled / RUN).write_bytes(msgspec.json.encode(run))
    assert call(bundled / "net.keras", trained.table, bundled) == 130
    wanted = {"labels": EMOTIONS, "merges": {"disgust": "angry"}, "choose_by_votes": True, "pooled": True}
    assert calls == [wanted]


def test_data_without_a_class_is_refused(trained, published, write_without, capsys):
    """A training split without a class is refused with exit code 3, and the class is named."""
    assert call(trained.folder, write_without("disgust"), published) == 3
    assert "found none of disgust" in capsys.readouterr().err
    assert contents(published) == OLD_FILES


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
    """A user's mistake is one line without a traceback, has its exit code, and publishes nothing."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    source = [] if options[0] == "nowhere.keras" else [str(trained.folder)]
    assert main([*source, "--data", str(trained.table), "--out", "models", *options]) == code
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not list(tmp_path.glob("models/*"))


def test_debug_shows_the_error_itself(trained, tmp_path):
    """With --debug the exception passes, for its traceback."""
    with pytest.raises(ModelError):
        call(tmp_path / "nowhere.keras", trained.table, tmp_path, "--debug")


def test_a_net_of_five_classes_is_published_with_five_labels(trained, tmp_path, five_classes):
    """A net of five classes is verified without the other classes' faces and published with five labels."""
    assert call(five_classes, trained.table, tmp_path, "--classes", "5", "--max-loss", "1") == 0
    content, manifest = read_model(tmp_path / "five.tflite")
    assert (manifest.labels, manifest.class_set) == (CLASS_SETS[5], 5)
    assert manifest.figures[0].faces == 20
    assert manifest.trained_on.endswith("(as given to the conversion; the run is not known)")
    probabilities = EmotionClassifier(content, manifest).score(trained.data.validation.pixels[0]).probabilities
    assert probabilities.shape == (5,)


def test_a_foreign_net_keeps_its_side_range_and_labels(trained, tmp_path, foreign):
    """A .h5 file of 64 pixels, -1 to 1 and other labels becomes a model with the net's own probabilities."""
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
