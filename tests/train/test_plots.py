"""The plots show what they say: checked on what is drawn, not on pixels."""

from train.plots import draw_history

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
