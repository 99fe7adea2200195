"""Sinks: what each adds to a run with a camera of 30 frames a second and one face, against a run without any."""

import io
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

from benchmarks.report import table
from benchmarks.results import folder_for
from benchmarks.sinks import Cast, compare, free_port, scraper, watcher
from edge.machine import describe_machine
from edge.scenes.catalogue import make_scene
from edge.settings import Settings
from edge.sink_settings import DisplaySettings, MetricsSettings, MqttSettings, PageSettings
from edge.sinks.changes import Changes
from edge.sinks.console import PlainLines
from edge.sinks.display.sink import Display
from edge.sinks.jsonl import JsonLinesLog
from edge.status import Status

MOST_OF_READINGS = 1.05
"""What log, MQTT and metrics together may cost, against none of them."""

MOST_UNWATCHED = 1.02
"""What the page may cost while nobody watches: less than two takes of nothing differ by."""

SCRAPE_S = 2.0
"""Prometheus asks every 15 seconds, or every minute: so often it falls into each take."""

READINGS, UNWATCHED = "log, MQTT and metrics", "page, nobody watches"


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    """The port of a broker of its own."""
    mosquitto = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    if mosquitto is None:
        pytest.skip("mosquitto is not installed: make setup-system")
    port = free_port()
    config = tmp_path_factory.mktemp("broker") / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    with subprocess.Popen([mosquitto, "-c", config], stderr=subprocess.DEVNULL) as process:
        yield port
        process.kill()


class NoPanel:
    """A display without a bus."""

    width, height, colored = 320, 240, True

    def show(self, picture):
        """Nobody looks."""

    def dim(self, *, dimmed):
        """Likewise."""

    def close(self):
        """Nothing is there to clear."""


def new_display():
    """What draws for a display of 320 x 240 in colour; sending it is the bus driver's."""
    display = Display(DisplaySettings(), status=lambda: STATUS, open_display=lambda _settings: NoPanel())
    display.name = "display"
    return display


STATUS = Status(
    version="",
    pid=1,
    state="running",
    since="",
    uptime_s=1.0,
    source="camera",
    frames=1,
    fps=30.0,
    latency_ms_p50=None,
    latency_ms_p95=None,
    faces=1,
    dropped=0,
    undelivered=0,
    reopens=0,
    log="",
    log_dropped=0,
    temperature_c=None,
    throttled=None,
    core_v=None,
)


@pytest.fixture(scope="module")
def casts(tmp_path_factory, broker):
    """Each sink by itself, and those that send or keep readings together; the first is none."""
    folder = tmp_path_factory.mktemp("sinks")

    def log(*, changes):
        return JsonLinesLog(
            folder / "log.jsonl", changes=Changes(summary_interval_s=60.0) if changes else None, say_none=False
        )

    def console():
        return PlainLines(frames=lambda: 0, stream=io.StringIO())

    mqtt = MqttSettings(host="127.0.0.1", port=broker, queue=str(folder / "queue.sqlite3"))
    metrics = MetricsSettings(enabled=True, port=free_port())
    page = PageSettings(enabled=True, port=free_port())

    def scraped(_guards):
        return scraper(f"http://127.0.0.1:{metrics.port}/metrics", every_s=SCRAPE_S)

    def watched(_guards):
        return watcher(f"http://127.0.0.1:{page.port}")

    return {
        "none": Cast(Settings()),
        "none once more": Cast(Settings()),
        "console, a line a second": Cast(Settings(), lambda: [console()]),
        "log, changes": Cast(Settings(), lambda: [log(changes=True)]),
        "log, every reading": Cast(Settings(), lambda: [log(changes=False)]),
        "MQTT": Cast(Settings(mqtt=mqtt)),
        "metrics, nobody asks": Cast(Settings(metrics=metrics)),
        f"metrics, asked every {SCRAPE_S:.0f} s": Cast(Settings(metrics=metrics), audience=scraped),
        READINGS: Cast(Settings(mqtt=mqtt, metrics=metrics), lambda: [log(changes=True)], audience=scraped),
        "display, 320x240, without its bus": Cast(Settings(), lambda: [new_display()]),
        UNWATCHED: Cast(Settings(page=page)),
        "page, one watcher": Cast(Settings(page=page), audience=watched),
    }


@pytest.mark.timeout(1200)
def test_cost_of_each_sink(benchmark, casts):
    """Kept as a table and as numbers; what sends and keeps readings costs less than a twentieth more than nothing."""
    costs = benchmark.pedantic(compare, args=(make_scene("slow"), casts), rounds=1)
    rows = [
        (
            name,
            f"{cost.cpu_ms:.2f}",
            f"{cost.ratio:.2f} ({cost.low:.2f} to {cost.high:.2f})",
            f"{cost.own_ms * 1e3:.0f}",
        )
        for name, cost in costs.items()
    ]
    shown = table(("sinks", "CPU ms a frame", "against none", "own threads, µs a frame"), rows)
    folder = folder_for(describe_machine())
    Path(folder / "sinks.md").write_text(shown + "\n")
    (folder / "sinks.json").write_bytes(msgspec.json.format(msgspec.json.encode(costs), indent=1) + b"\n")
    all_of_them, none = costs[READINGS], costs["none"]
    assert 1 + all_of_them.own_ms / none.cpu_ms < MOST_OF_READINGS, shown
    assert all_of_them.low < MOST_OF_READINGS, shown  # the median of a busy machine says little
    assert 1 + costs[UNWATCHED].own_ms / none.cpu_ms < MOST_UNWATCHED, shown
