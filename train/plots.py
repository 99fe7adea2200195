"""Draws the figures of a training and of an evaluation."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

BLUE, ORANGE, GREEN, PINK, SKY, VERMILION, BLACK = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#d55e00",
    "#000000",
)
"""Colours that colour-blind people can tell apart.

Source: Okabe and Ito 2008, "Color Universal Design"; without its yellow, which is too pale for a line on white.
"""


def draw_history(history: Sequence[Mapping[str, float]]) -> Figure:
    """Draw loss and accuracy by epoch, of training and validation; the epoch with the best accuracy is marked.

    Args:
        history: a row for each finished epoch, one or more, with `loss`, `accuracy`, `val_loss`, `val_accuracy`.
    """
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    accuracy, loss = figure.subplots(1, 2)
    validation = [row["val_accuracy"] for row in history]
    best = max(range(len(validation)), key=validation.__getitem__)
    for axes, name in ((accuracy, "accuracy"), (loss, "loss")):
        _draw_epochs(axes, history, name, best=best)
    accuracy.set_title(f"best: epoch {best + 1}, validation accuracy {validation[best]:.4f}", fontsize=10)
    accuracy.legend(loc="lower right")
    return figure


def _draw_epochs(axes: Axes, history: Sequence[Mapping[str, float]], name: str, *, best: int) -> None:
    epochs = range(1, len(history) + 1)
    rows = (("training", name, BLUE, "-"), ("validation", f"val_{name}", VERMILION, "--"))
    for label, key, color, style in rows:
        axes.plot(epochs, [row[key] for row in history], style, color=color, label=label, marker=".", markersize=4)
    axes.plot([best + 1], [history[best][f"val_{name}"]], "o", color=BLACK, fillstyle="none", label="best epoch")
    axes.set_xlabel("epoch")
    axes.set_ylabel(name)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
