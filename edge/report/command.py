"""The `report` command: reads logs, and writes what was asked for."""

import argparse
import logging
import sys
from pathlib import Path

from rich.console import Console

from edge.errors import SinkError
from edge.report.files import find_logs
from edge.report.page import charts_of, write_page
from edge.report.period import read_period
from edge.report.plain import as_csv, print_text
from edge.report.png import PngCanvas
from edge.report.story import Story

log = logging.getLogger(__name__)

PAGE = "report.html"


def report(options: argparse.Namespace) -> int:
    """Report on the logs in `options`; returns the exit code.

    Raises:
        ConfigError: the period is none, or has no line.
        LogError: a log cannot be read, or is none.
        SinkError: the report cannot be written.
    """
    story = Story(read_period(options.start, options.end))
    folder = options.out or (None if options.text or options.csv else Path("report"))
    if folder is not None:
        _make(folder)  # before a minute is spent on reading
    for files in find_logs(options.logs):
        story.read(files)
    story.check()
    if story.broken.count:
        log.warning("%d broken lines are left out: %s", story.broken.count, ", ".join(story.broken.named))
    if folder is not None:
        _write(story, folder)
    if options.text:
        print_text(story, Console())
    if options.csv:
        sys.stdout.write(as_csv(story))
    return 0


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial = folder / f".{PAGE}.part"
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise _cannot(folder, error) from error


def _write(story: Story, folder: Path) -> None:
    written = []
    try:
        for chart in charts_of(story):
            canvas = PngCanvas(height=chart.height)
            chart.draw(canvas, story)
            written.append(_put(folder / f"{chart.name}.png", canvas.finish()))
        written.append(_put(folder / PAGE, write_page(story).encode()))
    except OSError as error:
        raise _cannot(folder, error) from error
    print(f"report: {written[-1]}, and {len(written) - 1} pictures beside it")  # noqa: T201  # the command's answer


def _put(path: Path, content: bytes) -> Path:
    """Write a whole file, or leave the one before."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(content)
        return part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _cannot(folder: Path, error: OSError) -> SinkError:
    return SinkError(f"{folder}: expected a folder that can be written, found: {error.strerror}: name one with --out")
