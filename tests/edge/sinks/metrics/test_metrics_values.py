"""The metrics have correct values under conventional names, and the documents list them all."""

import math
import re
import shutil
import subprocess

import msgspec
import pytest

pytest.importorskip("prometheus_client", reason="prometheus_client is not installed")
pytest.importorskip("waitress", reason="waitress is not installed")

from metrics_client import DOCUMENT, MODEL, STATUS, samples_of, text_of
from samples import HEALTHY

from edge.sinks.metrics.collector import MinuteCollector, WorkCollector


def test_faces_that_are_unknown_have_no_series(endpoint, run_status):
    """While the camera is lost there is no sample: zero would say that nobody is there."""
    assert samples_of(endpoint)["edge_emotion_faces",] == HEALTHY.faces
    run_status.value = msgspec.structs.replace(STATUS, state="camera lost", faces=None, fps=0.0)
    values = samples_of(endpoint)
    assert ("edge_emotion_faces",) not in values
    assert values["edge_emotion_state", ("state", "camera lost")] == 1


def test_with_counts_only_nothing_tells_when_somebody_comes(open_endpoint, run_status, counters):
    """Frames, durations, queues, heat and CPU time stand still between two minutes; faults are shown at once."""
    endpoint = open_endpoint(counts_only=True)
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


def test_emotions_that_are_not_predicted_have_no_series(open_endpoint):
    """The settings may choose some of the model's emotions."""
    few = open_endpoint(labels=("happy", "sad"))
    series = [dict(rest) for name, *rest in samples_of(few) if name == "edge_emotion_readings_total"]
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
