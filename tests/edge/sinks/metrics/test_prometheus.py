"""The metrics endpoint serves correct values under conventional names, however other clients behave."""

import json
import math
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

pytest.importorskip("prometheus_client", reason="prometheus_client is not installed")
pytest.importorskip("waitress", reason="waitress is not installed")

from ports import free_port
from prometheus_client.parser import text_string_to_metric_families
from samples import HEALTHY, opened
from waiting import wait_for

from edge.counters import Counters, Delivery
from edge.errors import SinkError
from edge.model.bundled import BUNDLED_MODEL
from edge.model.manifest import read_manifest
from edge.runtime.queue import BoundedQueue, Policy
from edge.settings.sinks import MetricsSettings
from edge.sinks.metrics.collector import MinuteCollector, WorkCollector
from edge.sinks.metrics.endpoint import MetricsEndpoint
from edge.sinks.web_server import SLOW_S
from edge.status import SinkStatus

DOCUMENT = Path(__file__).parents[4] / "docs" / "metrics.md"

MODEL = read_manifest(BUNDLED_MODEL.with_suffix(".json"))

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
    """Return a full queue that has dropped this many items."""
    queue = BoundedQueue(Policy.DROP_OLDEST, capacity=capacity)
    for item in range(capacity + dropped):
        queue.put(item)
    return queue


@pytest.fixture
def counters():
    counters = Counters()
    counters.captured = 1240
    counters.frames_with_face = 1000
    counters.emotions.update({"happy": 900, "uncertain": 90})
    for seconds in (0.0004, 0.003, 0.3, 7.0):
        counters.latency.add(seconds)
    counters.scan.add(0.02)
    counters.queues = {"follow": full(1, dropped=2), "classify": full(1, dropped=1), "scan": full(1, dropped=0)}
    counters.sink_queues = {"log": full(4, dropped=0), "mqtt": full(4, dropped=9)}
    counters.deliveries = {name: Delivery(queue) for name, queue in counters.sink_queues.items()}
    return counters


class RunStatus:
    """The status that the endpoint reads; a test may change it."""

    value = STATUS

    def __call__(self):
        return self.value


@pytest.fixture
def run_status():
    return RunStatus()


@pytest.fixture
def endpoint(run_status, counters):
    endpoint = opened(
        MetricsEndpoint(
            MetricsSettings(enabled=True, port=0),
            status=run_status,
            counters=counters,
            model=MODEL,
            labels=MODEL.labels,
        )
    )
    yield endpoint
    endpoint.close()


def port_of(endpoint):
    return int(re.fullmatch(r"http://127\.0\.0\.1:(\d+)/metrics", endpoint.note)[1])


def text_of(endpoint):
    with urllib.request.urlopen(endpoint.note, timeout=60) as response:  # noqa: S310  # an http:// URL of this machine
        return response.read().decode()


def samples_of(endpoint):
    """Return the samples as Prometheus parses them: name and labels to value."""
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text_of(endpoint))
        for sample in family.samples
    }


def test_faces_that_are_unknown_have_no_series(endpoint, run_status):
    """While the camera is lost there is no sample: zero would say that nobody is there."""
    assert samples_of(endpoint)["edge_emotion_faces",] == HEALTHY.faces
    run_status.value = msgspec.structs.replace(STATUS, state="camera lost", faces=None, fps=0.0)
    values = samples_of(endpoint)
    assert ("edge_emotion_faces",) not in values
    assert values["edge_emotion_state", ("state", "camera lost")] == 1


def test_with_counts_only_nothing_tells_when_somebody_comes(run_status, counters):
    """Frames, durations, queues, heat and CPU time stand still between two minutes; faults are shown at once."""
    endpoint = opened(
        MetricsEndpoint(
            MetricsSettings(port=0),
            status=run_status,
            counters=counters,
            model=MODEL,
            labels=MODEL.labels,
            counts_only=True,
        )
    )
    before = samples_of(endpoint)
    counters.captured += 100
    counters.frames_with_face += 50
    for step in (counters.latency, counters.follow, counters.scan, counters.classify):
        step.add(0.1)
    run_status.value = msgspec.structs.replace(STATUS, frames=9999, dropped=99, temperature_c=80.0, core_v=1.2)
    sum(number * number for number in range(300_000))  # some CPU time
    assert samples_of(endpoint) == before
    run_status.value = msgspec.structs.replace(STATUS, state="camera lost", reopens=9, log_error="full")
    after = samples_of(endpoint)
    assert after["edge_emotion_state", ("state", "camera lost")] == 1
    assert (after["edge_emotion_camera_reopens_total",], after["edge_emotion_log_up",]) == (9, 0)
    endpoint.close()


def test_a_minute_collector_reads_once_a_minute(run_status, counters):
    """After a minute the values are read again."""
    now_s = [1000.0]
    collector = MinuteCollector(WorkCollector(run_status, counters), lambda: now_s[0])

    def captured():
        return next(family for family in collector.collect() if family.name.endswith("captured")).samples[0].value

    assert captured() == 1240
    counters.captured += 1
    now_s[0] += 59.9
    assert captured() == 1240
    now_s[0] += 0.1
    assert captured() == 1241


def test_emotions_that_are_not_predicted_have_no_series(run_status, counters):
    """The settings may choose some of the model's emotions."""
    few = opened(
        MetricsEndpoint(
            MetricsSettings(port=0), status=run_status, counters=counters, model=MODEL, labels=("happy", "sad")
        )
    )
    series = [dict(rest) for name, *rest in samples_of(few) if name == "edge_emotion_readings_total"]
    few.close()
    assert {labels["emotion"] for labels in series} == {"happy", "sad", "uncertain"}


def test_each_value_comes_from_the_run(endpoint):
    """Counters, gauges and states have the values of the status and the counters."""
    values = samples_of(endpoint)
    expected = {
        ("edge_emotion_frames_captured_total",): 1240,
        ("edge_emotion_frames_processed_total",): 1234,
        ("edge_emotion_frames_with_face_total",): 1000,
        ("edge_emotion_frames_dropped_total", ("reason", "follow_busy")): 2,
        ("edge_emotion_frames_dropped_total", ("reason", "classify_busy")): 1,
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
    assert {name: values.get(name) for name in expected} == expected
    assert values["process_resident_memory_bytes",] > 1e6
    build = next(name for name in values if name[0] == "edge_emotion_build_info")
    assert ("version", "1.2.3") in build


def test_durations_are_histograms(endpoint):
    """Buckets are cumulative and in seconds, the last one counts everything, and each step has a histogram."""
    values = samples_of(endpoint)
    latency = "edge_emotion_latency_seconds_bucket"
    buckets = {float(dict(name[1:])["le"]): value for name, value in values.items() if name[0] == latency}
    assert (buckets[0.0005], buckets[0.005], buckets[0.5], buckets[2.5], buckets[math.inf]) == (1, 2, 3, 3, 4)
    assert values["edge_emotion_latency_seconds_count",] == 4
    assert values["edge_emotion_latency_seconds_sum",] == pytest.approx(7.3034)
    assert values["edge_emotion_step_duration_seconds_count", ("step", "scan")] == 1
    assert values["edge_emotion_step_duration_seconds_count", ("step", "classify")] == 0


def test_unknown_sensor_values_are_absent(endpoint, run_status):
    """Zero degrees would look like a measurement, and alerts would use it."""
    run_status.value = msgspec.structs.replace(STATUS, temperature_c=None, throttled=None, core_v=None)
    names = {name[0] for name in samples_of(endpoint)}
    assert "edge_emotion_stalls_total" in names
    assert not names & {"edge_emotion_temperature_celsius", "edge_emotion_core_volts", "edge_emotion_throttled"}


def test_promtool_accepts_the_metrics(endpoint):
    """Names, units, types and help texts follow Prometheus' conventions."""
    if (promtool := shutil.which("promtool")) is None:
        pytest.skip("promtool is not installed: make setup-system")
    checked = subprocess.run(  # noqa: S603  # a fixed program
        [promtool, "check", "metrics"], input=text_of(endpoint), capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_the_document_lists_exactly_these_metrics(endpoint):
    """Users write dashboards from docs/metrics.md."""
    served = {name[0] for name in samples_of(endpoint) if name[0].startswith("edge_emotion_")}
    served = {re.sub(r"(_seconds)_(bucket|count|sum)$", r"\1", name) for name in served}
    assert set(re.findall(r"^\| `(edge_emotion_\w+)`", DOCUMENT.read_text(), flags=re.MULTILINE)) == served


@pytest.mark.parametrize(("path", "method", "code"), [("/", "GET", 404), ("/metrics", "POST", 405)])
def test_anything_else_is_refused(endpoint, path, method, code):
    """The endpoint serves one path, and only for reading."""
    request = urllib.request.Request(endpoint.note.replace("/metrics", path), method=method)  # noqa: S310  # an http:// URL of this machine
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=60)  # noqa: S310  # an http:// URL of this machine
    assert refused.value.code == code
    refused.value.close()


@pytest.mark.parametrize(
    ("host", "code"),
    [("127.0.0.1:9464", 200), ("localhost", 200), ("pi.example", 200), ("evil.example", 403), ("[", 403)],
)
def test_a_foreign_host_name_is_refused(run_status, counters, host, code):
    """A site that points its own name at this machine (DNS rebinding) cannot read the metrics."""
    settings = MetricsSettings(port=0, hosts=("Pi.example",))
    endpoint = opened(
        MetricsEndpoint(settings, status=run_status, counters=counters, model=MODEL, labels=("happy", "sad"))
    )
    try:
        with socket.create_connection(("127.0.0.1", endpoint._server.port)) as client:
            client.sendall(f"GET /metrics HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
            assert client.makefile("rb").readline().split()[1] == str(code).encode()
    finally:
        endpoint.close()


def test_slow_clients_delay_nobody(endpoint):
    """With ten unfinished requests and ten unread responses a scrape succeeds, and closing does not wait for them."""
    with ExitStack() as clients:
        for number in range(20):
            client = clients.enter_context(socket.create_connection(("127.0.0.1", port_of(endpoint)), timeout=60))
            if number % 2:
                client.sendall(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n" * (1 + number % 4))
            else:
                client.sendall(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        started_s = time.monotonic()
        assert "edge_emotion_faces" in text_of(endpoint)
        endpoint.close()
        assert time.monotonic() - started_s < SLOW_S  # when the first of them would be disconnected


def test_closing_releases_the_port(run_status, counters):
    """A new endpoint can listen on the same port."""
    first = opened(
        MetricsEndpoint(
            MetricsSettings(port=free_port()), status=run_status, counters=counters, model=MODEL, labels=MODEL.labels
        )
    )
    port = port_of(first)
    assert text_of(first)
    first.close()
    second = opened(
        MetricsEndpoint(
            MetricsSettings(port=port), status=run_status, counters=counters, model=MODEL, labels=MODEL.labels
        )
    )
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
def test_an_unusable_port_is_reported_in_one_line(endpoint, run_status, counters, address, found):
    """Whether it is in use, of another machine, or no address at all, the line names the settings to change."""
    settings = MetricsSettings(address=address, port=port_of(endpoint))
    with pytest.raises(SinkError) as refused:
        opened(MetricsEndpoint(settings, status=run_status, counters=counters, model=MODEL, labels=MODEL.labels))
    line = str(refused.value)
    assert line == (
        f"expected port {settings.port} of {address}, found: {found}: set metrics.port or metrics.address to another"
    )


def test_a_missing_package_is_reported_in_one_line(run_status, counters, monkeypatch):
    """The line contains the command that installs it."""
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(SinkError, match=r"^expected the package prometheus_client, found none: "):
        opened(
            MetricsEndpoint(
                MetricsSettings(port=0), status=run_status, counters=counters, model=MODEL, labels=MODEL.labels
            )
        )


PROMETHEUS = shutil.which("prometheus")


@pytest.fixture
def ask_prometheus(endpoint, tmp_path):
    """Run Prometheus as docs/metrics.md shows, for this endpoint; yield a function that returns an API's data."""
    if PROMETHEUS is None:
        pytest.skip("prometheus is not installed: make setup-system")
    (documented,) = re.findall(r"```yaml\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert "127.0.0.1:9464" in documented
    shutil.copy(DOCUMENT.with_name("alerts.yml"), tmp_path)
    config, port = tmp_path / "prometheus.yml", free_port()
    documented = documented.replace("9464", str(port_of(endpoint)))
    config.write_text(f"global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n{documented}")
    options = [f"--config.file={config}", f"--storage.tsdb.path={tmp_path}", f"--web.listen-address=127.0.0.1:{port}"]

    def ask(path, **query):
        url = f"http://127.0.0.1:{port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(url, timeout=60) as response:
                return json.load(response)["data"]
        except urllib.error.URLError:  # it has not started yet
            return {"result": []}

    with subprocess.Popen([PROMETHEUS, *options], stderr=subprocess.DEVNULL) as program:  # noqa: S603  # a fixed program
        try:
            yield ask
        finally:
            program.terminate()


@pytest.mark.slow
def test_prometheus_answers_each_query_of_the_dashboard(ask_prometheus, counters, run_status):
    """No panel is empty or has no number while the device works, and every alert's rule can be computed."""
    run_status.value = msgspec.structs.replace(STATUS, temperature_c=51.5)
    dashboard = json.loads(DOCUMENT.with_name("grafana-dashboard.json").read_text())
    panels = {target["expr"]: panel["title"] for panel in dashboard["panels"] for target in panel.get("targets", [])}

    def without_data():
        counters.emotions.update(["happy"])
        counters.latency.add(0.01)
        values = {
            title: ask_prometheus("query", query=expr.replace("$__rate_interval", "1m").replace("$device", ".+"))
            for expr, title in panels.items()
        }
        return [
            title
            for title, data in values.items()
            if not data["result"] or any(math.isnan(float(sample["value"][1])) for sample in data["result"])
        ]

    wait_for(lambda: not without_data())
    wait_for(lambda: all(rule["health"] == "ok" for rule in rules(ask_prometheus)))
    assert len(rules(ask_prometheus)) == DOCUMENT.with_name("alerts.yml").read_text().count("- alert: ")


@pytest.mark.slow
def test_prometheus_has_no_faces_of_a_lost_camera(ask_prometheus, run_status):
    """The series ends with the camera, in graphs and in sums, and the alert is pending."""
    wait_for(lambda: ask_prometheus("query", query="edge_emotion_faces")["result"])
    run_status.value = msgspec.structs.replace(STATUS, state="camera lost", faces=None, fps=0.0)
    wait_for(lambda: not ask_prometheus("query", query="edge_emotion_faces")["result"])
    assert ask_prometheus("query", query="sum(edge_emotion_faces)")["result"] == []
    pending = 'ALERTS{alertname="EdgeEmotionCameraLost", alertstate="pending"}'
    wait_for(lambda: ask_prometheus("query", query=pending)["result"])


def rules(ask):
    """Return the rules that Prometheus has loaded."""
    return [rule for group in ask("rules")["groups"] for rule in group["rules"]]
