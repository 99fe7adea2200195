"""Sinks: the CPU time that each adds to a run with one face at 30 frames per second."""

import io
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

from benchmarks.report import table
from benchmarks.results import folder_for
from benchmarks.sink_cost import SinkSetup, compare_sinks, free_port, scraper, viewer
from edge.device.info import describe_machine
from edge.scenes.catalogue import make_scene
from edge.settings.schema import Settings
from edge.settings.sinks import DisplaySettings, MetricsSettings, MqttSettings, PageSettings
from edge.sinks.console.lines import PlainLines
from edge.sinks.display.sink import Display
from edge.sinks.log.events import ChangeEvents
from edge.sinks.log.jsonl import JsonLinesLog
from edge.status import Status

MAX_RATIO_READINGS = 1.05
"""Largest CPU time of a run with log, MQTT and metrics, relative to a run without sinks."""

MAX_RATIO_UNWATCHED = 1.02
"""Largest relative CPU time of a run with the page but without a viewer; two equal runs differ by more."""

SCRAPE_S = 2.0
"""Seconds between two requests of the metrics: less than Prometheus' 15, so that each measurement has one."""

READINGS, UNWATCHED = "log, MQTT and metrics", "page, no viewer"


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    """The port of an MQTT broker that runs for these benchmarks alone."""
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

    def show(self, image):
        """Discard the image."""

    def dim(self, *, dimmed):
        """Do nothing."""

    def close(self):
        """Do nothing."""


def new_display():
    """Return a display sink that draws 320x240 in colour and sends it nowhere."""
    display = Display(DisplaySettings(), status=lambda: STATUS, open_display=lambda _settings: NoPanel())
    display.name = "display"
    display.open()
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
def setups(tmp_path_factory, broker):
    """Each sink alone, and those that store or send readings together; the first setup has none."""
    folder = tmp_path_factory.mktemp("sinks")

    def log(*, changes):
        log = JsonLinesLog(
            folder / "log.jsonl",
            changes=ChangeEvents(summary_interval_s=60.0) if changes else None,
            include_empty=False,
        )
        log.open()
        return log

    def console():
        return PlainLines(frames=lambda: 0, stream=io.StringIO())

    mqtt = MqttSettings(host="127.0.0.1", port=broker, queue=str(folder / "queue.sqlite3"))
    metrics = MetricsSettings(enabled=True, port=free_port())
    page = PageSettings(enabled=True, port=free_port())

    def scraped():
        return scraper(f"http://127.0.0.1:{metrics.port}/metrics", every_s=SCRAPE_S)

    def viewed():
        return viewer(f"http://127.0.0.1:{page.port}")

    return {
        "none": SinkSetup(Settings()),
        "none, again": SinkSetup(Settings()),
        "console, a line per second": SinkSetup(Settings(), lambda: [console()]),
        "log, changes": SinkSetup(Settings(), lambda: [log(changes=True)]),
        "log, every reading": SinkSetup(Settings(), lambda: [log(changes=False)]),
        "MQTT": SinkSetup(Settings(mqtt=mqtt)),
        "metrics, no requests": SinkSetup(Settings(metrics=metrics)),
        f"metrics, requested every {SCRAPE_S:.0f} s": SinkSetup(Settings(metrics=metrics), connect_clients=scraped),
        READINGS: SinkSetup(Settings(mqtt=mqtt, metrics=metrics), lambda: [log(changes=True)], connect_clients=scraped),
        "display, 320x240, without its bus": SinkSetup(Settings(), lambda: [new_display()]),
        UNWATCHED: SinkSetup(Settings(page=page)),
        "page, one viewer": SinkSetup(Settings(page=page), connect_clients=viewed),
    }


@pytest.mark.timeout(1200)
def test_cost_of_each_sink(benchmark, setups):
    """Measure all sinks, store table and figures, and check the limits."""
    costs = benchmark.pedantic(compare_sinks, args=(make_scene("slow"), setups), rounds=1)
    rows = [
        (
            name,
            f"{cost.cpu_ms:.2f}",
            f"{cost.ratio:.2f} ({cost.low:.2f} to {cost.high:.2f})",
            f"{cost.own_ms * 1e3:.0f}",
        )
        for name, cost in costs.items()
    ]
    text = table(("sinks", "CPU ms per frame", "relative to none", "own threads, µs per frame"), rows)
    folder = folder_for(describe_machine())
    Path(folder / "sinks.md").write_text(text + "\n")
    (folder / "sinks.json").write_bytes(msgspec.json.format(msgspec.json.encode(costs), indent=1) + b"\n")
    readings, none = costs[READINGS], costs["none"]
    assert 1 + readings.own_ms / none.cpu_ms < MAX_RATIO_READINGS, text
    assert readings.low < MAX_RATIO_READINGS, text  # on a busy machine the median is unreliable
    assert 1 + costs[UNWATCHED].own_ms / none.cpu_ms < MAX_RATIO_UNWATCHED, text
