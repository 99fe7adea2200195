"""Metrics of the whole runtime on photographs, with folder names as labels."""

import _thread
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.counters import Counters
from edge.errors import ConfigError, MediaError
from edge.labels import CLASS_SETS, EMOTIONS
from edge.model.bundled import BUNDLED_MODEL
from edge.model.manifest import read_model
from edge.model.prior import PriorCorrection
from edge.pipeline.build import build_steps
from edge.pipeline.pipeline import Pipeline
from edge.records import Box, Observation, Reading
from edge.settings.schema import ClassifySettings, Settings, SourceSettings
from edge.sources.images import ImageSource
from train.evaluation.measurements import measure_photos
from train.evaluation.photos import (
    PredictionSink,
    TurnedImageSource,
    check_photos,
    list_photos,
    predict_photos,
    select_photos,
)

ASTRONAUT = Path(__file__).resolve().parents[3] / "edge" / "assets" / "astronaut_face.png"


def prediction_of(emotion, *, instead=()):
    """Return probabilities with this first choice, then those of `instead` in falling order."""
    order = [emotion, *instead]
    return {name: 0.5 / (1 + order.index(name)) if name in order else 0.01 for name in EMOTIONS}


def photographs(folder, *names):
    """Write empty files as photographs; return the folder."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return folder


def selected(predictions, folder, labels=EMOTIONS):
    """Return the predicted label of each photograph with a prediction, their true labels, and those of the others."""
    probabilities, codes, missed = select_photos(predictions, list_photos(folder, labels), labels)
    names = [[labels[code] for code in some] for some in (probabilities.argmax(axis=1), codes, missed)]
    return tuple(names)


def test_photograph_without_a_prediction_is_missed(tmp_path):
    """Photographs without a detected face, and those that cannot be opened, are among the missed ones."""
    folder = photographs(tmp_path, "happy/a.jpg", "happy/b.jpg", "happy/broken.jpg", "sad/c.jpg")
    predictions = {"happy/a.jpg": prediction_of("happy"), "happy/b.jpg": None, "sad/c.jpg": prediction_of("fear")}
    assert selected(predictions, folder) == (["happy", "fear"], ["happy", "sad"], ["happy", "happy"])
    assert selected({}, folder) == ([], [], ["happy", "happy", "happy", "sad"])


def test_largest_face_decides_for_its_photograph():
    """A small face in the background is ignored, whether it comes first or last."""

    def reading(side, emotion):
        return Reading(1, Box(0, 0, side, side), "uncertain", 0.2, prediction_of(emotion), 0, 0.0, 0.0)

    small, large = reading(20, "sad"), reading(60, "happy")
    for order in ((small, large), (large, small)):
        sink = PredictionSink(photographs=1)
        sink.write(Observation(0, "happy/a.jpg", 0.0, 0.0, order, (1,)))
        sink.close()
        assert sink.predictions == {"happy/a.jpg": prediction_of("happy")}


def test_unclear_face_has_no_prediction():
    """A face that the runtime refuses to classify gives no prediction, although its reading has uniform ones."""
    reading = Reading(1, Box(0, 0, 60, 60), "uncertain", 0.14, dict.fromkeys(EMOTIONS, 1 / 7), 0, 0.0, 0.0, "too dark")
    sink = PredictionSink(photographs=1)
    sink.write(Observation(0, "happy/a.jpg", 0.0, 0.0, (reading,), (1,)))
    sink.close()
    assert sink.predictions == {"happy/a.jpg": None}


def test_with_fewer_classes_only_their_photographs_and_probabilities_count(tmp_path):
    """With five classes a prediction of fear becomes the next probable class, and photographs of fear are left out."""
    folder = photographs(tmp_path, "surprise/a.jpg", "fear/b.jpg")
    predictions = dict.fromkeys(["surprise/a.jpg", "fear/b.jpg"], prediction_of("fear", instead=("surprise",)))
    assert selected(predictions, folder, CLASS_SETS[5]) == (["surprise"], ["surprise"], [])
    with pytest.raises(MediaError, match=r"expected photographs of happy, sad, found none: choose other --classes"):
        selected(predictions, folder, ("happy", "sad"))


def test_folder_names_may_be_spelled_differently(tmp_path):
    """A folder called Happiness holds photographs of happy."""
    folder = photographs(tmp_path, "Happiness/a.jpg")
    assert selected({"Happiness/a.jpg": prediction_of("happy")}, folder) == (["happy"], ["happy"], [])


@pytest.mark.parametrize(
    ("model", "names", "error", "message"),
    [
        ("net.keras", ["happy/a.jpg"], ConfigError, "expected a .tflite, since photographs go through the runtime"),
        ("net.tflite", [], MediaError, "expected a folder of photographs, one folder for each emotion, found none"),
        ("net.tflite", ["happy/notes.txt"], MediaError, "expected photographs in folders named by emotion, found none"),
        ("net.tflite", ["hapy/a.jpg"], MediaError, r"expected photographs in folders named angry, .*hapy/a\.jpg"),
        ("net.tflite", ["a.jpg"], MediaError, r"expected photographs in folders named angry, .*found a\.jpg"),
        ("net.tflite", ["holiday/a.jpg"], MediaError, "expected photographs in folders named by emotion, found none"),
    ],
)
def test_wrong_folder_or_model_is_reported_before_any_work(tmp_path, model, names, error, message):
    """`check_photos` refuses a folder without photographs by emotion, and a model that the runtime cannot run."""
    folder = photographs(tmp_path / "photos", *names)
    with pytest.raises(error, match=message):
        check_photos(Path(model), folder)


def test_runtime_predicts_photographs(tmp_path):
    """The runtime classifies the face of a real photograph, finds none on a gray one, and skips a broken one."""
    for name, image in {
        "happy/astronaut.png": cv2.imread(str(ASTRONAUT)),
        "sad/gray.png": np.full((99, 99), 99),
    }.items():
        (tmp_path / name).parent.mkdir()
        cv2.imwrite(str(tmp_path / name), image)
    photographs(tmp_path, "sad/broken.png")
    predictions = predict_photos(BUNDLED_MODEL, tmp_path)
    assert predictions["sad/gray.png"] is None
    assert predictions["happy/astronaut.png"] is not None
    assert sum(predictions["happy/astronaut.png"].values()) == pytest.approx(1, abs=1e-4)
    default, measured = measure_photos(BUNDLED_MODEL, tmp_path, EMOTIONS, rolls_deg=[0.0], training_prior=None)
    assert (default.prior_strength, measured.prior_strength) == (ClassifySettings().prior_strength, 0.0)
    assert (measured.kind, measured.dataset, measured.faces, measured.missed) == ("photographs", tmp_path.name, 3, 2)
    assert (measured.counts["happy"], measured.counts["sad"]) == (1, 2)
    assert measured.recall["sad"] == 0.0


def test_default_settings_equal_the_correction_afterwards(tmp_path):
    """Correcting the predictions of a run without a prior gives what the runtime predicts in the default settings."""
    (tmp_path / "happy").mkdir()
    (tmp_path / "happy" / "a.png").write_bytes(ASTRONAUT.read_bytes())
    plain = predict_photos(BUNDLED_MODEL, tmp_path)["happy/a.png"]
    settings = Settings(source=SourceSettings(use=str(tmp_path)))
    sink = PredictionSink(photographs=1)
    steps = build_steps(settings)(is_still_images=True)
    Pipeline(ImageSource(tmp_path), steps, [sink], Counters(), settings).run()
    _, manifest = read_model(BUNDLED_MODEL)
    correct = PriorCorrection(
        manifest.labels,
        manifest.training_prior,
        prior=settings.classify.prior,
        strength=settings.classify.prior_strength,
    )
    corrected = correct(np.array([plain[label] for label in manifest.labels], dtype=np.float32))
    predicted = [sink.predictions["happy/a.png"][label] for label in manifest.labels]
    assert predicted == pytest.approx(corrected.tolist(), rel=1e-3)
    assert predicted != pytest.approx(list(plain.values()), abs=1e-8)  # the net is sure of this face


def test_photographs_are_turned_both_ways(tmp_path):
    """Every other photograph is turned clockwise, the others anticlockwise; without a turn they stay as they are."""
    (tmp_path / "happy").mkdir()
    image = np.zeros((101, 101), np.uint8)
    image[10, 50] = 255
    for number in range(2):
        cv2.imwrite(str(tmp_path / "happy" / f"{number}.png"), image)

    def brightest(roll_deg):
        source = TurnedImageSource(tmp_path, roll_deg=roll_deg)
        return [np.unravel_index(frame.gray.argmax(), (101, 101)) for frame in iter(source.read, None)]

    assert brightest(0.0) == [(10, 50), (10, 50)]
    (row, right), (same_row, left) = brightest(30.0)
    assert row == same_row == pytest.approx(50 - 40 * np.cos(np.radians(30)), abs=1)
    assert (right - 50, left - 50) == pytest.approx((20, -20), abs=1)


def test_ctrl_c_ends_every_thread(tmp_path, monkeypatch):
    """Ctrl-C ends a long measurement early: every thread stops, without reading all photographs."""
    photograph = ASTRONAUT.read_bytes()
    (tmp_path / "happy").mkdir()
    for number in range(300):
        (tmp_path / "happy" / f"{number}.png").write_bytes(photograph)
    written, interrupted = [], threading.Event()

    def write(_sink, observation):
        written.append(observation.source)
        if len(written) == 1:
            _thread.interrupt_main()
            interrupted.wait(timeout=60)

    monkeypatch.setattr(PredictionSink, "write", write)
    before = set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt):
        predict_photos(BUNDLED_MODEL, tmp_path)
    interrupted.set()
    for thread in set(threading.enumerate()) - before:
        thread.join(timeout=60)
        assert not thread.is_alive()
    assert len(written) < 300
