"""Prometheus finds figures that are true, well named, and there however its neighbours behave."""

import math
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

pytest.importorskip("prometheus_client", reason="prometheus_client is not installed")
pytest.importorskip("waitress", reason="waitress is not installed")

from prometheus_client.parser import text_string_to_metric_families
from statuses import HEALTHY

from edge.errors import SinkError
from edge.manifest import read_manifest
from edge.meters import Meters
from edge.runtime.handover import HandOver, Policy
from edge.shipped import SHIPPED_MODEL
from edge.sink_settings import MetricsSettings
from edge.sinks.metrics.endpoint import MetricsEndpoint
from edge.status import SinkStatus

DOCUMENT = Path(__file__).parents[3] / "docs" / "metrics.md"

MODEL = read_manifest(SHIPPED_MODEL.with_suffix(".json"))

STATUS = msgspec.structs.replace(
    HEALTHY,
    reopens=3,
    stalls=4,
    log_dropped=7,
    log_bytes=123456,
    log_flushes=89,
    throttled=["throttled", "under-voltage since boot"],
    sinks=[
        SinkStatus(name="mqtt", error="the broker is away", dropped=11, faults=6, stored=42, lost=3),
        SinkStatus(name="metrics"),
    ],
)


def full(capacity, *, dropped):
    """A queue with nothing more to take, that has dropped so many."""
    queue = HandOver(Policy.NEWEST_WINS, capacity=capacity)
    for item in range(capacity + dropped):
        queue.put(item)
    return queue


@pytest.fixture
def meters():
    meters = Meters()
    meters.captured = 1240
    meters.frames_with_face = 1000
    meters.emotions.update({"happy": 900, "uncertain": 90})
    for seconds in (0.0004, 0.003, 0.3, 7.0):
        meters.latency.add(seconds)
    meters.scan.add(0.02)
    meters.queues = {"follow": full(1, dropped=2), "name": full(1, dropped=1), "scan": full(1, dropped=0)}
    meters.outlets = {"log": full(4, dropped=0), "mqtt": full(4, dropped=9)}
    return meters


class Asked:
    """How the run is, which may change."""

    status = STATUS

    def __call__(self):
        return self.status


@pytest.fixture
def asked():
    return Asked()


@pytest.fixture
def endpoint(asked, meters):
    endpoint = MetricsEndpoint(
        MetricsSettings(enabled=True, port=0), status=asked, meters=meters, model=MODEL, labels=MODEL.labels
    )
    yield endpoint
    endpoint.close()


def port_of(endpoint):
    return int(re.fullmatch(r"http://127\.0\.0\.1:(\d+)/metrics", endpoint.note)[1])


def text_of(endpoint):
    with urllib.request.urlopen(endpoint.note, timeout=5) as answer:  # noqa: S310  # our own
        return answer.read().decode()


def figures_of(endpoint):
    """Name and labels to value, as Prometheus reads them."""
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text_of(endpoint))
        for sample in family.samples
    }


def test_emotions_that_are_not_answered_with_have_no_figure(asked, meters):
    """Where five are asked for of a model that knows seven."""
    few = MetricsEndpoint(MetricsSettings(port=0), status=asked, meters=meters, model=MODEL, labels=("happy", "sad"))
    told = [dict(rest) for name, *rest in figures_of(few) if name == "edge_emotion_readings_total"]
    few.close()
    assert {labels["emotion"] for labels in told} == {"happy", "sad", "uncertain"}


def test_each_figure_is_what_the_run_says(endpoint):
    """Counters, gauges and states, each from the one place that knows it."""
    told = figures_of(endpoint)
    expected = {
        ("edge_emotion_frames_captured_total",): 1240,
        ("edge_emotion_frames_processed_total",): 1234,
        ("edge_emotion_frames_with_face_total",): 1000,
        ("edge_emotion_frames_dropped_total", ("reason", "follow_busy")): 2,
        ("edge_emotion_frames_dropped_total", ("reason", "name_busy")): 1,
        ("edge_emotion_faces",): 2,
        ("edge_emotion_readings_total", ("emotion", "happy")): 900,
        ("edge_emotion_readings_total", ("emotion", "uncertain")): 90,
        ("edge_emotion_readings_total", ("emotion", "sad")): 0,
        ("edge_emotion_camera_reopens_total",): 3,
        ("edge_emotion_stalls_total",): 4,
        ("edge_emotion_temperature_celsius",): 61.5,
        ("edge_emotion_core_volts",): 0.85,
        ("edge_emotion_throttled", ("flag", "throttled")): 1,
        ("edge_emotion_throttled", ("flag", "under-voltage")): 0,
        ("edge_emotion_throttled_since_boot", ("flag", "throttled")): 1,
        ("edge_emotion_throttled_since_boot", ("flag", "under-voltage")): 1,
        ("edge_emotion_throttled_since_boot", ("flag", "frequency capped")): 0,
        ("edge_emotion_log_up",): 1,
        ("edge_emotion_clock_set",): 1,
        ("edge_emotion_log_written_bytes_total",): 123456,
        ("edge_emotion_log_flushes_total",): 89,
        ("edge_emotion_log_dropped_lines_total",): 7,
        ("edge_emotion_sink_up", ("sink", "mqtt")): 0,
        ("edge_emotion_sink_up", ("sink", "metrics")): 1,
        ("edge_emotion_sink_faults_total", ("sink", "mqtt")): 6,
        ("edge_emotion_sink_dropped_total", ("reason", "busy"), ("sink", "mqtt")): 9,
        ("edge_emotion_sink_dropped_total", ("reason", "closed"), ("sink", "mqtt")): 2,
        ("edge_emotion_sink_dropped_total", ("reason", "full"), ("sink", "mqtt")): 3,
        ("edge_emotion_sink_stored", ("sink", "mqtt")): 42,
        ("edge_emotion_queue_length", ("queue", "mqtt")): 4,
        ("edge_emotion_queue_capacity", ("queue", "log")): 4,
        ("edge_emotion_state", ("state", "running")): 1,
        ("edge_emotion_state", ("state", "camera lost")): 0,
        ("edge_emotion_model_info", ("name", MODEL.name), ("precision", "int8"), ("sha256", MODEL.sha256)): 1,
    }
    assert {name: told.get(name) for name in expected} == expected
    assert told["process_resident_memory_bytes",] > 1e6
    build = next(name for name in told if name[0] == "edge_emotion_build_info")
    assert ("version", "1.2.3") in build


def test_times_are_histograms(endpoint):
    """Cumulative, in seconds, with everything in the last bucket, and one for each step."""
    told = figures_of(endpoint)
    latency = "edge_emotion_latency_seconds_bucket"
    buckets = {float(dict(name[1:])["le"]): value for name, value in told.items() if name[0] == latency}
    assert (buckets[0.0005], buckets[0.005], buckets[0.5], buckets[2.5], buckets[math.inf]) == (1, 2, 3, 3, 4)
    assert told["edge_emotion_latency_seconds_count",] == 4
    assert told["edge_emotion_latency_seconds_sum",] == pytest.approx(7.3034)
    assert told["edge_emotion_step_duration_seconds_count", ("step", "scan")] == 1
    assert told["edge_emotion_step_duration_seconds_count", ("step", "name")] == 0


def test_what_the_machine_does_not_tell_is_absent(endpoint, asked):
    """Zero degrees would be a figure, and an alert would believe it."""
    asked.status = msgspec.structs.replace(STATUS, temperature_c=None, throttled=None, core_v=None)
    names = {name[0] for name in figures_of(endpoint)}
    assert "edge_emotion_stalls_total" in names
    assert not names & {"edge_emotion_temperature_celsius", "edge_emotion_core_volts", "edge_emotion_throttled"}


def test_promtool_finds_no_fault(endpoint):
    """Names, units, types and help by Prometheus' own conventions."""
    if (promtool := shutil.which("promtool")) is None:
        pytest.skip("promtool is not installed: make setup-system")
    checked = subprocess.run(  # noqa: S603  # Prometheus' own tool
        [promtool, "check", "metrics"], input=text_of(endpoint), capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_the_document_names_every_figure_and_no_other(endpoint):
    """A dashboard is written from it."""
    told = {name[0] for name in figures_of(endpoint) if name[0].startswith("edge_emotion_")}
    told = {re.sub(r"(_seconds)_(bucket|count|sum)$", r"\1", name) for name in told}
    assert set(re.findall(r"^\| `(edge_emotion_\w+)`", DOCUMENT.read_text(), flags=re.MULTILINE)) == told


@pytest.mark.parametrize(("path", "method", "code"), [("/", "GET", 404), ("/metrics", "POST", 405)])
def test_anything_else_is_refused(endpoint, path, method, code):
    """It serves figures, and nothing else."""
    request = urllib.request.Request(endpoint.note.replace("/metrics", path), method=method)  # noqa: S310  # our own
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=5)  # noqa: S310  # likewise
    assert refused.value.code == code
    refused.value.close()


def test_callers_who_say_nothing_or_do_not_read_keep_nobody_waiting(endpoint):
    """Twenty of them, half with a question that never ends; the next is answered, and the end comes within a second."""
    with ExitStack() as callers:
        for number in range(20):
            caller = callers.enter_context(socket.create_connection(("127.0.0.1", port_of(endpoint)), timeout=5))
            if number % 2:
                caller.sendall(b"GET /metrics HTTP/1.1\r\nHost: pi\r\n" * (1 + number % 4))
            else:
                caller.sendall(b"GET /metrics HTTP/1.1\r\nHost: pi\r\n\r\n")
        started_s = time.monotonic()
        assert "edge_emotion_faces" in text_of(endpoint)
        endpoint.close()
        assert time.monotonic() - started_s < 1.0


def test_the_port_is_given_back(asked, meters):
    """A restart finds it free."""
    first = MetricsEndpoint(MetricsSettings(port=0), status=asked, meters=meters, model=MODEL, labels=MODEL.labels)
    port = port_of(first)
    assert text_of(first)
    first.close()
    second = MetricsEndpoint(MetricsSettings(port=port), status=asked, meters=meters, model=MODEL, labels=MODEL.labels)
    assert second.note == first.note
    second.close()


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("127.0.0.1", "address already in use"),
        ("192.0.2.1", "cannot assign requested address"),
        ("no such host", "name or service not known"),
    ],
)
def test_a_port_that_cannot_be_had_is_one_line(endpoint, asked, meters, address, found):
    """In use, of another machine, or no address at all: what was found, and what to set."""
    settings = MetricsSettings(address=address, port=port_of(endpoint))
    with pytest.raises(SinkError) as refused:
        MetricsEndpoint(settings, status=asked, meters=meters, model=MODEL, labels=MODEL.labels)
    line = str(refused.value)
    assert line == (
        f"expected port {settings.port} of {address}, found: {found}: set metrics.port or metrics.address to another"
    )


def test_a_missing_package_is_one_line(asked, meters, monkeypatch):
    """With the command that brings it."""
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(SinkError, match=r"^expected the package prometheus_client, found none: pip install '"):
        MetricsEndpoint(MetricsSettings(port=0), status=asked, meters=meters, model=MODEL, labels=MODEL.labels)
