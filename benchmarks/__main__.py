"""Command line: `python -m benchmarks [--peers]` takes every figure, prints the table and keeps it by machine."""

import argparse
import sys
from datetime import UTC, datetime

from benchmarks.contenders import PEERS_PYTHON
from benchmarks.plots import draw_plots
from benchmarks.report import write_report
from benchmarks.results import Saved, folder_for, keep, read_before, read_steps
from benchmarks.take import take_figures
from edge.machine import describe_machine


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Take every figure of the table.")
    parser.add_argument("--peers", action="store_true", help="measure the usual Keras loop and fer, too")
    parser.add_argument("--report", action="store_true", help="only write the kept results' table and plots again")
    options = parser.parse_args(arguments)
    if options.peers and not PEERS_PYTHON.is_file():
        sys.stderr.write(f"expected the peers' environment at {PEERS_PYTHON}, found none: make bench-peers\n")
        return 2
    machine = describe_machine()
    before = read_before(machine)
    if options.report and before is None:
        sys.stderr.write("expected results of this machine, found none: python -m benchmarks\n")
        return 2
    if options.report:
        saved, before = before, None
    else:
        figures = take_figures(peers=options.peers, say=_say)
        saved = Saved(datetime.now(UTC).date().isoformat(), machine, figures)
        keep(saved)
    page = write_report(saved, before=before, steps=read_steps(machine))
    folder = folder_for(machine)
    (folder / "table.md").write_text(page)
    draw_plots(saved.figures, saved.machine, folder)
    print(page)
    print(f"kept in {folder}")
    return 0


def _say(text: str) -> None:
    """Say on standard error what is being done: standard output is for the table."""
    sys.stderr.write(f"{text}…\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
