"""Arranges a report for people: sections of sentences, tables and plots."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from train.compare import Comparison, PairedTest, verdict
from train.evaluation import Evaluation
from train.metrics import Figures
from train.photos import FEWEST, PhotoFigures
from train.report import Report

SUMMARY = (
    ("faces", "faces", "{:d}"),
    ("accuracy", "accuracy", "{:.4f}"),
    ("balanced accuracy", "balanced_accuracy", "{:.4f}"),
    ("macro F1", "macro_f1", "{:.4f}"),
    ("calibration error", "calibration_error", "{:.4f}"),
)
"""Title, field and format of what is measured on each set of faces."""

NONE = "-"
"""Stands where there is no figure."""


@dataclass(frozen=True, slots=True)
class Table:
    """Cells as text; the first of each row is the row's name. caption: what the figures are of."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report. plot: the name of its picture, described by `shows` to who cannot see it; "" is none."""

    title: str
    text: str
    tables: tuple[Table, ...] = ()
    plot: str = ""
    shows: str = ""


def report_sections(report: Report) -> list[Section]:
    """Return the sections of `report`, in the order in which they are read."""
    evaluation = report.evaluation
    place = f"{evaluation.dataset} {evaluation.split}{', both ways' if report.both_ways else ''}"
    sections = [_summary(evaluation, place)]
    if report.comparison:
        sections.append(_comparison(evaluation, report.comparison))
    if report.fer_plus:
        rows = (("faces", f"{report.fer_plus.faces:d}"), ("accuracy", f"{report.fer_plus.accuracy:.4f}"))
        text = "Right is what more than half of the ten people of FER+ say; other faces of the split do not count."
        sections.append(Section("FER+ majority", text, (Table(place, ("", "whole split"), rows),)))
    if report.photos:
        sections.append(_photos(report.photos))
    sections += [_classes(evaluation, place), _confusion(evaluation, place), *_plots(evaluation, place)]
    if report.history:
        text = "Loss and accuracy by epoch, as the run recorded them. The best epoch is the checkpoint measured here."
        shows = "Curves of accuracy and loss by epoch, for training and validation, with the best epoch marked."
        sections.append(Section("Training", text, plot="history", shows=shows))
    return sections


def section_lines(section: Section) -> list[str]:
    """Return a section that has tables as lines of text; the others are for the page alone."""
    if not section.tables:
        return []
    lines = [section.title, *([section.text] if section.text else [])]
    for table in section.tables:
        cells = [table.head, *table.rows]
        widths = [max(len(row[place]) for row in cells) for place in range(len(table.head))]
        lines += ["", table.caption] if table.caption else [""]
        lines += [_line(row, widths) for row in cells]
    return [*lines, ""]


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    name, *values = row
    numbers = "".join(f"  {value:>{width}}" for value, width in zip(values, widths[1:], strict=True))
    return f"{name:{widths[0]}}{numbers}".rstrip()


def _summary(evaluation: Evaluation, place: str) -> Section:
    text = (
        "Not in training: without the faces that also stand, pixel for pixel, in the training split. Balanced accuracy"
        " and macro F1 are means over the classes. Calibration error: how far confidence is from accuracy (ECE)."
    )
    sets = (evaluation.official, evaluation.unseen)
    rows = tuple((title, *(_figure(figures, field, form) for figures in sets)) for title, field, form in SUMMARY)
    head = ("", "whole split", "not in training")
    return Section("Figures", text, (Table(f"{place}, {len(evaluation.labels)} classes", head, rows),))


def _figure(figures: Figures | None, field: str, form: str) -> str:
    return form.format(getattr(figures, field)) if figures else NONE


def _comparison(evaluation: Evaluation, comparison: Comparison) -> Section:
    other = Path(comparison.model).name
    sets = (
        ("whole split", evaluation.official, comparison.evaluation.official),
        ("not in training", evaluation.unseen, comparison.evaluation.unseen),
    )
    tables = [
        Table(
            f"{where}: both models, the same faces",
            ("", "this model", other),
            tuple((title, _figure(ours, field, form), _figure(theirs, field, form)) for title, field, form in SUMMARY),
        )
        for where, ours, theirs in sets
        if ours and theirs
    ]
    tests = (comparison.official, comparison.unseen)
    rows = (
        ("both right", *(_count(test, "both") for test in tests)),
        ("only this model right", *(_count(test, "only_first") for test in tests)),
        ("only the other right", *(_count(test, "only_second") for test in tests)),
        ("both wrong", *(_count(test, "neither") for test in tests)),
        ("p, McNemar's exact test", *(f"{test.p_value:.4f}" if test else NONE for test in tests)),
    )
    tables.append(Table("faces by who names them right", ("", "whole split", "not in training"), rows))
    text = f"Whole split: {verdict(comparison.official)}"
    if comparison.unseen:
        text += f" Not in training: {verdict(comparison.unseen)}"
    return Section(f"Against {other}", text, tuple(tables))


def _count(test: PairedTest | None, field: str) -> str:
    return str(getattr(test, field)) if test else NONE


def _photos(photos: PhotoFigures) -> Section:
    rows = [
        (emotion, str(count.photographs), str(count.found), str(count.right), f"{count.right / count.photographs:.4f}")
        for emotion, count in photos.by_emotion.items()
    ]
    rows.append(("all", str(photos.photographs), str(photos.found), str(photos.right), f"{photos.accuracy:.4f}"))
    text = "The whole path: a face is found, cropped and classified. A photograph without a face found counts as wrong."
    if photos.balanced_accuracy is not None:
        text += f" Balanced accuracy (emotions with {FEWEST} or more): {photos.balanced_accuracy:.4f}."
    if photos.left_out:
        text += f" Left out, of other emotions: {photos.left_out}."
    head = ("", "photographs", "face found", "right", "share right")
    return Section("Photographs", text, (Table(photos.folder, head, tuple(rows)),))


def _classes(evaluation: Evaluation, place: str) -> Section:
    figures, clean = evaluation.official, evaluation.unseen
    columns = (figures.precision, figures.recall, figures.f1, figures.auc, clean.recall if clean else {})
    rows = tuple(
        (name, str(sum(counts)), *(f"{values[name]:.4f}" if name in values else NONE for values in columns))
        for name, counts in zip(evaluation.labels, figures.confusion, strict=True)
    )
    head = ("", "faces", "precision", "recall", "F1", "AUC", "recall, not in training")
    text = (
        "Precision: how many of the answers with this label are right. Recall: how many of the class's faces are"
        " found. AUC: area under the ROC curve, of this class against all others."
    )
    shows = "A ROC curve for each class; the table has the area under each."
    return Section("By class", text, (Table(f"{place}, whole split", head, rows),), plot="roc", shows=shows)


def _confusion(evaluation: Evaluation, place: str) -> Section:
    rows = tuple(
        (name, *map(str, counts)) for name, counts in zip(evaluation.labels, evaluation.official.confusion, strict=True)
    )
    table = Table(f"{place}, whole split, counts", ("", *evaluation.labels), rows)
    shows = "The table's counts as shares of each true class, darker where larger."
    return Section(
        "Confusion", "A row for each true class, a column for each answer.", (table,), plot="confusion", shows=shows
    )


def _plots(evaluation: Evaluation, place: str) -> list[Section]:
    wrong = evaluation.official.faces - sum(counts[code] for code, counts in enumerate(evaluation.official.confusion))
    sections = [
        Section(
            "Calibration",
            "A bar on the dashed line is as often right as the model is sure; below it, the model is too sure.",
            plot="calibration",
            shows=f"Accuracy by confidence; calibration error {evaluation.official.calibration_error:.4f}.",
        )
    ]
    if wrong:
        text = f"The wrong answers that the model is most sure of, of {wrong} on {place}. Labels can be wrong, too."
        shows = "Faces, each with its true class, the answer and the confidence."
        sections.append(Section("Worst mistakes", text, plot="mistakes", shows=shows))
    return sections
