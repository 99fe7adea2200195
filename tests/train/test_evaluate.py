"""The evaluation: one table for any model, on the whole split and on what was not trained on."""

import keras
import msgspec
import numpy as np
import pytest
from keras import layers

from edge.labels import EMOTIONS
from train.evaluate import Report, evaluate, evaluation_lines, main
from train.faces import FaceData, FaceSet


def answers_of(codes):
    """Certain answers."""
    return np.eye(7, dtype=np.float32)[codes]


def with_leak(face_data):
    """The data set with its first seven validation faces in training as well."""
    copied = face_data.validation.where(np.arange(len(face_data.validation)) < 7)
    training = FaceSet(
        np.concatenate([face_data.training.pixels, copied.pixels]),
        np.concatenate([face_data.training.targets, copied.targets]),
    )
    return FaceData("leaky", EMOTIONS, training, face_data.validation, face_data.test)


def test_faces_known_from_training_are_left_out_of_the_second_figure(face_data):
    """A model that knows only the leaked faces has a third of the split right, and nothing of the unseen."""
    data = with_leak(face_data)
    codes = data.validation.codes
    evaluation = evaluate(answers_of(np.where(np.arange(21) < 7, codes, (codes + 1) % 7)), data, split="validation")
    assert evaluation.official.faces == 21
    assert evaluation.official.accuracy == pytest.approx(1 / 3)
    assert evaluation.unseen is not None
    assert evaluation.unseen.faces == 14
    assert evaluation.unseen.accuracy == 0.0


def test_a_split_that_is_all_known_has_no_second_figure(face_data):
    """Nothing unseen is no figure rather than a nought."""
    data = FaceData("known", EMOTIONS, face_data.training, face_data.training, face_data.test)
    evaluation = evaluate(answers_of(data.validation.codes), data, split="validation")
    assert evaluation.unseen is None
    assert any("-" in line for line in evaluation_lines(evaluation))


def test_the_split_asked_for_is_measured(face_data):
    """Test answers are compared with the test faces, under the name the data's makers use."""
    few = face_data.test.where(np.arange(len(face_data.test)) < 7)
    data = FaceData("small", EMOTIONS, face_data.training, face_data.validation, few)
    evaluation = evaluate(answers_of(few.codes), data, split="test")
    assert evaluation.split == "test"
    assert evaluation.official.faces == 7
    assert evaluation.official.accuracy == 1.0


@pytest.fixture
def checkpoint(tmp_path):
    """A checkpoint of seven classes that was never trained."""
    path = tmp_path / "net.keras"
    keras.Sequential(
        [keras.Input((48, 48, 1)), layers.AveragePooling2D(8), layers.Flatten(), layers.Dense(7, "softmax")]
    ).save(path)
    return path


def test_the_command_prints_a_table_and_writes_json(checkpoint, rows, write_table, tmp_path, capsys):
    """The same figures stand on the screen and in the file."""
    out = tmp_path / "figures.json"
    log = tmp_path / "photos.jsonl"
    log.write_text('{"source": "happy/a.jpg", "probabilities": {"happy": 0.9, "sad": 0.1}, "box": [0, 0, 9, 9]}\n')
    table = write_table(rows)
    code = main([str(checkpoint), "--data", str(table), "--json", str(out), "--photos-log", str(log)])
    assert code == 0
    report = msgspec.json.decode(out.read_bytes(), type=Report)
    printed = capsys.readouterr().out
    assert report.evaluation.split == "PublicTest"
    assert report.evaluation.official.faces == 14
    assert f"{report.evaluation.official.accuracy:.4f}" in printed
    assert all(name in printed for name in EMOTIONS)
    assert report.photos is not None
    assert report.photos.right == 1


BAD_CALLS = {
    "no model": (["nowhere.keras", "--data", "x"], 4, "expected a .keras or .h5 checkpoint"),
    "no tflite": (["nowhere.tflite", "--data", "x"], 4, "expected a .tflite model"),
    "no data": (["net.keras", "--data", "nowhere.csv"], 3, "expected a data set here"),
    "wrong labels": (["net.keras", "--data", "x", "--labels", "happy", "sad"], 4, "expected an output of shape"),
    "no log": (["net.keras", "--data", "fer2013.csv", "--photos-log", "nowhere"], 3, "expected a log"),
    "no place": (["net.keras", "--data", "fer2013.csv", "--json", "no/where.json"], 2, "expected a file that can be"),
}


@pytest.mark.usefixtures("checkpoint")
@pytest.mark.parametrize(("arguments", "code", "message"), BAD_CALLS.values(), ids=BAD_CALLS.keys())
def test_a_bad_call_is_one_line_and_its_exit_code(
    rows, write_table, tmp_path, monkeypatch, capsys, arguments, code, message
):
    """No traceback for the user's mistakes."""
    write_table(rows)
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == code
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
