"""Command line: `python -m benchmarks [--peers]` measures every figure, prints the table and stores it by machine."""

import argparse
import sys
from datetime import UTC, datetime

from benchmarks.report import draw_plots, write_report
from benchmarks.results import SavedRun, folder_for, read_previous, read_steps, save
from benchmarks.suite import measure_suite
from benchmarks.worker import PEERS_PYTHON
from edge.device.info import describe_machine


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure every figure of the table.")
    parser.add_argument("--peers", action="store_true", help="also measure the usual Keras loop and fer")
    parser.add_argument("--report", action="store_true", help="only write table and plots of the stored results again")
    options = parser.parse_args(arguments)
    if options.peers and not PEERS_PYTHON.is_file():
        sys.stderr.write(f"expected the peers' environment at {PEERS_PYTHON}, found none: make bench-peers\n")
        return 2
    machine = describe_machine()
    previous = read_previous(machine)
    if options.report:
        if previous is None:
            sys.stderr.write("expected results of this machine, found none: python -m benchmarks\n")
            return 2
        saved, previous = previous, None
    else:
        figures = measure_suite(peers=options.peers, on_step=_print_step)
        saved = SavedRun(datetime.now(UTC).date().isoformat(), machine, figures)
        save(saved)
    page = write_report(saved, previous=previous, steps=read_steps(machine))
    folder = folder_for(machine)
    (folder / "table.md").write_text(page)
    draw_plots(saved.figures, saved.machine, folder)
    print(page)
    print(f"stored in {folder}")
    return 0


def _print_step(text: str) -> None:
    """Print the name of a step on standard error, since standard output is for the table."""
    sys.stderr.write(f"{text}…\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
