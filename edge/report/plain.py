"""Writes a report for a terminal, or for a spreadsheet."""

import csv
import io
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table as RichTable

from edge.report.facts import figures, headline, remarks, tables
from edge.report.story import Story
from edge.report.tally import NAMES


def print_text(story: Story, console: Console) -> None:
    """Print figures, tables and remarks."""
    console.print(headline(story), markup=False, highlight=False)
    for figure, what in figures(story):
        console.print(f"{figure:>14}  {what}", markup=False, highlight=False)
    for table in tables(story):
        shown = RichTable(title=table.caption, title_justify="left", box=None, pad_edge=False)
        for place, name in enumerate(table.head):
            shown.add_column(name, justify="left" if not place or table.name == "gaps" else "right")
        for row in table.rows:
            shown.add_row(*row)
        console.print()
        console.print(shown)
    console.print()
    for text in remarks(story):
        console.print(text, markup=False, highlight=False)


def as_csv(story: Story) -> str:
    """A line for each stretch of time in which there was a face: when it begins, its length, seconds by emotion."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["begin", "length_s", *(f"{name}_s" for name in NAMES)])
    for number, row in sorted(story.tally.bins.items()):
        begin = datetime.fromtimestamp(story.tally.start_of(number), UTC).isoformat().replace("+00:00", "Z")
        writer.writerow([begin, story.tally.width_s, *(f"{seconds:.1f}" for seconds in row)])
    return text.getvalue()
