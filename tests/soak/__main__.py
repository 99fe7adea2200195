"""Simulates a week of the product with people and faults: `make soak`.

Prints a line for each check, then what is wrong. Exit codes: 0, every check holds; 1, at least one fails; 2, the
simulation cannot be set up.
"""

import argparse
import os
import platform
import signal
import sys
import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

HERE = Path(__file__).parent
for folder in ("", "edge", "edge/sinks/mqtt"):
    sys.path.append(str(HERE.parent / folder))
sys.path.append(str(HERE.parents[1]))

from mosquitto import MOSQUITTO  # noqa: E402  # the tests' folders must be on the path
from script import DAY_S, HOUR_S, Script, write_script, write_short_script  # noqa: E402
from simulation import Record, Simulation  # noqa: E402
from usage import draw_curve, measure_growth  # noqa: E402
from verdict import CHECKS  # noqa: E402

BAR_WIDTH = 40

BARS = 56
"""Number of steps of the memory's curve."""

MOST_SHOWN = 20
"""Number of faults that are printed for each check."""


def main() -> int:
    """Run the simulation and its checks; return the exit code."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=7, help="simulated days (7)")
    parser.add_argument("--seed", type=int, default=1, help="the script's seed (1)")
    parser.add_argument("--short", action="store_true", help="a quarter of an hour instead, for the tests")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep all files in this new folder")
    options = parser.parse_args()
    if MOSQUITTO is None:
        print("make soak: expected mosquitto, found none: make setup-system", file=sys.stderr)  # noqa: T201  # for the user
        return 2
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # broker and device end, too
    # A handler, since the device inherits a signal that is ignored, as by nohup, and would then never reload.
    signal.signal(signal.SIGHUP, lambda *_: None)
    script = write_short_script(options.seed) if options.short else write_script(options.seed, options.days)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary, "soak")
        folder.mkdir(parents=True)
        record = Simulation(script, folder, on_progress=Progress(script.seconds).show).run()
        if options.keep:
            (folder / "journal.txt").write_text("\n".join(record.journal))
    return report(script, record, options.seed)


class Progress:
    """Shows how far a simulation is; on a terminal as a bar, else as a line for each tenth.

    Args:
        seconds: the simulation's length, simulated s.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._tenths = 0

    def show(self, time_s: float, real_s: float) -> None:
        """Show the simulated and the real time since the start, s."""
        share = time_s / self._seconds
        left = f", {timedelta(seconds=round(real_s / share - real_s))} left" if share else ""
        text = f"{share:4.0%}, day {int(time_s // DAY_S) + 1}, {timedelta(seconds=int(time_s % DAY_S))}{left}"
        if sys.stderr.isatty():
            done = round(BAR_WIDTH * share)
            print(f"\r[{'#' * done}{'.' * (BAR_WIDTH - done)}] {text}   ", end="", file=sys.stderr, flush=True)  # noqa: T201  # the bar
        elif int(10 * share) > self._tenths:
            self._tenths = int(10 * share)
            print(text, file=sys.stderr, flush=True)  # noqa: T201  # the same for a log


def report(script: Script, record: Record, seed: int) -> int:
    """Print the report; return the exit code."""
    kinds = Counter(fault.kind for fault in script.faults)
    stays_s = sum(visit.leaves_s - visit.arrives_s for visit in script.visits)
    bar_s = script.seconds / BARS
    _print(
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} cores, seed {seed}: "
        f"{script.seconds / DAY_S:.3g} days in {timedelta(seconds=round(record.real_s))}",
        f"{len(script.visits)} visits of {stays_s / len(script.visits):.0f} s on average; "
        + ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())),
        f"{len(record.lines)} log lines, {len(record.readings)} readings by MQTT",
        f"memory, {bar_s / HOUR_S:.2g} h a bar: {draw_curve(record.samples, step_s=bar_s)}",
    )
    growth = measure_growth(record.samples)
    if growth is not None:
        _print(
            f"last process, after a day and at the end: memory {growth.rss_kb[0] / 1e3:.1f} and "
            f"{growth.rss_kb[1] / 1e3:.1f} MB ({growth.rss_share:+.2%}), threads {growth.threads[0]:.0f} and "
            f"{growth.threads[1]:.0f}, open files {growth.files[0]:.0f} and {growth.files[1]:.0f}"
        )
    failed = 0
    for check in CHECKS:
        problems = check(script, record)
        failed += bool(problems)
        _print(f"{'FAILS' if problems else 'holds'}  {check.__doc__.splitlines()[0]}", *problems[:MOST_SHOWN])
        if len(problems) > MOST_SHOWN:
            _print(f"and {len(problems) - MOST_SHOWN} more")
    _print(f"{len(CHECKS) - failed} of {len(CHECKS)} checks hold")
    return 1 if failed else 0


def _print(*lines: str) -> None:
    print(*lines, sep="\n", flush=True)  # noqa: T201  # the report


if __name__ == "__main__":
    sys.exit(main())
