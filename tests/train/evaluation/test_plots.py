"""The plots' content, checked on Matplotlib's artists instead of pixels."""

import numpy as np
import pytest

from edge.labels import EMOTIONS
from train.evaluation.metrics import compute_metrics
from train.evaluation.plots import (
    draw_calibration,
    draw_confusion,
    draw_history,
    draw_mistakes,
    draw_roc,
    worst_mistakes,
)

LABELS = ("happy", "sad", "neutral")

HISTORY = [
    {"loss": 1.9, "accuracy": 0.25, "val_loss": 1.8, "val_accuracy": 0.3},
    {"loss": 1.5, "accuracy": 0.45, "val_loss": 1.4, "val_accuracy": 0.5},
    {"loss": 1.1, "accuracy": 0.65, "val_loss": 1.6, "val_accuracy": 0.4},
]


def drawn(axes):
    """Return the (x, y) values of each line by its label."""
    return {line.get_label(): list(zip(line.get_xdata(), line.get_ydata(), strict=True)) for line in axes.get_lines()}


def test_history_draws_each_epoch_and_marks_the_best():
    """Epochs count from 1, and both plots mark the epoch with the highest validation accuracy."""
    figure = draw_history(HISTORY)
    accuracy, loss = figure.axes
    assert drawn(accuracy) == {
        "training": [(1, 0.25), (2, 0.45), (3, 0.65)],
        "validation": [(1, 0.3), (2, 0.5), (3, 0.4)],
        "best epoch": [(2, 0.5)],
    }
    assert drawn(loss) == {
        "training": [(1, 1.9), (2, 1.5), (3, 1.1)],
        "validation": [(1, 1.8), (2, 1.4), (3, 1.6)],
        "best epoch": [(2, 1.4)],
    }
    assert "epoch 2" in accuracy.get_title()


def test_single_epoch_can_be_drawn(tmp_path):
    """A history of one epoch gives a plot with single points."""
    draw_history(HISTORY[:1]).savefig(tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_confusion_shows_shares_of_each_row_and_counts():
    """A cell shows its share of the row and its count; the row of a class without faces is zero."""
    figure = draw_confusion([[3, 1, 0], [2, 2, 0], [0, 0, 0]], LABELS)
    axes = figure.axes[0]
    assert np.asarray(axes.images[0].get_array()).tolist() == [[0.75, 0.25, 0], [0.5, 0.5, 0], [0, 0, 0]]
    texts = {text.get_position(): text.get_text() for text in axes.texts}
    assert texts[0, 0] == "75 %\n3"
    assert texts[1, 0] == "25 %\n1"
    assert texts[2, 2] == "0 %\n0"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted class", "true class")
    assert [label.get_text() for label in axes.get_yticklabels()] == list(LABELS)


def test_roc_curves_are_drawn_with_their_names_and_areas():
    """Each class has its ROC curve, labelled with the area under it."""
    curves = {"happy": (np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0]))}
    axes = draw_roc(curves, {"happy": 1.0}).axes[0]
    assert drawn(axes)["happy, AUC 1.000"] == [(0, 0), (0, 1), (1, 1)]


def test_many_classes_have_distinct_lines():
    """No two of seven curves have the same color and line style."""
    curve = (np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    axes = draw_roc(dict.fromkeys(EMOTIONS, curve), dict.fromkeys(EMOTIONS, 0.5)).axes[0]
    assert len({(line.get_color(), line.get_linestyle()) for line in axes.get_lines()}) == 8


def test_reliability_diagram_has_a_bar_for_each_bin():
    """Each bin has a bar with its accuracy, and below it one with its number of predictions."""
    probabilities = np.array([[0.85, 0.1, 0.05]] * 4 + [[0.45, 0.3, 0.25]], dtype=np.float32)
    metrics = compute_metrics(probabilities, np.array([0, 0, 0, 1, 2]), LABELS)
    upper, lower = draw_calibration(metrics).axes
    assert [(bar.get_x(), bar.get_height()) for bar in upper.patches] == [
        (pytest.approx(6 / 15), 0.0),
        (pytest.approx(12 / 15), 0.75),
    ]
    assert [bar.get_height() for bar in lower.patches] == [1, 4]
    assert drawn(upper)["perfect calibration"] == [(0, 0), (1, 1)]
    assert f"{metrics.calibration_error:.4f}" in upper.get_title()


def test_worst_mistakes_are_the_most_confident_wrong_predictions():
    """Only wrong predictions are chosen, the most confident first."""
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.7, 0.3]], dtype=np.float32)
    codes = np.array([0, 1, 0, 1])
    assert worst_mistakes(probabilities, codes, most=5).tolist() == [2, 3, 1]
    assert worst_mistakes(probabilities, codes, most=2).tolist() == [2, 3]


def test_sheet_shows_each_mistake_with_label_prediction_and_confidence():
    """Each mistake shows its face, its label, the predicted class and the confidence."""
    probabilities = np.array([[0.9, 0.1, 0], [0.2, 0.75, 0.05]], dtype=np.float32)
    pixels = np.stack([np.full((48, 48), shade, dtype=np.uint8) for shade in (10, 200)])
    cells = draw_mistakes(pixels, probabilities, np.array([0, 2]), LABELS).axes
    assert cells[0].get_title() == "label neutral\npredicted sad 0.75"
    assert (np.asarray(cells[0].images[0].get_array()) == 200).all()
    assert not any(cell.images for cell in cells[1:])


def test_sheet_without_mistakes_can_be_drawn():
    """For a perfect model the sheet of mistakes is empty."""
    figure = draw_mistakes(
        np.zeros((1, 48, 48), dtype=np.uint8), np.eye(3, dtype=np.float32)[:1], np.array([0]), LABELS
    )
    assert not any(cell.images for cell in figure.axes)
