"""The command that makes face sets: which photographs it takes, what it cuts, and what it says about the rest."""

import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.labels import EMOTIONS
from edge.model.bundled import BUNDLED_MODEL
from edge.model.manifest import read_model
from edge.settings.schema import Settings
from edge.vision.crop import crop_face
from edge.vision.detectors import open_scanner
from train.data.face_file import read_face_file
from train.data.photographs import list_photographs
from train.data.raw import TRAINING, VALIDATION
from train.data.splits import draw_by_person, number_persons
from train.faces import MARGIN_PX, main

ASTRONAUT = Path(__file__).resolve().parents[2] / "edge" / "assets" / "astronaut_face.png"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Change into a folder with photographs of one person: four faces, one without a face, one broken, one copy."""
    monkeypatch.chdir(tmp_path)
    face = cv2.imread(str(ASTRONAUT), cv2.IMREAD_GRAYSCALE)
    for number, name in enumerate(["Happiness/ann_1.png", "happy/more/ann_2.png", "sad/bob_1.png", "holiday/x.png"]):
        write(name, cv2.convertScaleAbs(face, alpha=1 - 0.05 * number))
    write("sad/gray.png", np.full((99, 99), 99, np.uint8))
    write("sad/small.png", cv2.resize(face, None, fx=30 / 110, fy=30 / 110, interpolation=cv2.INTER_AREA))
    Path("photos/sad/broken.jpg").write_bytes(b"no image")
    shutil.copy("photos/sad/bob_1.png", "photos/sad/bob_2.png")
    return tmp_path


def write(name, image):
    """Write an image below `photos`."""
    path = Path("photos", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image)


def last_error(capsys):
    """Return the only line on standard error."""
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.mark.usefixtures("here")
def test_faces_of_a_tree_are_cut_and_the_rest_is_counted(capsys):
    """The set has each readable photograph with a face, with its folder's emotion; the others are counted by reason."""
    assert main(["photos", "out.npz"]) == 0
    faces = read_face_file(Path("out.npz"))
    assert faces.pixels.shape == (3, 72, 72)
    assert [EMOTIONS[code] for code in faces.codes] == ["happy", "happy", "sad"]
    printed = capsys.readouterr().out
    assert "out.npz: 3 faces of 3 persons" in printed
    for line in (
        "skipped 1: no face found (sad/gray.png)",
        "skipped 1: no image that can be decoded (sad/broken.jpg)",
        "skipped 1: a copy of another photograph (sad/bob_2.png)",
        "skipped 1: the label 'holiday' is none of angry, disgust, fear, happy, sad, surprise, neutral (holiday/x.png)",
        "skipped 1: face smaller than 36 px (sad/small.png)",
    ):
        assert line in printed


@pytest.mark.usefixtures("here")
def test_the_middle_of_a_face_is_the_crop_that_the_runtime_classifies():
    """Without its margin, a face equals the runtime's crop of the detected box but for the rounding of the box."""
    large = cv2.resize(cv2.imread(str(ASTRONAUT), cv2.IMREAD_GRAYSCALE), None, fx=4, fy=4)
    write("Happiness/ann_1.png", large)
    assert main(["photos", "out.npz"]) == 0
    wide = read_face_file(Path("out.npz")).pixels[0]
    gray = cv2.imread("photos/Happiness/ann_1.png", cv2.IMREAD_GRAYSCALE)
    found = open_scanner(Settings(), is_still_images=True).scan(gray)[0]
    framing = read_model(BUNDLED_MODEL)[1].framing
    crop = crop_face(gray, found.box, framing=framing, size=48, roll_deg=found.roll_deg or 0.0)
    middle = wide[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX]
    assert np.abs(middle.astype(int) - crop).mean() < 2
    assert np.abs(np.roll(middle, 3, axis=0).astype(int) - crop).mean() > 5, "the comparison notices a shift"


@pytest.mark.usefixtures("here")
def test_a_table_names_labels_and_persons():
    """With a table, its rows decide which photographs are taken, their labels and their persons."""
    rows = [
        "File,Emotion,subject",
        "holiday/x.png,surprised,ann",
        "sad/bob_1.png,sad,ann",
        "sad/bob_1.png,angry,bob",
        "sad/gone.png,sad,bob",
        "sad/\0.png,sad,bob",
        "sad/gray.png,contempt,bob",
        "Happiness/ann_1.png,HAPPY,bob",
    ]
    Path("labels.csv").write_text("\ufeff" + "\n".join(rows) + "\n", encoding="utf-8")
    assert main(["photos", "out.npz", "--table", "labels.csv"]) == 0
    with np.load("out.npz") as arrays:
        labels, persons, folds = arrays["label"], arrays["person"], arrays["fold"]
    assert [EMOTIONS[code] for code in labels] == ["happy", "surprise", "sad"]
    assert persons[1] == persons[2] != persons[0]
    assert folds[1] == folds[2]


@pytest.mark.usefixtures("here")
def test_the_same_photographs_give_the_same_set():
    """A second run writes the same bytes."""
    for name in ("a.npz", "b.npz"):
        assert main(["photos", name, "--person", r"([^/]+)_\d"]) == 0
    with np.load("a.npz") as first, np.load("b.npz") as second:
        assert first.files == second.files == ["faces", "label", "fold", "person"]
        assert all(np.array_equal(first[name], second[name]) for name in first.files)


def test_a_pattern_finds_the_person(tmp_path):
    """The pattern's group is the person, the whole match without a group, the table's or the file's name otherwise."""
    for name in ("ann_1.png", "ann_2.png", "x.png"):
        (tmp_path / "sad").mkdir(exist_ok=True)
        (tmp_path / "sad" / name).write_bytes(b"")

    def persons(pattern):
        return [photograph.person for photograph in list_photographs(tmp_path, None, pattern)[0]]

    assert persons(re.compile(r"([^/]+)_\d")) == ["ann", "ann", "sad/x.png"]
    assert persons(re.compile(r"ann_\d")) == ["ann_1", "ann_2", "sad/x.png"]
    assert persons(None) == ["sad/ann_1.png", "sad/ann_2.png", "sad/x.png"]


def test_a_table_with_a_wrong_column_is_one_short_error(here, capsys):
    """If no label is an emotion, the error lists the first reasons and the number of the others."""
    (here / "labels.csv").write_text("name,label\n" + "".join(f"sad/{one}.png,{one}\n" for one in range(50)))
    assert main(["photos", "out.npz", "--table", "labels.csv"]) == 3
    error = last_error(capsys)
    assert error.count("skipped 1: the label") == 10
    assert error.endswith("; skipped 40: other reasons")


def test_no_person_is_in_both_folds_and_every_emotion_is_in_each():
    """The draw keeps persons together, takes the given share, and leaves a rare emotion in both folds."""
    rng = np.random.default_rng(0)
    persons = [f"person {number}" for number in rng.integers(0, 300, 1000)]
    codes = rng.choice([3, 6, 1], 1000, p=[0.5, 0.49, 0.01])
    folds = draw_by_person(persons, codes, share=0.2)
    sides = {fold: {who for who, side in zip(persons, folds, strict=True) if side == fold} for fold in (0, 1)}
    assert not sides[0] & sides[1]
    assert len(sides[1]) / 300 == pytest.approx(0.2, abs=0.03)
    for code in (3, 6, 1):
        assert set(folds[codes == code]) == {TRAINING, VALIDATION}
    order = rng.permutation(1000)
    assert np.array_equal(draw_by_person([persons[place] for place in order], codes[order], share=0.2), folds[order])
    assert sorted(draw_by_person(["ann", "bob"], np.array([1, 1]), share=0.2)) == [TRAINING, VALIDATION]
    assert not draw_by_person(persons, codes, share=0.0).any()
    assert draw_by_person(persons, codes, share=1.0).all()
    assert len(set(number_persons(persons).tolist())) == len(set(persons))


BAD_CALLS = {
    "no folder": (["nowhere", "out.npz"], 3, "nowhere: expected a folder of photographs, found none"),
    "no emotion": (["photos/holiday", "out.npz"], 3, "skipped 1: the label '' is none of angry"),
    "no face": (["photos/gray", "out.npz"], 3, "with a face, found none: skipped 1: no face"),
    "another suffix": (["photos", "out.zip"], 2, "out.zip: expected a file that ends with .npz"),
    "no folder to write in": (
        ["photos", "nowhere/out.npz"],
        2,
        "nowhere/out.npz: expected a file in a writable folder",
    ),
    "wrong share": (["photos", "out.npz", "--validation-share", "20"], 2, "expected a share from 0 to 1, found 20"),
    "wrong pattern": (["photos", "out.npz", "--person", "("], 2, "expected a regular expression, found '('"),
    "no table": (["photos", "out.npz", "--table", "none.csv"], 3, "none.csv: expected a table of names and labels"),
    "other columns": (["photos", "out.npz", "--table", "other.csv"], 3, "name and label, found a, b"),
    "no text": (["photos", "out.npz", "--table", "photos/holiday/x.png"], 3, "expected a CSV file in UTF-8"),
    "no model": (["photos", "out.npz", "--model", "none.tflite"], 4, "none.tflite: expected a .tflite model"),
}


@pytest.mark.parametrize(("arguments", "code", "message"), BAD_CALLS.values(), ids=BAD_CALLS.keys())
def test_usage_error_is_one_line_with_its_exit_code(here, capsys, arguments, code, message):
    """A user's mistake prints one line, sets the documented exit code, and leaves no file."""
    write("gray/sad/x.png", np.full((99, 99), 99, np.uint8))
    (here / "other.csv").write_text("a,b\n1,2\n")
    assert main(arguments) == code
    assert message in last_error(capsys)
    assert not (here / "out.npz").exists()
