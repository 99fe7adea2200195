"""The evaluation report: its data, and its arrangement into sections of sentences, tables and plots."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edge.model.manifest import Measurement
from train.evaluation.compare import ModelComparison, PairedTest, verdict
from train.evaluation.measurements import SET_NAMES
from train.evaluation.metrics import MIN_FACES, Metrics
from train.evaluation.split_metrics import SplitMetrics


class EvaluationReport(msgspec.Struct, frozen=True, kw_only=True):
    """All data of the report; None or empty for parts that were not requested or are unknown.

    Attributes:
        model: the path as given.
        model_labels: the model's classes; the evaluation may use fewer of them.
        date: date of the evaluation, YYYY-MM-DD.
        versions: of the packages that ran the model and computed the metrics.
        measurements: the most important metrics on each set; each prediction is averaged with that for the mirrored
            face.
        evaluation: all metrics on the data set, without a prior; None if only other sets were measured.
        both_ways: whether these predictions are averaged in the same way.
        comparison: another model on the same faces.
        history: of the training run, a row for each epoch.
    """

    model: str
    model_labels: tuple[str, ...]
    date: str
    versions: dict[str, str]
    measurements: list[Measurement]
    evaluation: SplitMetrics | None = None
    both_ways: bool = True
    comparison: ModelComparison | None = None
    history: list[dict[str, float]] = []


SUMMARY = (
    ("faces", "faces", "{:d}"),
    ("accuracy", "accuracy", "{:.4f}"),
    ("balanced accuracy", "balanced_accuracy", "{:.4f}"),
    ("macro F1", "macro_f1", "{:.4f}"),
    ("calibration error", "calibration_error", "{:.4f}"),
)
"""Title, field and format of the metrics in the summary tables."""

NONE = "-"
"""Cell without a value."""


@dataclass(frozen=True, slots=True)
class ReportTable:
    """A table of text cells; the first cell of each row is its heading, and `caption` says what the data is."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class ReportSection:
    """A section of the report.

    Attributes:
        plot: name of its plot; "" for none.
        alt: description of the plot for people who cannot see it.
    """

    title: str
    text: str
    tables: tuple[ReportTable, ...] = ()
    plot: str = ""
    alt: str = ""


def report_sections(report: EvaluationReport) -> list[ReportSection]:
    """Return the sections of `report` in reading order."""
    sections = [_overview(report.measurements), *_labels(report.measurements)]
    if report.evaluation:
        sections += _details(report, report.evaluation)
    if report.history:
        text = "Loss and accuracy by epoch, as the run recorded them. This report measures the best epoch."
        alt = "Curves of accuracy and loss by epoch, for training and validation, with the best epoch marked."
        sections.append(ReportSection("Training", text, plot="history", alt=alt))
    return sections


def _details(report: EvaluationReport, evaluation: SplitMetrics) -> list[ReportSection]:
    place = f"{evaluation.dataset} {evaluation.split}{'' if report.both_ways else ', one way'}"
    sections = [_summary(evaluation, place)]
    if report.comparison:
        sections.append(_comparison(evaluation, report.comparison))
    return [*sections, _classes(evaluation, place), _confusion(evaluation, place), *_plots(evaluation, place)]


def section_lines(section: ReportSection) -> list[str]:
    """Format a section as lines of text; sections without a table are on the page only and give no lines."""
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


def _overview(measurements: Sequence[Measurement]) -> ReportSection:
    rows = tuple(
        (
            measured_name(one),
            str(one.faces),
            prior_name(one),
            f"{one.accuracy:.4f}",
            f"{one.balanced_accuracy:.4f}",
            _number(one.calibration_error),
            *([str(one.missed)] if any(other.missed for other in measurements) else []),
        )
        for one in measurements
    )
    missed = ("without prediction",) if any(one.missed for one in measurements) else ()
    head = ("", "faces", "prior", "accuracy", "balanced", "calibration error", *missed)
    text = (
        "Each prediction is averaged with that for the mirrored face, as in the runtime. Balanced: mean recall of the"
        f" labels with {MIN_FACES} faces or more. Prior: the strength with which the mixture of everyday life corrects"
        " the predictions; published figures are without."
    )
    if missed:
        text += " A photograph without a detected or clear face counts as wrong."
    return ReportSection("Overview", text, (ReportTable("all measured sets", head, rows),))


def measured_name(measurement: Measurement) -> str:
    """Return the name of what was measured, such as `everyday mixture, photo-faces fold 1`."""
    turned = f", turned by {measurement.roll_deg:g}°" if measurement.roll_deg else ""
    return f"{SET_NAMES[measurement.kind]}, {measurement.dataset}{turned}"


def _labels(measurements: Sequence[Measurement]) -> list[ReportSection]:
    """Return the section on what each label is worth in everyday use; none if no such set was measured."""
    tables = tuple(
        ReportTable(
            f"{measured_name(one)}, prior {prior_name(one)}",
            ("", "faces", "predicted", "precision", "recall"),
            tuple(
                (
                    label,
                    str(count),
                    str(one.predicted[label]),
                    _number(one.precision[label] if one.predicted[label] else None),
                    _number(one.recall.get(label)),
                )
                for label, count in one.counts.items()
            ),
        )
        for one in measurements
        if one.kind in {"everyday", "photographs"} and not one.roll_deg
    )
    if not tables:
        return []
    text = (
        "Precision: share of correct predictions among the faces for which the label was predicted. Recall: share of"
        " the label's faces that are predicted correctly."
    )
    return [ReportSection("Labels in everyday use", text, tables)]


def prior_name(measurement: Measurement) -> str:
    """Return the strength of the prior, or `off`."""
    return f"{measurement.prior_strength:g}" if measurement.prior_strength else "off"


def _number(value: float | None) -> str:
    return NONE if value is None else f"{value:.4f}"


def _summary(evaluation: SplitMetrics, place: str) -> ReportSection:
    text = (
        "Not in training: without the faces that have a pixel-for-pixel copy in the training split. Without a prior."
        " Macro F1 is the mean over the classes. Calibration error: mean gap of confidence and accuracy (ECE)."
    )
    sets = (evaluation.official, evaluation.unseen)
    rows = tuple((title, *(_cell(metrics, field, form) for metrics in sets)) for title, field, form in SUMMARY)
    head = ("", "whole split", "not in training")
    return ReportSection("Metrics", text, (ReportTable(f"{place}, {len(evaluation.labels)} classes", head, rows),))


def _cell(metrics: Metrics | None, field: str, form: str) -> str:
    value = getattr(metrics, field) if metrics else None
    return NONE if value is None else form.format(value)


def _comparison(evaluation: SplitMetrics, comparison: ModelComparison) -> ReportSection:
    other = Path(comparison.model).name
    sets = (
        ("whole split", evaluation.official, comparison.evaluation.official),
        ("not in training", evaluation.unseen, comparison.evaluation.unseen),
    )
    tables = [
        ReportTable(
            f"{where}: both models, the same faces",
            ("", "this model", other),
            tuple((title, _cell(ours, field, form), _cell(theirs, field, form)) for title, field, form in SUMMARY),
        )
        for where, ours, theirs in sets
        if ours and theirs
    ]
    tests = (comparison.official, comparison.unseen)
    rows = (
        ("both correct", *(_count(test, "both") for test in tests)),
        ("only this model correct", *(_count(test, "only_first") for test in tests)),
        ("only the other correct", *(_count(test, "only_second") for test in tests)),
        ("both wrong", *(_count(test, "neither") for test in tests)),
        ("p, McNemar's exact test", *(f"{test.p_value:.4f}" if test else NONE for test in tests)),
    )
    tables.append(ReportTable("faces by which model is correct", ("", "whole split", "not in training"), rows))
    text = f"Whole split: {verdict(comparison.official)}"
    if comparison.unseen:
        text += f" Not in training: {verdict(comparison.unseen)}"
    return ReportSection(f"Against {other}", text, tuple(tables))


def _count(test: PairedTest | None, field: str) -> str:
    return str(getattr(test, field)) if test else NONE


def _classes(evaluation: SplitMetrics, place: str) -> ReportSection:
    metrics, clean = evaluation.official, evaluation.unseen
    columns = (metrics.precision, metrics.recall, metrics.f1, metrics.auc, clean.recall if clean else {})
    rows = tuple(
        (name, str(sum(counts)), *(f"{values[name]:.4f}" if name in values else NONE for values in columns))
        for name, counts in zip(evaluation.labels, metrics.confusion, strict=True)
    )
    head = ("", "faces", "precision", "recall", "F1", "AUC", "recall, not in training")
    text = (
        "Precision: share of correct predictions of this class. Recall: share of the class's faces that are predicted"
        " correctly. AUC: area under the ROC curve, of this class against all others."
    )
    alt = "A ROC curve for each class; the table has the area under each."
    return ReportSection("By class", text, (ReportTable(f"{place}, whole split", head, rows),), plot="roc", alt=alt)


def _confusion(evaluation: SplitMetrics, place: str) -> ReportSection:
    rows = tuple(
        (name, *map(str, counts)) for name, counts in zip(evaluation.labels, evaluation.official.confusion, strict=True)
    )
    table = ReportTable(f"{place}, whole split, counts", ("", *evaluation.labels), rows)
    alt = "The table's counts as shares of each true class, darker for larger ones."
    return ReportSection(
        "Confusion", "A row for each true class, a column for each predicted one.", (table,), plot="confusion", alt=alt
    )


def _plots(evaluation: SplitMetrics, place: str) -> list[ReportSection]:
    wrong = evaluation.official.faces - sum(counts[code] for code, counts in enumerate(evaluation.official.confusion))
    sections = [
        ReportSection(
            "Calibration",
            "Bars on the dashed line are well calibrated; below it, the model is overconfident.",
            plot="calibration",
            alt=f"Accuracy by confidence; calibration error {_number(evaluation.official.calibration_error)}.",
        )
    ]
    if wrong:
        text = f"The most confident of {wrong} wrong predictions on {place}. Labels can be wrong, too."
        alt = "Faces, each with its true class, the predicted class and the confidence."
        sections.append(ReportSection("Worst mistakes", text, plot="mistakes", alt=alt))
    return sections
