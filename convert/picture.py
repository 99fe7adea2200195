"""Draws a model card's picture: the confusion matrix."""

import io

from train.evaluation import Evaluation
from train.plots import draw_confusion


def confusion_picture(evaluation: Evaluation) -> bytes:
    """Return the counts by true class and answer as PNG; the same counts give the same bytes."""
    picture = io.BytesIO()
    figure = draw_confusion(evaluation.official.confusion, evaluation.labels)
    figure.savefig(picture, format="png", dpi=100, metadata={"Software": None})
    return picture.getvalue()
