"""Draws docs/report.png, the report on a simulated day; `python docs/draw_report.py LOG` keeps that day's log as well.

The program's own sink writes the log from simulated readings (tests/edge/sinks/log/simulated_days.py), and Chromium
renders the page.
"""

import random
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "tests" / "edge" / "sinks" / "log")]

from playwright.sync_api import sync_playwright  # noqa: E402  # after sys.path is set
from simulated_days import DAY_S, HOUR_S, MONDAY, Clock, home_day, live, open_log  # noqa: E402  # after sys.path is set

from edge.cli import main as command_line  # noqa: E402  # after sys.path is set
from edge.sinks.log.jsonl import JsonLinesLog  # noqa: E402  # after sys.path is set

CAMERA_LOST_S = (14.2 * HOUR_S, 14.9 * HOUR_S)
SWITCHED_OFF_S = (1.5 * HOUR_S, 5.75 * HOUR_S)


def write_day(path: Path) -> None:
    """Write the log of a day with visits by two people, a camera that is unplugged for a while, and a night off."""
    visits = home_day(random.Random(4), hours=5)  # noqa: S311  # simulated data, not a secret

    def run_until(log: JsonLinesLog, until_s: float) -> None:
        live(log, clock, [visit for visit in visits if clock.s <= visit[0] < until_s], until_s, rate_hz=1.0)

    with Clock(MONDAY).running() as clock:
        log = open_log(path, None)
        run_until(log, SWITCHED_OFF_S[0])
        log.close()
        clock.s = SWITCHED_OFF_S[1]
        log = open_log(path, None)
        run_until(log, CAMERA_LOST_S[0])
        clock.s = CAMERA_LOST_S[1]
        run_until(log, DAY_S)
        log.close()


def take_screenshot(page: Path, image: Path) -> None:
    """Save a screenshot of the top of the page."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1040, "height": 1275})
        tab.goto(page.as_uri())
        tab.screenshot(path=image)
        browser.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        log_path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder) / "readings.jsonl"
        write_day(log_path)
        command_line.main(["report", str(log_path), "--out", folder])
        take_screenshot(Path(folder) / "report.html", HERE / "report.png")
