"""Renders a report as a self-contained HTML page or as text for a terminal."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import jinja2
from rich.console import Console
from rich.table import Table
from rich.text import Text

from edge import __version__
from edge.errors import ModelError, printable
from edge.labels import EMOTIONS, UNCERTAIN
from edge.model.bundled import bundled_models, model_path
from edge.model.manifest import manifest_path, read_manifest
from edge.report.charts import SummaryChart, draw_charts
from edge.report.durations import LABEL_INDEX, LABELS
from edge.report.format import format_count, format_duration, format_time
from edge.report.part import Part, PicturePart
from edge.report.summary import LogSummary
from edge.report.visits import histogram_labels

MAX_GAPS = 40
"""Rows of the table of gaps, the longest; its caption counts all."""


_MEANINGS = {
    "time with a face": "with a face in view",
    "face-seconds": "of faces in view, in face-seconds",
    "faces": "faces",
}
"""Meaning of the first key figure, by unit."""


@dataclass(frozen=True, slots=True)
class SummaryTable:
    """A table of a report.

    Attributes:
        name: name of the chart of the same data, or of the table if there is none.
        caption: its caption.
        head: column headings.
        rows: cells, row by row; the first of each row is its heading.
    """

    name: str
    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


def headline(summary: LogSummary) -> str:
    """Return the time span and the sources of each part."""
    return "; ".join(part.headline for part in summary.parts)


def key_figures(part: Part) -> list[tuple[str, str]]:
    """Return the most important figures, each with its meaning."""
    visits, total = part.visits, sum(part.total)
    meanings = {
        "face-seconds": "face-seconds: faces at the same time add up",
        "time with a face": "with a face in view",
    }
    figures = [(part.format_amount(total), meanings.get(part.unit, part.unit))]
    if isinstance(part, PicturePart):
        figures.append((f"{part.pictures_with_face}", "pictures with a face"))
    elif "counts" not in part.modes or visits.count:
        figures += [
            (f"{visits.count}", "visits"),
            (format_duration(visits.percentile_s(0.5)), "median visit"),
            (format_duration(visits.longest_s), "longest visit"),
        ]
    uncertain = part.total[LABEL_INDEX[UNCERTAIN]] / (total or 1.0)
    figures += [
        (f"{visits.most_at_once}", "most faces at once"),
        (f"{uncertain:.1%}", f"of the {part.unit} uncertain"),
    ]
    if part.has_hours and part.modes != {"all"}:
        figures.append((format_duration(sum(seconds for _, seconds in part.gaps.total.values())), "in gaps"))
    return figures


def remarks(summary: LogSummary) -> list[str]:
    """Return what a reader must know to interpret the figures."""
    timed = [part for part in summary.parts if part.has_time]
    found = ["A face that returns is a new visit: nobody is recognized."] if timed else []
    if any(part.unit == "face-seconds" for part in timed):
        found.append("Face-seconds add faces up: two faces in view for a minute are two minutes.")
    if "all" in summary.cameras.modes:
        found.append("A log of all readings shows no gaps: it has no lines while no face is in view.")
    if any("counts" in part.modes for part in timed):
        found.append("Lines with counts do not show when visits began and ended.")
    if summary.videos.video_count:
        found.append("Times in a video are positions in it, up to the last line that the log has of it.")
    if summary.videos.video_count > 1:
        runs = format_count(summary.videos.video_count, "run")
        found.append(f"The log has {runs} over videos, one after the other; a video that ran twice counts twice.")
    if summary.pictures.line_count:
        found.append("Pictures have no duration, so their faces are counted.")
    if summary.corrected:
        found.append(f"{summary.corrected} lines from before the clock was set have corrected times.")
    if summary.uncorrected:
        found.append(f"{summary.uncorrected} lines were written before the clock was set: their times may be wrong.")
    if summary.broken.count:
        named = ", ".join(summary.broken.named)
        more = ", ..." if summary.broken.count > len(summary.broken.named) else ""
        found.append(f"{summary.broken.count} broken lines were skipped: {named}{more}.")
    return found + [_how_often_right(model) for model in sorted(summary.models)]


def _how_often_right(model: str) -> str:
    """Return how often each label of a model is right, or where that is written."""
    right: dict[str, int] = {}
    if model in bundled_models():
        with suppress(ModelError):  # a report does not need the model
            right = read_manifest(manifest_path(model_path(model))).right_percent(EMOTIONS)
    if not right:
        return f"The model's card, {model}.md, says how often each label is wrong."
    shares = ", ".join(f"{label} {percent} %" for label, percent in sorted(right.items(), key=lambda item: -item[1]))
    return f"How often a label of {model} is right in everyday use: {shares}. Its card, models/{model}.md, says more."


def tables(part: Part) -> list[SummaryTable]:
    """Return all tables of a part that have rows."""
    found = [_emotions(part)]
    if part.has_hours:
        found.append(_hours(part))
    if part.visits.count:
        found.append(_visits(part))
    if part.gaps.total:
        found.append(_gaps(part))
    return found


def _emotions(part: Part) -> SummaryTable:
    total = sum(part.total) or 1.0
    rows = [
        (label, f"{amount / total:.1%}", part.format_amount(amount))
        for label, amount in zip(LABELS, part.total, strict=True)
        if amount
    ]
    head = ("emotion", "share", part.unit)
    return SummaryTable("emotions", f"Each emotion's share of the {part.unit}", head, rows)


def _hours(part: Part) -> SummaryTable:
    rows = []
    for hour, row in enumerate(part.durations.by_hour):
        if total_s := sum(row):
            shares = [f"{seconds / total_s:.0%}" if seconds else "" for seconds in row]
            rows.append((f"{hour:02d}:00", format_duration(total_s), str(part.visits.by_hour[hour]), *shares))
    return SummaryTable("hours", "By hour of the day", ("hour", part.unit, "visits", *LABELS), rows)


def _visits(part: Part) -> SummaryTable:
    visits = part.visits
    rows = [
        (label, str(count), f"{count / visits.count:.0%}")
        for label, count in zip(histogram_labels(), visits.histogram, strict=True)
        if count
    ]
    return SummaryTable("visits", "Length of visits", ("length", "visits", "share"), rows)


def _gaps(part: Part) -> SummaryTable:
    longest = sorted(part.gaps.longest, reverse=True)[:MAX_GAPS]
    rows = [
        (format_time(gap.start), format_duration(gap.duration_s), gap.reason)
        for gap in sorted(longest, key=lambda gap: gap.start)
    ]
    totals = "; ".join(
        f"{reason}: {count}, {format_duration(seconds)} in all"
        for reason, (count, seconds) in sorted(part.gaps.total.items())
    )
    return SummaryTable("gaps", f"Gaps. {totals}", ("from", "for", "reason"), rows)


@dataclass(frozen=True, slots=True)
class PartSection:
    """The section of a page or text about one kind of source.

    Attributes:
        title: heading, if there are several sections.
        headline: time span and sources.
        figures: the most important figures, each with its meaning.
        charts: the charts.
        tables: the tables, by name.
    """

    title: str
    headline: str
    figures: Sequence[tuple[str, str]]
    charts: Sequence[SummaryChart]
    tables: Mapping[str, SummaryTable]


def _section(part: Part, prefix: str) -> PartSection:
    by_name = {table.name: table for table in tables(part)}
    return PartSection(part.kind.capitalize(), part.headline, key_figures(part), draw_charts(part, prefix), by_name)


TEMPLATES = Path(__file__).parent / "templates"


def render_page(summary: LogSummary) -> str:
    """Return the HTML page; it loads nothing from elsewhere, and names from the log are escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    parts = summary.parts
    return environment.get_template("report.html").render(
        headline=headline(summary),
        sections=[_section(part, f"{part.kind}-" if len(parts) > 1 else "") for part in parts],
        remarks=remarks(summary),
        line_count=summary.line_count,
        file_count=summary.file_count,
        version=__version__,
    )


def print_text(summary: LogSummary, console: Console) -> None:
    """Print the figures and tables of each part, and the remarks."""
    for part in summary.parts:
        console.print(part.headline, markup=False, highlight=False)
        for figure, meaning in key_figures(part):
            console.print(f"{figure:>14}  {meaning}", markup=False, highlight=False)
        for table in tables(part):
            shown = Table(title=table.caption, title_justify="left", box=None, pad_edge=False)
            for column, heading in enumerate(table.head):
                shown.add_column(heading, justify="left" if not column or table.name == "gaps" else "right")
            for row in table.rows:
                shown.add_row(*(Text(printable(cell)) for cell in row))
            console.print()
            console.print(shown)
        console.print()
    for remark in remarks(summary):
        console.print(printable(remark), markup=False, highlight=False)
