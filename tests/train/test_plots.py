"""The plots show what they say: checked on what is drawn, not on pixels."""

import numpy as np
import pytest

from edge.labels import EMOTIONS
from train.metrics import measure
from train.mistakes import draw_mistakes, worst_mistakes
from train.plots import draw_calibration, draw_confusion, draw_history, draw_roc

LABELS = ("happy", "sad", "neutral")

HISTORY = [
    {"loss": 1.9, "accuracy": 0.25, "val_loss": 1.8, "val_accuracy": 0.3},
    {"loss": 1.5, "accuracy": 0.45, "val_loss": 1.4, "val_accuracy": 0.5},
    {"loss": 1.1, "accuracy": 0.65, "val_loss": 1.6, "val_accuracy": 0.4},
]


def drawn(axes):
    """Label to the (x, y) values of each line."""
    return {line.get_label(): list(zip(line.get_xdata(), line.get_ydata(), strict=True)) for line in axes.get_lines()}


def test_history_draws_each_epoch_and_marks_the_best():
    """Epochs count from 1; the best is the one with the highest validation accuracy, in both plots."""
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


def test_a_single_epoch_can_be_drawn(tmp_path):
    """The first epoch's curve is one point, and a file."""
    draw_history(HISTORY[:1]).savefig(tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_the_confusion_shows_shares_of_each_row_and_its_counts():
    """3 of 4 is 75 % of its row; a class without faces is a row of nothing."""
    figure = draw_confusion([[3, 1, 0], [2, 2, 0], [0, 0, 0]], LABELS)
    axes = figure.axes[0]
    assert np.asarray(axes.images[0].get_array()).tolist() == [[0.75, 0.25, 0], [0.5, 0.5, 0], [0, 0, 0]]
    texts = {text.get_position(): text.get_text() for text in axes.texts}
    assert texts[0, 0] == "75 %\n3"
    assert texts[1, 0] == "25 %\n1"
    assert texts[2, 2] == "0 %\n0"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("answer", "true class")
    assert [label.get_text() for label in axes.get_yticklabels()] == list(LABELS)


def test_roc_curves_are_drawn_with_their_names_and_areas():
    """Each class has its curve, and the legend its area."""
    curves = {"happy": (np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0]))}
    axes = draw_roc(curves, {"happy": 1.0}).axes[0]
    assert drawn(axes)["happy, AUC 1.000"] == [(0, 0), (0, 1), (1, 1)]


def test_many_classes_have_lines_that_differ():
    """No two of seven curves have the same colour and line."""
    curve = (np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    axes = draw_roc(dict.fromkeys(EMOTIONS, curve), dict.fromkeys(EMOTIONS, 0.5)).axes[0]
    assert len({(line.get_color(), line.get_linestyle()) for line in axes.get_lines()}) == 8


def test_the_reliability_diagram_has_a_bar_for_each_bin():
    """Bars reach the accuracy, at their bin's place, and below them stand the counts."""
    probabilities = np.array([[0.85, 0.1, 0.05]] * 4 + [[0.45, 0.3, 0.25]], dtype=np.float32)
    figures = measure(probabilities, np.array([0, 0, 0, 1, 2]), LABELS)
    upper, lower = draw_calibration(figures).axes
    assert [(bar.get_x(), bar.get_height()) for bar in upper.patches] == [
        (pytest.approx(6 / 15), 0.0),
        (pytest.approx(12 / 15), 0.75),
    ]
    assert [bar.get_height() for bar in lower.patches] == [1, 4]
    assert drawn(upper)["as sure as right"] == [(0, 0), (1, 1)]
    assert f"{figures.calibration_error:.4f}" in upper.get_title()


def test_the_worst_mistakes_are_the_surest_wrong_answers():
    """Right answers never stand on the sheet; the surest mistake comes first."""
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.7, 0.3]], dtype=np.float32)
    codes = np.array([0, 1, 0, 1])
    assert worst_mistakes(probabilities, codes, most=5).tolist() == [2, 3, 1]
    assert worst_mistakes(probabilities, codes, most=2).tolist() == [2, 3]


def test_the_sheet_shows_each_mistake_with_label_answer_and_confidence():
    """The face, what it is labelled, what was said and how surely."""
    probabilities = np.array([[0.9, 0.1, 0], [0.2, 0.75, 0.05]], dtype=np.float32)
    pixels = np.stack([np.full((48, 48), shade, dtype=np.uint8) for shade in (10, 200)])
    cells = draw_mistakes(pixels, probabilities, np.array([0, 2]), LABELS).axes
    assert cells[0].get_title() == "label neutral\nsaid sad 0.75"
    assert (np.asarray(cells[0].images[0].get_array()) == 200).all()
    assert not any(cell.images for cell in cells[1:])


def test_a_sheet_without_mistakes_can_be_drawn():
    """A perfect model is no error."""
    figure = draw_mistakes(
        np.zeros((1, 48, 48), dtype=np.uint8), np.eye(3, dtype=np.float32)[:1], np.array([0]), LABELS
    )
    assert not any(cell.images for cell in figure.axes)
