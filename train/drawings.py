"""Draws the plots that a report has."""

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from train.faces import FaceSet
from train.metrics import roc_curves
from train.mistakes import draw_mistakes
from train.plots import draw_calibration, draw_confusion, draw_history, draw_roc
from train.report import Report


def draw_report(report: Report, probabilities: NDArray[np.float32], faces: FaceSet) -> dict[str, Figure]:
    """Draw the plots that the sections of `report` name, of the (N, K) answers for `faces`."""
    figures, labels = report.evaluation.official, report.evaluation.labels
    plots = {
        "roc": draw_roc(roc_curves(probabilities, faces.codes, labels), figures.auc),
        "confusion": draw_confusion(figures.confusion, labels),
        "calibration": draw_calibration(figures),
    }
    if figures.accuracy < 1:
        plots["mistakes"] = draw_mistakes(faces.pixels, probabilities, faces.codes, labels)
    if report.history:
        plots["history"] = draw_history(report.history)
    return plots
