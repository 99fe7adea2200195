"""The sweep of the prior's strength: what it measures, recommends and draws."""

import cv2
import msgspec
import numpy as np
import pytest

from edge.model.bundled import BUNDLED_MODEL
from edge.model.manifest import read_model
from edge.model.prior import PriorCorrection
from edge.vision.classify import EmotionClassifier
from train.data.face_file import write_face_file
from train.evaluation.metrics import compute_metrics
from train.evaluation.predict import predict
from train.evaluation.prior_sweep import STRENGTHS, best_strength, sweep_prior
from train.prior_sweep import main

SIDE = 48


@pytest.fixture
def faces(tmp_path, monkeypatch):
    """Change into a folder with a face set of noise: 20 angry, happy and neutral faces in fold 1."""
    monkeypatch.chdir(tmp_path)
    codes = np.array([0, 3, 6] * 20)
    pixels = np.random.default_rng(0).integers(0, 256, (60, SIDE, SIDE)).astype(np.uint8)
    folds, persons = np.ones(60, dtype=np.int64), np.arange(60, dtype=np.uint32)
    write_face_file(tmp_path / "own.npz", faces=pixels, codes=codes, folds=folds, persons=persons)
    return pixels, codes


def test_each_strength_is_measured_like_the_runtime(faces, tmp_path):
    """At each strength, the averaged predictions are corrected as the runtime does."""
    pixels, codes = faces
    content, manifest = read_model(BUNDLED_MODEL)
    averaged = predict(EmotionClassifier(content, manifest), pixels, both_ways=True)
    rows = sweep_prior(BUNDLED_MODEL, tmp_path / "own.npz", fold=1)
    assert [row.prior_strength for row in rows] == list(STRENGTHS)
    for row in rows[::10]:
        correct = PriorCorrection(
            manifest.labels, manifest.training_prior, prior="everyday", strength=row.prior_strength
        )
        expected = compute_metrics(correct(averaged), codes, manifest.labels)
        assert row.accuracy == pytest.approx(expected.accuracy, abs=1e-6)
        assert {label: row.precision[label] for label in expected.precision} == pytest.approx(
            expected.precision, abs=1e-6
        )
        assert row.calibration_error == pytest.approx(expected.calibration_error, abs=1e-6)
    assert rows[0].accuracy != pytest.approx(rows[-1].accuracy, abs=0.05)


@pytest.mark.usefixtures("faces")
def test_best_strength_loses_no_balance(tmp_path):
    """The recommended strength has the highest accuracy of all that keep the balanced accuracy of strength 0."""
    (first, *others) = sweep_prior(BUNDLED_MODEL, tmp_path / "own.npz", fold=1)[:4]

    def changed(row, accuracy, balanced):
        return msgspec.structs.replace(row, accuracy=accuracy, balanced_accuracy=balanced)

    rows = [
        changed(row, *values)
        for row, values in zip((first, *others), ((0.6, 0.7), (0.8, 0.71), (0.7, 0.7), (0.9, 0.69)), strict=True)
    ]
    assert best_strength(rows) == rows[1].prior_strength
    assert best_strength([rows[0], rows[3]]) == 0.0


@pytest.mark.usefixtures("faces")
def test_command_prints_a_table_and_draws_a_plot(tmp_path, capsys):
    """The table has a row for each strength; a label without faces has no column."""
    assert main([str(BUNDLED_MODEL), "--faces", "own.npz", "--out", "prior.png"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "edge_small, 60 faces of own fold 1"
    assert lines[2] == "| strength | accuracy | balanced | ECE | angry: precision · recall |"
    assert len([line for line in lines if line.startswith(("| 0", "| 1 "))]) == len(STRENGTHS)
    assert any(line.startswith("highest accuracy without loss of balance: strength ") for line in lines)
    assert cv2.imread(str(tmp_path / "prior.png")) is not None


@pytest.mark.usefixtures("faces")
def test_usage_errors_are_one_line(capsys):
    """A missing face set, and a plot that cannot be written, are one line with the documented exit code."""
    for options, code, message in (
        (["--faces", "nowhere.npz"], 3, "nowhere.npz: expected a face set"),
        (["--faces", "own.npz", "--out", "nowhere/prior.png"], 3, "nowhere/prior.png: expected to write the plot"),
    ):
        assert main([str(BUNDLED_MODEL), *options]) == code
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
