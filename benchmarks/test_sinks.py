"""Sinks: what each adds to a run with a camera of 30 frames a second and one face, against a run without any."""

import io
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

from benchmarks.report import table
from benchmarks.results import folder_for
from benchmarks.sinks import Cast, Cost, compare, free_port, visitor
from edge.benchmark.film import draw
from edge.machine import describe_machine
from edge.scenes.catalogue import make_scene
from edge.settings import Settings
from edge.sink_settings import MetricsSettings, MqttSettings
from edge.sinks.changes import Changes
from edge.sinks.console import PlainLines
from edge.sinks.jsonl import JsonLinesLog

MOST_OF_READINGS = 1.05
"""What log, MQTT and metrics together may cost, against none of them."""

SCRAPE_S = 1.0
"""Prometheus asks every 15 seconds, or every minute; so it shows."""


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


@pytest.fixture(scope="module")
def casts(tmp_path_factory, broker):
    """Each sink by itself, and those that send or keep readings together; the first is none."""
    folder = tmp_path_factory.mktemp("sinks")

    def log(*, changes):
        return JsonLinesLog(
            folder / "log.jsonl", changes=Changes(summary_interval_s=60.0) if changes else None, say_none=False
        )

    mqtt = MqttSettings(host="127.0.0.1", port=broker, queue=str(folder / "queue.sqlite3"))
    metrics = MetricsSettings(enabled=True, port=free_port())

    def scraped(_guards):
        return visitor(f"http://127.0.0.1:{metrics.port}/metrics", every_s=SCRAPE_S)

    return {
        "none": Cast(Settings()),
        "none once more": Cast(Settings()),
        "log, changes": Cast(Settings(), lambda: [log(changes=True)]),
        "log, every reading": Cast(Settings(), lambda: [log(changes=False)]),
        "console, a line a second": Cast(Settings(), lambda: [PlainLines(frames=lambda: 0, stream=io.StringIO())]),
        "MQTT": Cast(Settings(mqtt=mqtt)),
        "metrics, nobody asks": Cast(Settings(metrics=metrics)),
        "metrics, asked every second": Cast(Settings(metrics=metrics), audience=scraped),
        "log, MQTT and metrics": Cast(
            Settings(mqtt=mqtt, metrics=metrics), lambda: [log(changes=True)], audience=scraped
        ),
    }


@pytest.fixture(scope="module")
def costs(casts) -> dict[str, Cost]:
    """Of all of them, measured in turn."""
    return compare(draw(make_scene("slow"), count=300), casts)


def test_cost_of_each_sink(costs):
    """Kept as a table and as numbers; what sends and keeps readings costs less than a twentieth more than nothing."""
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
    all_of_them, none = costs["log, MQTT and metrics"], costs["none"]
    assert 1 + all_of_them.own_ms / none.cpu_ms < MOST_OF_READINGS, shown
    assert all_of_them.low < MOST_OF_READINGS, shown  # the median of a busy machine says little
