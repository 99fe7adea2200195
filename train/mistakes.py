"""Draws the faces that a model names wrong with the greatest confidence."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

SHEET_ROWS, SHEET_COLUMNS = 4, 6
"""Faces on the sheet."""


def worst_mistakes(probabilities: NDArray[np.float32], codes: NDArray[np.int64], *, most: int) -> NDArray[np.int64]:
    """Return the positions of the wrong answers, the most confident first, at most `most` of them."""
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != codes)
    order = np.argsort(-probabilities.max(axis=1)[wrong], kind="stable")
    return np.asarray(wrong[order][:most], dtype=np.int64)


def draw_mistakes(
    pixels: NDArray[np.uint8], probabilities: NDArray[np.float32], codes: NDArray[np.int64], labels: Sequence[str]
) -> Figure:
    """Draw the faces, (N, H, H) uint8, of the most confident wrong answers: true class, answer, confidence."""
    worst = worst_mistakes(probabilities, codes, most=SHEET_ROWS * SHEET_COLUMNS)
    rows = max(1, -(-len(worst) // SHEET_COLUMNS))
    figure = Figure(figsize=(SHEET_COLUMNS * 1.5, rows * 1.85), layout="constrained")
    cells = figure.subplots(rows, SHEET_COLUMNS, squeeze=False).ravel()
    for axes in cells:
        axes.set_axis_off()
    for axes, face in zip(cells, worst, strict=False):
        answer = int(probabilities[face].argmax())
        axes.imshow(pixels[face], cmap="gray", vmin=0, vmax=255)
        said = f"{labels[answer]} {probabilities[face, answer]:.2f}"
        axes.set_title(f"label {labels[codes[face]]}\nsaid {said}", fontsize=8)
    return figure
