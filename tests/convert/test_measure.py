"""What a conversion measures of the finished model, and what its card says about everyday use."""

import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from convert import pipeline
from convert.__main__ import main
from convert.interpreters import PYTHON_VARIABLE
from edge.labels import EMOTIONS
from edge.model.manifest import read_model
from edge.settings.schema import ClassifySettings
from edge.vision.classify import EmotionClassifier
from train.data.face_file import write_face_file
from train.data.ferplus import VOTE_COLUMNS
from train.evaluation.measurements import ROLLS_DEG
from train.evaluation.metrics import compute_metrics
from train.evaluation.predict import predict
from train.run_folder import BEST

pytestmark = pytest.mark.slow

ASTRONAUT = Path(__file__).resolve().parents[2] / "edge" / "assets" / "astronaut_face.png"

STRENGTH = ClassifySettings().prior_strength


@pytest.fixture(scope="module", autouse=True)
def quick():
    """Leave out tflite-runtime and the latency of other precisions."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "SIDE_BY_SIDE", ())
        patch.setenv(PYTHON_VARIABLE, "/nowhere/python")
        yield


@pytest.fixture(scope="module")
def sets(trained, tmp_path_factory):
    """A folder with a face set, a photograph, and the table with FER+ votes next to it."""
    folder = tmp_path_factory.mktemp("sets")
    faces, codes = trained.data.validation.pixels, trained.data.validation.codes
    order = np.concatenate([np.flatnonzero(codes == code) for code in (3, 6)]).repeat(8)  # 32 happy, 32 neutral
    order = np.append(order, np.flatnonzero(codes == 0))  # and 4 angry
    write_face_file(
        folder / "own.npz",
        faces=faces[order],
        codes=codes[order],
        folds=np.ones(len(order), dtype=np.int64),
        persons=np.arange(len(order), dtype=np.uint32),
    )
    (folder / "photos" / "happy").mkdir(parents=True)
    shutil.copy(ASTRONAUT, folder / "photos" / "happy")
    lines = trained.table.read_text().splitlines()
    (folder / "fer2013.csv").write_text("\n".join(lines) + "\n")
    names = [*VOTE_COLUMNS.values(), "unknown"]
    votes = ["Usage," + ",".join(names)]
    for number, line in enumerate(lines[1:]):
        code, _, usage = line.split(",")
        count = 10 if number % 2 else 5  # every other face has no majority
        cells = [count if name == VOTE_COLUMNS[EMOTIONS[int(code)]] else 0 for name in VOTE_COLUMNS.values()]
        votes.append(f"{usage}," + ",".join(map(str, [*cells, 10 - count])))
    (folder / "fer2013new.csv").write_text("\n".join(votes) + "\n")
    return folder


def call(trained, sets, out, *options):
    """Convert the trained run's checkpoint; return the exit code."""
    checkpoint = out / "net.keras"
    if not checkpoint.exists():
        shutil.copy(trained.folder / BEST, checkpoint)
    words = [str(checkpoint), "--data", str(sets / "fer2013.csv"), "--out", str(out), "--calibration-faces", "42"]
    return main([*words, *options])


@pytest.fixture(scope="module")
def released(trained, sets, tmp_path_factory):
    """Folder of a model that was measured on everything."""
    out = tmp_path_factory.mktemp("released")
    options = ("--faces", str(sets / "own.npz"), "--photos", str(sets / "photos"), "--release")
    assert call(trained, sets, out, *options) == 0
    return out


def rows_of(folder):
    """Return the measurements in a published manifest."""
    return read_model(folder / "net.tflite")[1].measurements


def test_a_release_measures_every_set_with_and_without_the_prior(released):
    """The manifest has everyday use first, each set in the default settings and without a prior."""
    rows = rows_of(released)
    assert [(row.kind, row.dataset, row.roll_deg) for row in rows[::2]] == [
        ("everyday", "own fold 1", 0.0),
        *(("photographs", "photos", roll_deg) for roll_deg in (0.0, *ROLLS_DEG)),
        ("majorities", "FER2013 PublicTest", 0.0),
        ("majorities", "FER2013 PrivateTest", 0.0),
        ("labels", "FER2013 PublicTest", 0.0),
        ("labels", "FER2013 PrivateTest", 0.0),
    ]
    assert [row.prior_strength for row in rows] == [STRENGTH, 0.0] * (len(rows) // 2)
    majorities = next(row for row in rows if row.kind == "majorities")
    assert majorities.faces == 14


def test_labels_are_measured_on_each_data_set_alone(trained, sets, tmp_path):
    """A figure names one data set and split, also of a model trained on several; a face set has no test split."""
    own = str(sets / "own.npz")
    assert call(trained, sets, tmp_path, "--data", str(sets / "fer2013.csv"), own, "--release") == 0
    rows = [row.dataset for row in rows_of(tmp_path) if row.kind == "labels"]
    assert rows[::2] == ["FER2013 PublicTest", "FER2013 PrivateTest", "own validation"]


def test_labels_are_not_measured_again_on_the_everyday_faces(trained, sets, tmp_path):
    """The held-out fold of the face set is the everyday mixture, which is measured already."""
    own = str(sets / "own.npz")
    assert call(trained, sets, tmp_path, "--data", str(sets / "fer2013.csv"), own, "--faces", own) == 0
    assert {row.dataset for row in rows_of(tmp_path) if row.kind == "labels"} == {"FER2013 PublicTest"}


def test_figures_are_those_of_the_file_both_ways(released, trained):
    """A figure equals the file's own predictions, averaged over face and mirror image; so does the checkpoint's."""
    content, manifest = read_model(released / "net.tflite")
    faces = trained.data.validation
    predictions = predict(EmotionClassifier(content, manifest), faces.pixels, both_ways=True)
    expected = compute_metrics(predictions, faces.codes, EMOTIONS)
    labels = next(row for row in rows_of(released) if row.kind == "labels" and not row.prior_strength)
    assert labels.accuracy == pytest.approx(expected.accuracy, abs=1e-6)
    assert labels.recall == pytest.approx(expected.recall, abs=1e-6)
    assert labels.precision == pytest.approx(expected.precision, abs=1e-6), "every label has faces"
    assert labels.float_accuracy == pytest.approx(expected.accuracy, abs=0.2)


def test_the_card_begins_with_everyday_use(released):
    """Precision of each label comes before everything else; photographs by roll, distance and light are on it too."""
    card = (released / "net.md").read_text()
    headings = [line for line in card.splitlines() if line.startswith("## ")]
    assert headings[:4] == ["## In everyday use", "## Accuracy", "## Turned heads", "## Not for"]
    assert headings[-1] == "## Distance and light"
    everyday = rows_of(released)[0]
    assert {"angry", "happy", "neutral"} <= everyday.counts.keys()
    for label, count in everyday.counts.items():
        precision = f"{100 * everyday.precision[label]:.0f} %" if everyday.predicted[label] else "-"
        recall = f"{100 * everyday.recall[label]:.0f} %" if count else "-"
        numbers = f"{everyday.predicted[label]} | **{precision}** | {count} | {recall}"
        assert f"| {label} | {numbers} |" in card
    assert "fewer than 20 faces of angry, disgust, fear, sad, surprise" in card
    assert "| 45° | " in card
    assert "| labels, FER2013 PrivateTest | 21 | off | " in card
    assert "the test split was not read" not in card
    assert "nan" not in card
    assert (released / "net.conditions.png").is_file()


def test_what_was_not_measured_is_kept_while_the_model_is_the_same(released, trained, sets, tmp_path):
    """A conversion to the same bytes keeps earlier measurements and the card's last section; otherwise both go."""
    out = shutil.copytree(released, tmp_path / "again")
    before = read_model(out / "net.tflite")[1]
    assert call(trained, sets, out) == 0
    assert sorted(map(msgspec.json.encode, rows_of(out))) == sorted(map(msgspec.json.encode, before.measurements))
    card = (out / "net.md").read_text()
    assert card.endswith((released / "net.md").read_text().partition("## Distance and light")[2])
    assert call(trained, sets, out, "--calibration-faces", "21") == 0
    assert read_model(out / "net.tflite")[1].sha256 != before.sha256
    assert {row.kind for row in rows_of(out)} == {"majorities", "labels"}
    assert {row.dataset for row in rows_of(out)} == {"FER2013 PublicTest"}
    card = (out / "net.md").read_text()
    assert "Not measured for this file" in card
    assert "the test split was not read for this file" in card
    assert "Distance and light" not in card


def test_a_model_can_be_measured_again_without_another_calibration(released, sets, tmp_path, capsys):
    """With --keep-calibration the file beside the checkpoint stays the same to the byte, and is measured."""
    out = shutil.copytree(released, tmp_path / "again")
    content, before = read_model(out / "net.tflite")
    data = ["--data", str(sets / "fer2013.csv"), "--faces", str(sets / "own.npz")]
    assert main([str(out / "net.keras"), *data, "--keep-calibration", "--calibration-faces", "21"]) == 0
    again, manifest = read_model(out / "net.tflite")
    assert again == content
    assert (manifest.temperature, manifest.training_prior) == (before.temperature, before.training_prior)
    assert manifest.figures[0].float_accuracy == before.figures[0].float_accuracy
    assert "own fold 1" in (out / "net.md").read_text()
    assert [row.accuracy for row in manifest.measurements] == [row.accuracy for row in before.measurements]
    shutil.copy(released / "net.keras", out / "other.keras")
    capsys.readouterr()
    assert main([str(out / "other.keras"), *data, "--keep-calibration"]) == 4
    assert "expected the ranges of a calibration here" in capsys.readouterr().err
    assert main([str(out / "net.keras"), *data, "--keep-calibration", "--replace-shipped"]) == 2
    assert "--keep-calibration: expected it alone" in capsys.readouterr().err


BAD_CALLS = {
    "no face set": (["--faces", "nowhere.npz"], 3, "nowhere.npz: expected a face set"),
    "no photographs": (["--photos", "nowhere"], 3, "nowhere: expected a folder of photographs"),
}


@pytest.mark.parametrize(("options", "code", "message"), BAD_CALLS.values(), ids=BAD_CALLS)
def test_sets_are_checked_before_the_work(trained, sets, tmp_path, capsys, options, code, message):
    """A set that cannot be read ends the command before calibration, with one line."""
    assert call(trained, sets, tmp_path, *options) == code
    error = capsys.readouterr().err.splitlines()
    assert message in error[-1]
    assert not any(line.startswith("calibration:") for line in error)


@pytest.mark.parametrize("option", ["--faces=own.npz", "--photos=photos", "--release", "--keep-calibration"])
def test_a_rebuild_measures_nothing(released, capsys, option):
    """Without data nothing is measured, so options that ask for it are refused."""
    assert main([str(released / "net.keras"), "--out", str(released), option]) == 2
    assert "expected it with --data, found it alone" in capsys.readouterr().err
