"""Draws the figures of a training and of an evaluation."""

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from train.conditions import Measured
from train.metrics import Curve, Figures
from train.spoil import Kind

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

CLASS_COLORS = (VERMILION, GREEN, PINK, ORANGE, BLUE, SKY, BLACK)
LINES = ("-", "--", "-.", ":")
"""Of the classes, in the order of the labels."""

DARK = 0.6
"""Share above which a cell of the confusion matrix is so dark that its text is white."""


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


def draw_confusion(confusion: Sequence[Sequence[int]], labels: Sequence[str]) -> Figure:
    """Draw a row for each true class and a column for each answer; a cell has its share of the row, and its count."""
    counts = np.asarray(confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(7, 6.2), layout="constrained")
    axes = figure.subplots()
    picture = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (truth, answer), share in np.ndenumerate(shares):
        color = "white" if share > DARK else "black"
        text = f"{100 * share:.0f} %\n{counts[truth, answer]}"
        axes.text(answer, truth, text, ha="center", va="center", color=color, fontsize=8)
    axes.set_xticks(range(len(labels)), labels, rotation=30, ha="right")
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel("answer")
    axes.set_ylabel("true class")
    figure.colorbar(picture, label="share of the true class", shrink=0.8)
    return figure


def draw_roc(curves: Mapping[str, Curve], auc: Mapping[str, float]) -> Figure:
    """Draw the one-against-rest ROC curve of each class, and the area under it in the legend."""
    figure = Figure(figsize=(6.4, 5.8), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="#999999", linewidth=0.8, label="chance")
    for (name, (false, true)), color, line in zip(curves.items(), cycle(CLASS_COLORS), cycle(LINES), strict=False):
        axes.plot(false, true, line, color=color, label=f"{name}, AUC {auc[name]:.3f}")
    axes.set_xlabel("share of the other faces given this answer")
    axes.set_ylabel("share of the class given this answer")
    axes.set_aspect("equal")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    return figure


def draw_calibration(figures: Figures) -> Figure:
    """Draw accuracy by confidence (reliability diagram), and below it how many answers have each confidence."""
    figure = Figure(figsize=(6.4, 6.4), layout="constrained")
    upper, lower = figure.subplots(2, 1, height_ratios=(3, 1), sharex=True)
    bins = figures.calibration
    lefts, widths = [one.low for one in bins], [one.high - one.low for one in bins]
    style = {"align": "edge", "edgecolor": "white"}
    upper.bar(lefts, [one.accuracy for one in bins], widths, color=SKY, label="share right", **style)
    upper.plot([0, 1], [0, 1], "--", color=BLACK, linewidth=1, label="as sure as right")
    upper.plot([one.confidence for one in bins], [one.accuracy for one in bins], "o", color=VERMILION, label="mean")
    upper.set_ylim(0, 1)
    upper.set_ylabel("accuracy")
    upper.set_title(f"expected calibration error {figures.calibration_error:.4f}", fontsize=10)
    upper.legend(loc="upper left")
    lower.bar(lefts, [one.faces for one in bins], widths, color=BLUE, **style)
    lower.set_xlim(0, 1)
    lower.set_xlabel("confidence, the probability of the answer")
    lower.set_ylabel("faces")
    for axes in (upper, lower):
        axes.grid(alpha=0.3)
    return figure


def draw_conditions(measured: Sequence[Measured], meanings: Mapping[Kind, str]) -> Figure:
    """Draw accuracy by each kind of condition, and how many faces the runtime would refuse under it.

    meanings: of each kind, what its value means.
    """
    figure = Figure(figsize=(9, 6.4), layout="constrained")
    for axes, (kind, meaning) in zip(figure.subplots(2, 2, sharey=True).flat, meanings.items(), strict=True):
        rows = [row for row in measured if row.kind == kind]
        values = [row.value for row in rows]
        axes.plot(values, [row.balanced_accuracy for row in rows], "-o", color=BLUE, label="balanced accuracy")
        axes.plot(values, [row.accuracy for row in rows], "--s", color=VERMILION, label="accuracy")
        axes.plot(values, [row.refused for row in rows], ":^", color=BLACK, label="refused: not classified")
        if kind in {"face size", "brightness"}:
            axes.set_xscale("log")
            axes.set_xticks(values, [f"{value:g}" for value in values], fontsize=8)
            axes.minorticks_off()
        axes.set_xlabel(meaning)
        axes.set_ylim(-0.02, 1.02)
        axes.grid(alpha=0.3)
    figure.axes[0].legend(loc="center right", fontsize=8)
    return figure
