"""Writes what a run's epochs were like, for people: a table and curves."""

import csv
import io
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from edge.errors import SinkError
from train.replace import replace_file

log = logging.getLogger(__name__)

TABLE = "history.csv"
CURVES = "curves.png"


def write_table(folder: Path, history: Sequence[Mapping[str, float]]) -> None:
    """Replace `history.csv`: a row for each finished epoch, counted from 1.

    Raises:
        SinkError: it cannot be written; the old one stays.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, ["epoch", *history[0]], lineterminator="\n")
    writer.writeheader()
    writer.writerows({"epoch": number, **row} for number, row in enumerate(history, start=1))
    replace_file(folder / TABLE, lambda partial: partial.write_text(text.getvalue()))


def draw_curves(folder: Path, history: Sequence[Mapping[str, float]]) -> None:
    """Replace `curves.png`: loss and accuracy by epoch. A run does not fail for want of its picture: that is said."""
    from train.plots import draw_history  # noqa: PLC0415  # Matplotlib takes a second: once, when training has ended

    try:
        replace_file(folder / CURVES, lambda partial: draw_history(history).savefig(partial))
    except SinkError as error:
        log.warning("%s", error)
