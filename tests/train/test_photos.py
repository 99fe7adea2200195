"""The whole path on photographs, against their folders' names."""

import _thread
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import ConfigError, MediaError
from edge.labels import CLASS_SETS, EMOTIONS
from edge.records import Box, Observation, Reading
from edge.shipped import SHIPPED_MODEL
from train.photos import FEWEST, AnswerSink, PhotoCount, answer_photos, check_photos, measure_photos

ASTRONAUT = Path(__file__).resolve().parents[2] / "edge" / "assets" / "astronaut_face.png"


def says(emotion, *, instead=()):
    """Probabilities with this first choice; then those of `instead`, in falling order."""
    order = [emotion, *instead]
    return {name: 0.5 / (1 + order.index(name)) if name in order else 0.01 for name in EMOTIONS}


def photographs(folder, *names):
    """Photographs whose content does not matter."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return folder


def test_a_face_that_was_not_found_is_a_wrong_answer(tmp_path):
    """The whole path is measured, the detector included; so is a photograph that nobody could open."""
    folder = photographs(tmp_path, "happy/a.jpg", "happy/b.jpg", "happy/broken.jpg", "sad/c.jpg")
    answers = {"happy/a.jpg": says("happy"), "happy/b.jpg": None, "sad/c.jpg": says("fear")}
    figures = measure_photos(answers, folder, EMOTIONS)
    assert figures.by_emotion == {"happy": PhotoCount(3, 2 - 1, 1), "sad": PhotoCount(1, 1, 0)}
    assert (figures.photographs, figures.found, figures.right) == (4, 2, 1)
    assert figures.accuracy == 0.25


def test_the_largest_face_answers_for_its_photograph():
    """A small face in the background does not decide, first or last."""

    def reading(side, emotion):
        return Reading(1, Box(0, 0, side, side), "uncertain", 0.2, says(emotion), 0, 0.0, 0.0)

    small, large = reading(20, "sad"), reading(60, "happy")
    for order in ((small, large), (large, small)):
        sink = AnswerSink(pictures=1)
        sink.write(Observation(0, "happy/a.jpg", 0.0, 0.0, order, (1,)))
        sink.close()
        assert sink.answers == {"happy/a.jpg": says("happy")}


def test_balanced_accuracy_leaves_rare_classes_out(tmp_path):
    """A class of too few photographs says little and does not weigh as much as the others."""
    many = [f"happy/{number}.jpg" for number in range(FEWEST)]
    few = [f"fear/{number}.jpg" for number in range(FEWEST - 1)]
    folder = photographs(tmp_path, *many, *few)
    answers = dict.fromkeys(many[: FEWEST // 2], says("happy")) | dict.fromkeys(few, says("sad"))
    assert measure_photos(answers, folder, EMOTIONS).balanced_accuracy == 0.5
    assert measure_photos(answers, photographs(tmp_path / "few", *few), EMOTIONS).balanced_accuracy is None


def test_with_fewer_classes_only_their_photographs_and_answers_count(tmp_path):
    """Of five classes, a face said to be afraid is what it is next likely to be; photographs of fear are left out."""
    folder = photographs(tmp_path, "surprise/a.jpg", "fear/b.jpg")
    answers = dict.fromkeys(["surprise/a.jpg", "fear/b.jpg"], says("fear", instead=("surprise",)))
    figures = measure_photos(answers, folder, CLASS_SETS[5])
    assert (figures.photographs, figures.right, figures.left_out) == (1, 1, 1)
    with pytest.raises(MediaError, match=r"expected photographs of happy, sad, found none: choose other --classes"):
        measure_photos(answers, folder, ("happy", "sad"))


def test_folders_may_be_called_what_data_sets_call_them(tmp_path):
    """Happiness is happy, in any case."""
    folder = photographs(tmp_path, "Happiness/a.jpg")
    assert measure_photos({"Happiness/a.jpg": says("happy")}, folder, EMOTIONS).right == 1


@pytest.mark.parametrize(
    ("model", "names", "error", "message"),
    [
        ("net.keras", ["happy/a.jpg"], ConfigError, "expected a .tflite, since photographs go through the runtime"),
        ("net.tflite", [], MediaError, "expected a folder of photographs, one folder for each emotion, found none"),
        ("net.tflite", ["happy/notes.txt"], MediaError, "expected photographs in folders named by emotion, found none"),
        ("net.tflite", ["holiday/a.jpg"], MediaError, r"expected photographs in folders named angry, .*holiday/a\.jpg"),
    ],
)
def test_what_cannot_be_measured_is_told_before_any_work(tmp_path, model, names, error, message):
    """A wrong folder or a model that the runtime cannot run."""
    folder = photographs(tmp_path / "photos", *names)
    with pytest.raises(error, match=message):
        check_photos(Path(model), folder)


def test_the_runtime_itself_answers(tmp_path):
    """A real photograph is found and named; on a grey one there is no face, and a broken one is passed over."""
    for name, picture in {
        "happy/astronaut.png": cv2.imread(str(ASTRONAUT)),
        "sad/grey.png": np.full((99, 99), 99),
    }.items():
        (tmp_path / name).parent.mkdir()
        cv2.imwrite(str(tmp_path / name), picture)
    photographs(tmp_path, "sad/broken.png")
    answers = answer_photos(SHIPPED_MODEL, tmp_path)
    assert answers["sad/grey.png"] is None
    assert answers["happy/astronaut.png"] is not None
    assert sum(answers["happy/astronaut.png"].values()) == pytest.approx(1, abs=1e-4)
    figures = measure_photos(answers, tmp_path, EMOTIONS)
    assert (figures.photographs, figures.found) == (3, 1)


def test_ctrl_c_ends_every_thread(tmp_path, monkeypatch):
    """Who stops a long measurement gets the terminal back at once, not after the last photograph."""
    photograph = ASTRONAUT.read_bytes()
    (tmp_path / "happy").mkdir()
    for number in range(300):
        (tmp_path / "happy" / f"{number}.png").write_bytes(photograph)
    presses = iter([_thread.interrupt_main])
    monkeypatch.setattr(AnswerSink, "write", lambda *_: next(presses, lambda: None)())
    before = set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt):
        answer_photos(SHIPPED_MODEL, tmp_path)
    for thread in set(threading.enumerate()) - before:
        thread.join(timeout=2)
        assert not thread.is_alive()
