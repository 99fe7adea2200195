"""Each architecture by the commands that a user gives: trained on real faces, evaluated, converted, run."""

import shutil

import msgspec
import pytest

from convert.__main__ import main as convert
from edge.labels import EMOTIONS
from edge.manifest import read_model
from edge.vision.classify import EmotionClassifier
from train.__main__ import main as train
from train.dataset import read_dataset
from train.evaluate import main as evaluate
from train.models import model_names
from train.report import Report

FACES = {"train": 4, "test": 2}
"""Of each emotion: enough to run every step, too few to learn anything."""

FLOAT = ("resnet50v2", "vgg16")
"""Untrained nets of this depth say little in int8; in float32 they answer as Keras does."""


@pytest.fixture(scope="module")
def tree(datasets, tmp_path_factory):
    """A few real faces in Kaggle's layout."""
    source, folder = datasets / "fer2013-folders", tmp_path_factory.mktemp("faces") / "tree"
    if not source.is_dir():
        pytest.skip(f"no folder tree at {source}")
    for split, count in FACES.items():
        for emotion in EMOTIONS:
            (folder / split / emotion).mkdir(parents=True)
            for path in sorted((source / split / emotion).iterdir())[:count]:
                shutil.copy(path, folder / split / emotion)
    return folder


@pytest.mark.timeout(900)  # the pretrained nets take a minute each on a quiet machine
@pytest.mark.parametrize("name", model_names())
def test_an_architecture_is_trained_evaluated_and_converted(name, tree, tmp_path, monkeypatch):
    """From pictures to a model that the runtime opens, without a line of code."""
    run, report, models = tmp_path / name, tmp_path / "report", tmp_path / "models"
    words = ["--data", tree, "--model", name, "--out", run, "--epochs", 1, "--batch-size", 14, "--learning-rate", 1e-4]
    monkeypatch.setattr("sys.argv", ["train", *map(str, words)])
    assert train() == 0
    assert evaluate([str(run), "--data", str(tree), "--split", "test", "--report", str(report)]) == 0
    figures = msgspec.json.decode((report / "report.json").read_bytes(), type=Report).evaluation.official
    assert figures.faces == FACES["test"] * len(EMOTIONS)
    precision = "float32" if name in FLOAT else "int8"
    words = [run, "--data", tree, "--out", models, "--precision", precision, "--calibration-faces", 21, "--max-loss", 1]
    assert convert([str(word) for word in words]) == 0
    content, manifest = read_model(models / (f"{name}.tflite" if precision == "int8" else f"{name}.float32.tflite"))
    assert manifest.precision == precision
    scores = EmotionClassifier(content, manifest).score(read_dataset(tree).test.pixels[0])
    assert scores.probabilities.sum() == pytest.approx(1.0, abs=1e-4)
