"""The evaluation command: one report for any model, in the terminal, as a page and as JSON."""

import shutil

import cv2
import keras
import msgspec
import numpy as np
import pytest
from keras import layers

from edge.labels import EMOTIONS
from edge.model.bundled import BUNDLED_MODEL
from edge.model.manifest import model_bytes, read_model
from edge.settings.schema import ClassifySettings
from train.data.dataset import read_dataset
from train.data.face_file import write_face_file
from train.evaluate import main, parse_arguments, report_folder
from train.evaluation.metrics import compute_metrics
from train.evaluation.predict import open_model, predict
from train.evaluation.report import EvaluationReport
from train.run_folder import BEST, TrainingState, write_state
from train.settings import RunSettings

pytestmark = pytest.mark.slow

ASTRONAUT = BUNDLED_MODEL.parents[1] / "edge" / "assets" / "astronaut_face.png"
SHIPPED_CHECKPOINT = BUNDLED_MODEL.with_suffix(".keras")


def net(classes=7, side=48):
    """Return an untrained net."""
    return keras.Sequential(
        [keras.Input((side, side, 1)), layers.AveragePooling2D(8), layers.Flatten(), layers.Dense(classes, "softmax")]
    )


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A saved net that was never trained."""
    path = tmp_path_factory.mktemp("net") / "net.keras"
    net().save(path)
    return path


@pytest.fixture
def here(tmp_path, monkeypatch, rows, write_table, checkpoint):
    """Change into a folder with a table, a checkpoint and a photograph."""
    write_table(rows)
    shutil.copy(checkpoint, tmp_path)
    (tmp_path / "photos" / "happy").mkdir(parents=True)
    (tmp_path / "photos" / "happy" / "a.jpg").write_bytes(b"")
    (tmp_path / "file").write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def without_plots(monkeypatch):
    """Skip the drawing, which takes seconds, and the page that shows the plots."""
    monkeypatch.setattr("train.evaluation.plots.draw_report", lambda *_: {})
    monkeypatch.setattr("train.evaluation.page.render_page", lambda *_: "")


def some_faces(count):
    """Return (N, 48, 48) uint8 noise."""
    return np.random.default_rng(0).integers(0, 256, (count, 48, 48)).astype(np.uint8)


def read(folder):
    """Read the JSON of a report."""
    return msgspec.json.decode((folder / "report.json").read_bytes(), type=EvaluationReport)


def test_terminal_page_and_json_have_the_same_data(here, capsys):
    """The accuracy is printed, on the page and in the JSON, in a folder named by what was measured."""
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


def test_report_of_a_run_shows_its_history(here):
    """For a run's folder the best checkpoint is evaluated, and the run's history drawn."""
    history = [{"loss": 2.0, "accuracy": 0.2, "val_loss": 2.0, "val_accuracy": 0.3}]
    run = here / "runs" / "mine"
    run.mkdir(parents=True)
    net().save(run / BEST)
    write_state(run, TrainingState(settings=RunSettings(labels=EMOTIONS, data="x"), history=history))
    assert main(["runs/mine", "--data", "fer2013.csv", "--split", "test"]) == 0
    folder = here / "reports" / "mine-test"
    assert read(folder).history == history
    assert read(folder).evaluation.split == "PrivateTest"
    assert (folder / "history.png").is_file()


@pytest.mark.usefixtures("without_plots")
def test_details_of_single_predictions_have_a_folder_of_their_own(here, capsys):
    """With `--no-both-ways` the details are those of single predictions, and the overview still averages two."""
    assert main(["net.keras", "--data", "fer2013.csv"]) == 0
    assert main(["net.keras", "--data", "fer2013.csv", "--no-both-ways"]) == 0
    averaged, single = read(here / "reports" / "net-validation"), read(here / "reports" / "net-validation-one-way")
    assert (averaged.both_ways, single.both_ways) == (True, False)
    assert averaged.measurements == single.measurements
    model, data = open_model(here / "net.keras"), read_dataset(here / "fer2013.csv").validation
    for report, probabilities in (
        (averaged, predict(model, data.pixels, both_ways=True)),
        (single, predict(model, data.pixels)),
    ):
        assert report.evaluation.official == compute_metrics(probabilities, data.codes, EMOTIONS)
    assert "FER2013 PublicTest, one way" in capsys.readouterr().out


@pytest.mark.usefixtures("without_plots")
@pytest.mark.parametrize("options", [[], ["--no-both-ways"]])
def test_other_model_is_predicted_in_the_same_way(here, options):
    """A model compared with itself predicts the same for every face."""
    assert main(["net.keras", "--data", "fer2013.csv", "--against", "net.keras", "--report", "out", *options]) == 0
    report = read(here / "out")
    assert report.comparison.evaluation == report.evaluation
    assert report.comparison.official.only_first == report.comparison.official.only_second == 0


TREES = {
    "test alone": (["train", "test"], "test"),
    "validation and test": (["train", "validation", "test"], "validation"),
    "no splits": ([""], "validation"),
}


@pytest.mark.usefixtures("here", "without_plots")
@pytest.mark.parametrize(("folders", "measured"), TREES.values(), ids=TREES.keys())
def test_a_tree_with_a_test_split_alone_is_measured_on_it(tmp_path, capsys, folders, measured):
    """Validation faces drawn from train/ may be a model's training faces; the command says what it measures."""
    faces = some_faces(7 * 12)
    for number, face in enumerate(faces):
        folder = tmp_path / "tree" / folders[number // 7 % len(folders)] / EMOTIONS[number % 7]
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"{number}.png"), face)
    assert main(["net.keras", "--data", "tree"]) == 0
    assert read(tmp_path / "reports" / f"net-{measured}").evaluation.split == measured
    assert f"tree: measuring {measured}; --split chooses another split" in capsys.readouterr().out
    other = "validation" if measured == "test" else "test"
    assert main(["net.keras", "--data", "tree", "--split", other]) == 0
    assert read(tmp_path / "reports" / f"net-{other}").evaluation.split == other
    assert "measuring" not in capsys.readouterr().out


@pytest.fixture
def face_set(here):
    """A face set: 30 happy, 25 neutral and 2 sad faces in fold 1, others in fold 0."""
    codes = np.array([3] * 30 + [6] * 25 + [4] * 2 + [0] * 9)
    faces = np.pad(some_faces(len(codes)), ((0, 0), (12, 12), (12, 12)))
    folds = np.array([1] * 57 + [0] * 9)
    write_face_file(here / "own.npz", faces=faces, codes=codes, folds=folds, persons=np.arange(66, dtype=np.uint32))
    return faces[:57, 12:-12, 12:-12], codes[:57]


@pytest.mark.usefixtures("without_plots")
def test_everyday_mixture_is_measured_on_a_fold_of_a_face_set(here, face_set, capsys):
    """`--faces` needs no other data, and gives precision and recall of each label, both ways, for a checkpoint too."""
    assert main(["net.keras", "--faces", "own.npz"]) == 0
    default, measured = read(here / "reports" / "net-own").measurements
    assert (default.prior_strength, measured.prior_strength) == (ClassifySettings().prior_strength, 0.0)
    pixels, codes = face_set
    expected = compute_metrics(predict(open_model(here / "net.keras"), pixels, both_ways=True), codes, EMOTIONS)
    assert (measured.kind, measured.dataset, measured.faces) == ("everyday", "own fold 1", 57)
    assert {label: count for label, count in measured.counts.items() if count} == {"happy": 30, "sad": 2, "neutral": 25}
    assert sum(measured.predicted.values()) == 57, "predictions of labels without faces are wrong, and count"
    assert all(measured.precision[label] == 0 for label, count in measured.counts.items() if not count)
    assert measured.accuracy == pytest.approx(expected.accuracy, abs=1e-6)
    assert {label: measured.precision[label] for label in expected.precision} == pytest.approx(
        expected.precision, abs=1e-6
    )
    assert measured.recall == pytest.approx(expected.recall, abs=1e-6)
    assert measured.balanced_accuracy == pytest.approx((expected.recall["happy"] + expected.recall["neutral"]) / 2)
    printed = capsys.readouterr().out
    assert "everyday mixture, own fold 1" in printed
    assert "Confusion" not in printed
    assert main(["net.keras", "--faces", "own.npz", "--fold", "0"]) == 0
    assert read(here / "reports" / "net-own").measurements[0].counts["angry"] == 9


@pytest.mark.usefixtures("without_plots", "face_set")
def test_every_set_has_a_row_in_the_overview(here):
    """All sets of one command are in one report, everyday use first."""
    shutil.copy(ASTRONAUT, here / "photos" / "happy")
    sets = ["--data", "fer2013.csv", "--faces", "own.npz", "--photos", "photos", "--rolls", "9"]
    assert main([str(BUNDLED_MODEL), *sets, "--classes", "5", "--report", "out"]) == 0
    report = read(here / "out")
    assert [(row.kind, row.roll_deg) for row in report.measurements[::2]] == [
        ("everyday", 0.0),
        ("photographs", 0.0),
        ("photographs", 9.0),
        ("labels", 0.0),
    ]
    assert report.measurements[-1].accuracy == pytest.approx(report.evaluation.official.accuracy, abs=1e-6)
    assert len(report.evaluation.labels) == 5


@pytest.mark.usefixtures("without_plots")
def test_tflite_and_its_checkpoint_have_similar_metrics(here, datasets, capsys):
    """On real faces the int8 model is about as accurate as its checkpoint, and the paired test finds no difference."""
    data = str(datasets / "fer2013-folders")
    arguments = [str(BUNDLED_MODEL), "--data", data, "--split", "test", "--against", str(SHIPPED_CHECKPOINT)]
    assert main([*arguments, "--report", "out"]) == 0
    report = read(here / "out")
    assert report.comparison is not None
    ours, theirs = report.evaluation.official, report.comparison.evaluation.official
    assert ours.faces == theirs.faces > 30
    assert ours.accuracy == pytest.approx(theirs.accuracy, abs=0.05)
    assert report.comparison.official.p_value > 0.05
    assert "Against edge_small.keras" in capsys.readouterr().out


@pytest.mark.usefixtures("without_plots")
def test_five_classes_of_a_model_of_seven(here):
    """With fewer classes the other classes' faces are left out and never predicted."""
    assert main(["net.keras", "--data", "fer2013.csv", "--classes", "5"]) == 0
    report = read(here / "reports" / "net-validation-5-classes")
    assert len(report.evaluation.labels) == 5
    assert report.model_labels == EMOTIONS
    assert report.evaluation.official.faces == 10
    assert np.array(report.evaluation.official.confusion).shape == (5, 5)


@pytest.mark.usefixtures("without_plots")
def test_foreign_checkpoint_needs_labels_and_range(here):
    """A foreign 64 px net is evaluated with its labels, in its order, and its value range."""
    net(classes=3, side=64).save(here / "theirs.keras")
    arguments = ["theirs.keras", "--data", "fer2013.csv", "--labels", "sad", "happy", "neutral"]
    assert main([*arguments, "--value-range", "-1", "1"]) == 0
    report = read(here / "reports" / "theirs-validation")
    assert report.evaluation.labels == ("sad", "happy", "neutral")
    assert report.evaluation.official.faces == 6


@pytest.mark.usefixtures("without_plots")
def test_merged_emotions_count_as_their_class(here):
    """With `--merge disgust=angry` the faces of disgust count as angry; without it they are dropped."""
    arguments = ["net.keras", "--data", "fer2013.csv", "--classes", "happy,angry", "--report", "out"]
    assert main([*arguments, "--merge", "disgust=angry"]) == 0
    assert read(here / "out").evaluation.official.faces == 6
    assert main(arguments) == 0
    assert read(here / "out").evaluation.official.faces == 4


@pytest.mark.usefixtures("without_plots")
def test_run_is_measured_on_data_read_as_for_its_training(here):
    """A run's merges and pooling apply to its evaluation; with other classes only the pooling does."""
    run = here / "run"
    run.mkdir()
    net(classes=2).save(run / BEST)
    settings = RunSettings(labels=("happy", "angry"), merges={"disgust": "angry"}, pooled=True, data="x")
    write_state(run, TrainingState(settings=settings))
    assert main(["run", "--data", "fer2013.csv", "--report", "out"]) == 0
    assert read(here / "out").evaluation.dataset == "FER2013 (pooled, disgust as angry)"
    assert main(["run", "--data", "fer2013.csv", "--report", "out", "--classes", "angry,happy"]) == 0
    assert read(here / "out").evaluation.dataset == "FER2013 (pooled)"


@pytest.mark.usefixtures("without_plots")
def test_converted_model_is_measured_on_the_splits_of_its_run(here):
    """The manifest records how the run read its data, so that a converted model is measured on the same splits."""
    content, manifest = read_model(BUNDLED_MODEL)
    model = here / "mine.tflite"
    manifest = msgspec.structs.replace(manifest, training_run={"pooled": True, "merges": {}})
    model.write_bytes(model_bytes(content, manifest))
    assert main([str(model), "--data", "fer2013.csv", "--report", "out"]) == 0
    assert read(here / "out").evaluation.dataset == "FER2013 (pooled)"


@pytest.mark.usefixtures("without_plots")
def test_fer_plus_is_measured_on_faces_with_a_majority(here, rows, capsys):
    """Six of ten votes are a majority and five are not; votes for no emotion count among the ten."""
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
    majorities = read(here / "out").measurements[0]
    assert (majorities.kind, majorities.dataset, majorities.faces) == ("majorities", "FER2013 PublicTest", 7)
    assert main([*arguments, "--classes", "5"]) == 0
    assert read(here / "out").measurements[0].faces == 5
    (here / "fer2013new.csv").write_text("\n".join(lines).replace(",6", ",5") + "\n")
    assert main(arguments) == 3
    assert "expected faces with a majority of FER+ votes, found none" in capsys.readouterr().err


@pytest.mark.usefixtures("without_plots")
def test_photographs_are_part_of_the_report(here, capsys):
    """With `--photos` the report has the results of the runtime on the photographs."""
    shutil.copy(ASTRONAUT, here / "photos" / "happy")
    assert main([str(BUNDLED_MODEL), "--data", "fer2013.csv", "--photos", "photos", "--report", "out"]) == 0
    photos = read(here / "out").measurements[0]
    assert (photos.kind, photos.dataset, photos.faces, photos.missed) == ("photographs", "photos", 2, 1)
    assert "photographs, whole path, photos" in capsys.readouterr().out


@pytest.mark.usefixtures("without_plots")
def test_a_bundled_model_has_a_name(here, capsys):
    """A bundled model is evaluated by its name; the folder of a run with this name comes first."""
    assert main(["edge_small", "--data", "fer2013.csv", "--against", "edge_small"]) == 0
    report = read(here / "reports" / "edge_small-against-edge_small-validation")
    assert (report.model, report.comparison.model) == ("edge_small", "edge_small")
    assert report.comparison.evaluation == report.evaluation
    (here / "edge_small").mkdir()
    assert main(["edge_small", "--data", "fer2013.csv"]) == 4
    assert "edge_small/best.keras: expected a .keras" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "folder"),
    [
        (["models/edge_small.tflite"], "reports/edge_small-validation"),
        (["a.tflite", "--against", "b.keras", "--classes", "6"], "reports/a-against-b-validation-6-classes"),
        (["a.tflite", "--classes", "happy,sad"], "reports/a-validation-happy-sad"),
        (["a.tflite", "--split", "test", "--report", "mine"], "mine"),
    ],
)
def test_different_evaluations_have_different_folders(arguments, folder):
    """The default folder is named by model, split, classes and comparison, so that no report overwrites another."""
    assert str(report_folder(parse_arguments([*arguments, "--data", "x"]), "validation")) == folder


BAD_CALLS = {
    "nothing to measure": (["net.keras"], 2, "expected --data, --faces or --photos, found none"),
    "option without its set": (["net.keras", "--faces", "x", "--fer-plus"], 2, "--fer-plus: expected it with --data"),
    "no face set": (["net.keras", "--faces", "nowhere.npz"], 3, "nowhere.npz: expected a face set"),
    "no such fold": (["net.keras", "--faces", "own.npz", "--fold", "2"], 3, "in fold 2, found none; the set has the"),
    "no model": (["nowhere.keras", "--data", "x"], 4, "expected a .keras or .h5 checkpoint"),
    "no tflite": (["nowhere.tflite", "--data", "x"], 4, "expected a .tflite model"),
    "mistyped name": (["edge_smal", "--data", "x"], 4, "or one of edge_accurate, edge_small, found neither: did you"),
    "no other": (["net.keras", "--data", "x", "--against", "nowhere.keras"], 4, "nowhere.keras: expected"),
    "no data": (["net.keras", "--data", "nowhere.csv"], 3, "expected a data set here"),
    "wrong labels": (["net.keras", "--data", "x", "--labels", "happy", "sad"], 4, "expected an output of shape"),
    "wrong range": (["net.keras", "--data", "x", "--value-range", "1", "0"], 2, "expected black below white"),
    "photos for keras": (["net.keras", "--data", "x", "--photos", "photos"], 2, "convert it first"),
    "no photos": (["a.tflite", "--data", "x", "--photos", "nowhere"], 3, "expected a folder of photographs"),
    "no votes": (["net.keras", "--data", "fer2013.csv", "--fer-plus"], 3, "fer2013new.csv next to it for --fer-plus"),
    "unknown class": (["net.keras", "--data", "x", "--classes", "bored"], 2, "unknown emotion 'bored'"),
    "unwritable report, before anything else": (
        ["net.keras", "--data", "nowhere", "--report", "file/report"],
        2,
        "expected a writable folder for the",
    ),
}


@pytest.mark.usefixtures("here", "face_set")
@pytest.mark.parametrize(("arguments", "code", "message"), BAD_CALLS.values(), ids=BAD_CALLS.keys())
def test_usage_error_is_one_line_with_its_exit_code(capsys, arguments, code, message):
    """A user's mistake prints one line without a traceback, and sets the documented exit code."""
    assert main(arguments) == code
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
