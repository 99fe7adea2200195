"""Draws the plots of a training run and of an evaluation report."""

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from edge.model.manifest import Measurement
from train.data.faces import FaceSet
from train.evaluation.conditions import ConditionResult
from train.evaluation.corruptions import CorruptionKind
from train.evaluation.metrics import Curve, Metrics, roc_curves
from train.evaluation.prior_sweep import RARE
from train.evaluation.report import EvaluationReport

BLUE, ORANGE, GREEN, PINK, SKY, VERMILION, BLACK = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#d55e00",
    "#000000",
)
"""Colors that color-blind people can tell apart.

Source: Okabe and Ito 2008, "Color Universal Design"; without its yellow, which is too pale for a line on white.
"""

CLASS_COLORS = (VERMILION, GREEN, PINK, ORANGE, BLUE, SKY, BLACK)
LINES = ("-", "--", "-.", ":")
"""Colors and line styles of the classes, in the order of the labels."""

DARK = 0.6
"""Share above which a cell of the confusion matrix is dark enough for white text."""


def draw_history(history: Sequence[Mapping[str, float]]) -> Figure:
    """Draw loss and accuracy by epoch for training and validation, with the epoch of the best accuracy marked.

    Args:
        history: a row for each finished epoch, at least one, with `loss`, `accuracy`, `val_loss`, `val_accuracy`.
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
    """Draw the confusion matrix; each cell shows its share of the row (the true class) and its count."""
    counts = np.asarray(confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(7, 6.2), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (truth, predicted), share in np.ndenumerate(shares):
        color = "white" if share > DARK else "black"
        text = f"{100 * share:.0f} %\n{counts[truth, predicted]}"
        axes.text(predicted, truth, text, ha="center", va="center", color=color, fontsize=8)
    axes.set_xticks(range(len(labels)), labels, rotation=30, ha="right")
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    figure.colorbar(image, label="share of the true class", shrink=0.8)
    return figure


def draw_roc(curves: Mapping[str, Curve], auc: Mapping[str, float]) -> Figure:
    """Draw the one-against-rest ROC curve of each class, with the area under it in the legend."""
    figure = Figure(figsize=(6.4, 5.8), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="#999999", linewidth=0.8, label="chance")
    for (name, (false, true)), color, line in zip(curves.items(), cycle(CLASS_COLORS), cycle(LINES), strict=False):
        axes.plot(false, true, line, color=color, label=f"{name}, AUC {auc[name]:.3f}")
    axes.set_xlabel("false positive rate")
    axes.set_ylabel("true positive rate")
    axes.set_aspect("equal")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    return figure


def draw_calibration(metrics: Metrics) -> Figure:
    """Draw accuracy by confidence (reliability diagram), and below it the number of predictions by confidence."""
    figure = Figure(figsize=(6.4, 6.4), layout="constrained")
    upper, lower = figure.subplots(2, 1, height_ratios=(3, 1), sharex=True)
    bins = metrics.calibration
    lefts, widths = [one.low for one in bins], [one.high - one.low for one in bins]
    style = {"align": "edge", "edgecolor": "white"}
    upper.bar(lefts, [one.accuracy for one in bins], widths, color=SKY, label="accuracy", **style)
    upper.plot([0, 1], [0, 1], "--", color=BLACK, linewidth=1, label="perfect calibration")
    upper.plot(
        [one.confidence for one in bins], [one.accuracy for one in bins], "o", color=VERMILION, label="mean confidence"
    )
    upper.set_ylim(0, 1)
    upper.set_ylabel("accuracy")
    if metrics.calibration_error is not None:
        upper.set_title(f"expected calibration error {metrics.calibration_error:.4f}", fontsize=10)
    upper.legend(loc="upper left")
    lower.bar(lefts, [one.faces for one in bins], widths, color=BLUE, **style)
    lower.set_xlim(0, 1)
    lower.set_xlabel("confidence, the probability of the predicted class")
    lower.set_ylabel("faces")
    for axes in (upper, lower):
        axes.grid(alpha=0.3)
    return figure


def draw_conditions(results: Sequence[ConditionResult], axis_labels: Mapping[CorruptionKind, str]) -> Figure:
    """Draw, for each kind of corruption, accuracy and the share of refused faces by the corruption's value.

    Args:
        results: the result of each condition.
        axis_labels: by kind, the meaning and unit of the value.
    """
    figure = Figure(figsize=(9, 6.4), layout="constrained")
    for axes, (kind, axis_label) in zip(figure.subplots(2, 2, sharey=True).flat, axis_labels.items(), strict=True):
        rows = [row for row in results if row.kind == kind]
        values = [row.value for row in rows]
        axes.plot(values, [row.balanced_accuracy for row in rows], "-o", color=BLUE, label="balanced accuracy")
        axes.plot(values, [row.accuracy for row in rows], "--s", color=VERMILION, label="accuracy")
        axes.plot(values, [row.refused for row in rows], ":^", color=BLACK, label="refused: not classified")
        if kind in {"face size", "brightness"}:
            axes.set_xscale("log")
            axes.set_xticks(values, [f"{value:g}" for value in values], fontsize=8)
            axes.minorticks_off()
        axes.set_xlabel(axis_label)
        axes.set_ylim(-0.02, 1.02)
        axes.grid(alpha=0.3)
    figure.axes[0].legend(loc="center right", fontsize=8)
    return figure


def draw_prior_sweep(sweeps: Mapping[str, Sequence[Measurement]], *, default: float) -> Figure:
    """Draw accuracy, and precision and recall of rare labels, by the strength of the prior; a row for each model.

    Args:
        sweeps: by model, a measurement for each strength.
        default: strength in the default settings, which is marked.
    """
    figure = Figure(figsize=(9, 3.9 * len(sweeps)), layout="constrained")
    for row, (name, sweep) in zip(figure.subplots(len(sweeps), 2, squeeze=False), sweeps.items(), strict=True):
        whole, labels = row
        strengths = [one.prior_strength for one in sweep]
        whole.plot(strengths, [one.accuracy for one in sweep], "-o", color=BLUE, markersize=4, label="accuracy")
        balanced = [one.balanced_accuracy for one in sweep]
        whole.plot(strengths, balanced, "--s", color=VERMILION, markersize=4, label="balanced accuracy")
        for label, color in zip(RARE, (VERMILION, BLUE), strict=True):
            if label in sweep[0].recall:
                precision, recall = ([getattr(one, kind)[label] for one in sweep] for kind in ("precision", "recall"))
                labels.plot(
                    strengths, precision, "-o", color=color, markersize=4, label=f"{label}: right when it says so"
                )
                labels.plot(strengths, recall, ":^", color=color, markersize=4, label=f"{label}: found")
        whole.set_title(f"{name}: all faces", fontsize=10)
        labels.set_title(f"{name}: rare labels", fontsize=10)
        for axes in row:
            axes.axvline(default, color="#999999", linewidth=0.8)
            axes.set_xlabel("prior_strength (gray line: default)")
            axes.set_ylim(0, 1)
            axes.grid(alpha=0.3)
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=2, fontsize=8)
    return figure


SHEET_ROWS, SHEET_COLUMNS = 4, 6
"""Faces on the sheet of mistakes."""


def worst_mistakes(probabilities: NDArray[np.float32], codes: NDArray[np.int64], *, most: int) -> NDArray[np.int64]:
    """Return the positions of the wrong predictions, the most confident first, at most `most` of them."""
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != codes)
    order = np.argsort(-probabilities.max(axis=1)[wrong], kind="stable")
    return np.asarray(wrong[order][:most], dtype=np.int64)


def draw_mistakes(
    pixels: NDArray[np.uint8], probabilities: NDArray[np.float32], codes: NDArray[np.int64], labels: Sequence[str]
) -> Figure:
    """Draw the (N, H, H) uint8 faces of the most confident wrong predictions, with true and predicted class."""
    worst = worst_mistakes(probabilities, codes, most=SHEET_ROWS * SHEET_COLUMNS)
    rows = max(1, -(-len(worst) // SHEET_COLUMNS))
    figure = Figure(figsize=(SHEET_COLUMNS * 1.5, rows * 1.85), layout="constrained")
    cells = figure.subplots(rows, SHEET_COLUMNS, squeeze=False).ravel()
    for axes in cells:
        axes.set_axis_off()
    for axes, face in zip(cells, worst, strict=False):
        predicted = int(probabilities[face].argmax())
        axes.imshow(pixels[face], cmap="gray", vmin=0, vmax=255)
        prediction = f"{labels[predicted]} {probabilities[face, predicted]:.2f}"
        axes.set_title(f"label {labels[codes[face]]}\npredicted {prediction}", fontsize=8)
    return figure


def draw_report(
    report: EvaluationReport, probabilities: NDArray[np.float32] | None, faces: FaceSet | None
) -> dict[str, Figure]:
    """Draw the plots that the sections of `report` refer to.

    Args:
        report: the report.
        probabilities: (N, K) predictions of `report.evaluation`; None without it.
        faces: the N faces that they are for.
    """
    plots = {"history": draw_history(report.history)} if report.history else {}
    if report.evaluation is None or probabilities is None or faces is None:
        return plots
    metrics, labels = report.evaluation.official, report.evaluation.labels
    plots |= {
        "roc": draw_roc(roc_curves(probabilities, faces.codes, labels), metrics.auc),
        "confusion": draw_confusion(metrics.confusion, labels),
        "calibration": draw_calibration(metrics),
    }
    if metrics.accuracy < 1:
        plots["mistakes"] = draw_mistakes(faces.pixels, probabilities, faces.codes, labels)
    return plots
