"""The `report` command: reads logs and writes a page, text or CSV."""

import argparse
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from rich.console import Console

from edge.device.files import atomic_write
from edge.errors import SinkError, printable
from edge.report.csv_output import ReadingLine, ReadingsTable, render_summary
from edge.report.log_reader import find_logs
from edge.report.period import Period, parse_period
from edge.report.render import print_text, render_page
from edge.report.summary import LogSummary

log = logging.getLogger(__name__)

PAGE = "report.html"


def report(options: argparse.Namespace) -> int:
    """Report on the logs in `options`.

    Returns:
        The exit code.

    Raises:
        ConfigError: the period is invalid, or the logs have no lines in it.
        LogError: a log cannot be read, or is not a log.
        SinkError: the page cannot be written.
    """
    period = parse_period(options.start, options.end)
    summary = _new_summary(period, with_table=options.csv)
    prints = options.text or options.csv or options.csv_summary
    folder = options.out or (None if prints else Path("report"))
    with nullcontext() if folder is None else _page_folder(folder):  # fails before a minute of reading, not after it
        for files in find_logs(options.logs):
            summary.read(files)
        summary.check()
        if summary.broken.count:
            log.warning("%d broken lines were skipped: %s", summary.broken.count, ", ".join(summary.broken.named))
        if folder is not None:
            _write_page(render_page(summary), folder)
    if options.text:
        print_text(summary, Console())
    if options.csv_summary:
        sys.stdout.write(render_summary(summary))
    return 0


def _new_summary(period: Period, *, with_table: bool) -> LogSummary:
    """Return a summary that also prints the table of readings, if it is wanted, while the logs are read."""
    if not with_table:
        return LogSummary(period)
    table = ReadingsTable(sys.stdout, period)
    return LogSummary(period, line_type=ReadingLine, each=table.add)


@contextmanager
def _page_folder(folder: Path) -> Iterator[None]:
    """Make the folder, and check that files can be written there; after an error a new folder is removed again.

    Otherwise `sudo edge-emotion report` with a wrong path would leave a folder that its user cannot write to.
    """
    is_new = not folder.exists()
    _make_folder(folder)
    try:
        yield
    except BaseException:
        if is_new:
            with suppress(OSError):
                folder.rmdir()
        raise


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial = folder / f".{PAGE}.part"
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise _unwritable(folder, error) from error


def _write_page(page: str, folder: Path) -> None:
    """Replace the page as a whole; if that fails, the previous one stays."""
    path = folder / PAGE
    try:
        with atomic_write(path) as temporary:
            temporary.write_text(page, encoding="utf-8")
    except OSError as error:
        raise _unwritable(folder, error) from error
    print(printable(f"report: {path}"))  # noqa: T201  # the command's result, for the person who ran it


def _unwritable(folder: Path, error: OSError) -> SinkError:
    return SinkError(f"{folder}: expected a folder that can be written, found: {error.strerror}: name one with --out")
