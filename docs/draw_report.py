"""Draws docs/report.png: a report on a day that nobody lived; `python docs/draw_report.py LOG` leaves its log, too.

The log is written by the program's own sink from simulated readings (tests/edge/sinks/simulated_days.py). The page is
shown by Chromium.
"""

import random
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "tests" / "edge" / "sinks")]

from playwright.sync_api import sync_playwright  # noqa: E402  # the paths are known only now
from simulated_days import DAY_S, HOUR_S, MONDAY, Clock, home_day, live, open_log  # noqa: E402  # as above

from edge import __main__ as command_line  # noqa: E402  # as above
from edge.sinks.jsonl import JsonLinesLog  # noqa: E402  # as above

LOST_S = (14.2 * HOUR_S, 14.9 * HOUR_S)
OFF_S = (1.5 * HOUR_S, 5.75 * HOUR_S)


def write_day(path: Path) -> None:
    """A day with two people now and then, a camera that is unplugged for a while, and a night switched off."""
    visits = home_day(random.Random(4), hours=5)  # noqa: S311  # nothing secret

    def go_on(log: JsonLinesLog, until_s: float) -> None:
        live(log, clock, [visit for visit in visits if clock.s <= visit[0] < until_s], until_s, rate_hz=1.0)

    with Clock(MONDAY).running() as clock:
        log = open_log(path, None)
        go_on(log, OFF_S[0])
        log.close()
        clock.s = OFF_S[1]
        log = open_log(path, None)
        go_on(log, LOST_S[0])
        clock.s = LOST_S[1]
        go_on(log, DAY_S)
        log.close()


def shoot(page: Path, picture: Path) -> None:
    """Take a picture of the top of the page."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1040, "height": 1275})
        tab.goto(page.as_uri())
        tab.screenshot(path=picture)
        browser.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        log_path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder) / "readings.jsonl"
        write_day(log_path)
        command_line.main(["report", str(log_path), "--out", folder])
        shoot(Path(folder) / "report.html", HERE / "report.png")
