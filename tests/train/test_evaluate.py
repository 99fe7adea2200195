"""The command: one report for any model, on the screen, as a page and as JSON."""

import keras
import msgspec
import numpy as np
import pytest
from keras import layers

from edge.labels import EMOTIONS
from edge.manifest import model_bytes, read_model
from edge.shipped import SHIPPED_MODEL
from train.evaluate import main, parse_arguments, report_folder
from train.predict import predict
from train.report import Report
from train.state import BEST, RunSettings, RunState, write_state

SHIPPED_CHECKPOINT = SHIPPED_MODEL.with_suffix(".keras")


def net(classes=7, side=48):
    """A net that was never trained."""
    return keras.Sequential(
        [keras.Input((side, side, 1)), layers.AveragePooling2D(8), layers.Flatten(), layers.Dense(classes, "softmax")]
    )


@pytest.fixture
def here(tmp_path, monkeypatch, rows, write_table):
    """A folder with a table, a checkpoint and a photograph to work in."""
    write_table(rows)
    net().save(tmp_path / "net.keras")
    (tmp_path / "photos" / "happy").mkdir(parents=True)
    (tmp_path / "photos" / "happy" / "a.jpg").write_bytes(b"")
    (tmp_path / "file").write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(folder):
    """The JSON of a report."""
    return msgspec.json.decode((folder / "report.json").read_bytes(), type=Report)


def test_the_same_figures_stand_on_the_screen_on_the_page_and_in_the_json(here, capsys):
    """One report for people and machines, in a folder named by what was measured."""
    assert main(["net.keras", "--data", "fer2013.csv"]) == 0
    folder = here / "reports" / "net-validation"
    report = read(folder)
    printed = capsys.readouterr().out
    assert report.evaluation.split == "PublicTest"
    assert report.evaluation.official.faces == 14
    figure = f"{report.evaluation.official.accuracy:.4f}"
    assert figure in printed
    assert figure in (folder / "report.html").read_text()
    assert all(name in printed for name in EMOTIONS)
    assert "reports/net-validation/report.html" in printed


def test_a_run_shows_its_epochs(here):
    """A run's folder is evaluated by its best checkpoint, and its history is drawn."""
    history = [{"loss": 2.0, "accuracy": 0.2, "val_loss": 2.0, "val_accuracy": 0.3}]
    run = here / "runs" / "mine"
    run.mkdir(parents=True)
    net().save(run / BEST)
    write_state(run, RunState(settings=RunSettings(labels=EMOTIONS, data="x"), history=history))
    assert main(["runs/mine", "--data", "fer2013.csv", "--split", "test"]) == 0
    folder = here / "reports" / "mine-test"
    assert read(folder).history == history
    assert read(folder).evaluation.split == "PrivateTest"
    assert (folder / "history.png").is_file()


def test_both_ways_is_told_and_has_a_folder_of_its_own(here, capsys):
    """Beside the figures of one way, which it must not hide."""
    assert main(["net.keras", "--data", "fer2013.csv"]) == 0
    assert main(["net.keras", "--data", "fer2013.csv", "--both-ways"]) == 0
    both = read(here / "reports" / "net-validation-both-ways")
    assert both.both_ways
    assert not read(here / "reports" / "net-validation").both_ways
    assert "FER2013 PublicTest, both ways" in capsys.readouterr().out


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("options", [[], ["--both-ways"]])
def test_all_of_a_report_is_asked_the_same_way(datasets, monkeypatch, options):
    """The split, the other model and the majority of FER+."""
    ways = []

    def predicted(model, pixels, *, both_ways=False):
        ways.append(both_ways)
        return predict(model, pixels[:1]).repeat(len(pixels), axis=0)

    monkeypatch.setattr("train.evaluate.predict", predicted)
    arguments = ["net.keras", "--data", str(datasets / "fer2013"), "--against", "net.keras", "--fer-plus"]
    assert main([*arguments, *options, "--report", "out"]) == 0
    assert ways == [bool(options)] * 3


def test_a_tflite_and_its_checkpoint_give_nearly_the_same_figures(here, datasets, capsys):
    """One code for both formats: on real faces int8 answers as its checkpoint does, and the paired test says so."""
    data = str(datasets / "fer2013-folders")
    arguments = [str(SHIPPED_MODEL), "--data", data, "--split", "test", "--against", str(SHIPPED_CHECKPOINT)]
    assert main([*arguments, "--report", "out"]) == 0
    report = read(here / "out")
    assert report.comparison is not None
    ours, theirs = report.evaluation.official, report.comparison.evaluation.official
    assert ours.faces == theirs.faces > 30
    assert ours.accuracy == pytest.approx(theirs.accuracy, abs=0.05)
    assert report.comparison.official.p_value > 0.05
    assert "Against edge_small.keras" in capsys.readouterr().out


def test_five_classes_of_a_model_of_seven(here):
    """The other classes' faces are left out, and a face is never called what was not asked for."""
    assert main(["net.keras", "--data", "fer2013.csv", "--classes", "5"]) == 0
    report = read(here / "reports" / "net-validation-5-classes")
    assert len(report.evaluation.labels) == 5
    assert report.model_labels == EMOTIONS
    assert report.evaluation.official.faces == 10
    assert np.array(report.evaluation.official.confusion).shape == (5, 5)


def test_a_checkpoint_of_others_is_told_its_labels_and_its_range(here):
    """A 64 px net with labels in its own order answers about the same faces."""
    net(classes=3, side=64).save(here / "theirs.keras")
    arguments = ["theirs.keras", "--data", "fer2013.csv", "--labels", "sad", "happy", "neutral"]
    assert main([*arguments, "--value-range", "-1", "1"]) == 0
    report = read(here / "reports" / "theirs-validation")
    assert report.evaluation.labels == ("sad", "happy", "neutral")
    assert report.evaluation.official.faces == 6


def test_left_out_emotions_can_count_as_a_class(here):
    """Two faces of disgust join the angry ones; without the merge they would be dropped."""
    arguments = ["net.keras", "--data", "fer2013.csv", "--classes", "happy,angry", "--report", "out"]
    assert main([*arguments, "--merge", "disgust=angry"]) == 0
    assert read(here / "out").evaluation.official.faces == 6
    assert main(arguments) == 0
    assert read(here / "out").evaluation.official.faces == 4


def test_a_run_is_measured_on_data_put_together_as_it_was_for_training(here):
    """Its merges and its own splits hold, unless other classes are asked for."""
    run = here / "run"
    run.mkdir()
    net(classes=2).save(run / BEST)
    settings = RunSettings(labels=("happy", "angry"), merges={"disgust": "angry"}, pooled=True, data="x")
    write_state(run, RunState(settings=settings))
    assert main(["run", "--data", "fer2013.csv", "--report", "out"]) == 0
    assert read(here / "out").evaluation.dataset == "FER2013 (pooled, disgust as angry)"
    assert main(["run", "--data", "fer2013.csv", "--report", "out", "--classes", "angry,happy"]) == 0
    assert read(here / "out").evaluation.dataset == "FER2013 (pooled)"


def test_a_converted_model_is_measured_on_its_runs_splits_too(here):
    """Its manifest keeps how the run put its data together: pooled splits hold out other faces than the official."""
    content, manifest = read_model(SHIPPED_MODEL)
    model = here / "mine.tflite"
    manifest = msgspec.structs.replace(manifest, training_run={"pooled": True, "merges": {}})
    model.write_bytes(model_bytes(content, manifest))
    assert main([str(model), "--data", "fer2013.csv", "--report", "out"]) == 0
    assert read(here / "out").evaluation.dataset == "FER2013 (pooled)"


def test_the_majority_of_fer_plus_is_measured_where_its_people_agree(here, rows, capsys):
    """Six of ten votes are a majority, five are none, and votes for what is no emotion count among the ten."""
    names = ["neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF"]
    spelled = {"happiness": 3, "surprise": 5, "sadness": 4, "anger": 0, "disgust": 1, "fear": 2, "neutral": 6}
    lines = ["Usage,Image name," + ",".join(names)]
    for number, (code, _, usage) in enumerate(rows):
        votes = 5 if number % 2 else 6
        counts = [votes if spelled.get(name) == code else 10 - votes if name == "NF" else 0 for name in names]
        lines.append(f"{usage},x.png," + ",".join(map(str, counts)))
    (here / "fer2013new.csv").write_text("\n".join(lines) + "\n")
    arguments = ["net.keras", "--data", "fer2013.csv", "--fer-plus", "--report", "out"]
    assert main(arguments) == 0
    report = read(here / "out")
    assert report.fer_plus is not None
    assert report.fer_plus.faces == 7
    assert main([*arguments, "--classes", "5"]) == 0
    assert read(here / "out").fer_plus.faces == 5
    (here / "other.csv").write_bytes((here / "fer2013.csv").read_bytes())
    assert main(["net.keras", "--data", "fer2013.csv", "other.csv", "--fer-plus"]) == 2
    assert "expected FER2013 alone, found 2 data sets" in capsys.readouterr().err
    (here / "fer2013new.csv").write_text("\n".join(lines).replace(",6", ",5") + "\n")
    assert main(arguments) == 3
    assert "expected faces on which most of FER+ agree, found none" in capsys.readouterr().err


def test_photographs_are_measured_the_whole_way(here, capsys):
    """A folder with nothing to find is an error; with a real face the report has a section of it."""
    (here / "photos" / "happy" / "b.png").write_bytes(
        (SHIPPED_MODEL.parents[1] / "edge" / "assets" / "astronaut_face.png").read_bytes()
    )
    assert main([str(SHIPPED_MODEL), "--data", "fer2013.csv", "--photos", "photos", "--report", "out"]) == 0
    photos = read(here / "out").photos
    assert photos is not None
    assert (photos.photographs, photos.found) == (2, 1)
    assert "Photographs" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "folder"),
    [
        (["models/edge_small.tflite"], "reports/edge_small-validation"),
        (["a.tflite", "--against", "b.keras", "--classes", "6"], "reports/a-against-b-validation-6-classes"),
        (["a.tflite", "--classes", "happy,sad"], "reports/a-validation-happy-sad"),
        (["a.tflite", "--split", "test", "--report", "mine"], "mine"),
    ],
)
def test_what_differs_is_reported_to_different_folders(arguments, folder):
    """No report hides another."""
    assert str(report_folder(parse_arguments([*arguments, "--data", "x"]))) == folder


BAD_CALLS = {
    "no model": (["nowhere.keras", "--data", "x"], 4, "expected a .keras or .h5 checkpoint"),
    "no tflite": (["nowhere.tflite", "--data", "x"], 4, "expected a .tflite model"),
    "no other": (["net.keras", "--data", "x", "--against", "nowhere.keras"], 4, "nowhere.keras: expected"),
    "no data": (["net.keras", "--data", "nowhere.csv"], 3, "expected a data set here"),
    "wrong labels": (["net.keras", "--data", "x", "--labels", "happy", "sad"], 4, "expected an output of shape"),
    "wrong range": (["net.keras", "--data", "x", "--value-range", "1", "0"], 2, "expected black below white"),
    "photos for keras": (["net.keras", "--data", "x", "--photos", "photos"], 2, "convert it first"),
    "no photos": (["a.tflite", "--data", "x", "--photos", "nowhere"], 3, "expected a folder of photographs"),
    "no votes": (["net.keras", "--data", "fer2013.csv", "--fer-plus"], 3, "fer2013new.csv beside it for --fer-plus"),
    "unknown class": (["net.keras", "--data", "x", "--classes", "bored"], 2, "unknown emotion 'bored'"),
    "no place, told before the rest": (
        ["net.keras", "--data", "nowhere", "--report", "file/report"],
        2,
        "expected a folder for the",
    ),
}


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("arguments", "code", "message"), BAD_CALLS.values(), ids=BAD_CALLS.keys())
def test_a_bad_call_is_one_line_and_its_exit_code(capsys, arguments, code, message):
    """No traceback for the user's mistakes."""
    assert main(arguments) == code
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
