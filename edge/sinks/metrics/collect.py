"""Turns what a run tells of itself into figures for Prometheus; docs/metrics.md has a table of them.

Names and units: Prometheus, "Metric and label naming".
"""

import math
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import get_args

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from edge.board import FLAG_NAMES
from edge.labels import UNCERTAIN
from edge.manifest import Manifest
from edge.meters import Meters
from edge.status import SinkStatus, State, Status

_STEP_BEFORE = {"follow": "follow_busy", "name": "name_busy"}
"""Step to the reason for which frames are dropped before it. What is to be scanned is never dropped."""


class RunCollector(Collector):
    """Asks when it is asked, so that nothing is counted twice and the pipeline pays nothing. Any thread may ask.

    status: how the run is. meters: what it counts. model: what the model says of itself.
    labels: those that are answered with.
    """

    def __init__(self, status: Callable[[], Status], meters: Meters, model: Manifest, labels: Sequence[str]) -> None:
        self._status = status
        self._meters = meters
        self._model = model
        self._labels = tuple(labels)

    def collect(self) -> Iterator[Metric]:
        """All figures at this moment."""
        status, meters = self._status(), self._meters
        yield from _program(status, self._model)
        yield from _frames(status, meters)
        yield from _readings(status, meters, (*self._labels, UNCERTAIN))
        yield from _times(meters)
        yield from _queues(meters)
        yield from _board(status)
        yield from _log(status)
        yield from _sinks(status.sinks, meters)


def _program(status: Status, model: Manifest) -> Iterator[Metric]:
    build = {"version": status.version, "python": platform.python_version()}
    yield InfoMetricFamily("edge_emotion_build", "The program.", value=build)
    facts = {"name": model.name, "precision": model.precision, "sha256": model.sha256}
    yield InfoMetricFamily("edge_emotion_model", "The model.", value=facts)
    states = {state: float(state == status.state) for state in get_args(State)}
    yield _gauges("edge_emotion_state", "What it is doing: 1 for that, 0 for all else.", "state", states)


def _frames(status: Status, meters: Meters) -> Iterator[Metric]:
    yield CounterMetricFamily("edge_emotion_frames_captured", "Frames from the source.", meters.captured)
    yield CounterMetricFamily("edge_emotion_frames_processed", "Frames with all that is said of them.", status.frames)
    yield CounterMetricFamily(
        "edge_emotion_frames_with_face", "Frames in which a face was found.", meters.frames_with_face
    )
    dropped = {
        reason: float(meters.queues[step].dropped) for step, reason in _STEP_BEFORE.items() if step in meters.queues
    }
    text = "Frames that gave way to newer ones, since a step was too slow."
    yield _counters("edge_emotion_frames_dropped", text, "reason", dropped)
    yield CounterMetricFamily(
        "edge_emotion_camera_reopens", "Times that the camera was given up and tried again.", status.reopens
    )
    yield CounterMetricFamily(
        "edge_emotion_stalls", "Times that no frame was processed for the stall timeout.", status.stalls
    )


def _readings(status: Status, meters: Meters, emotions: tuple[str, ...]) -> Iterator[Metric]:
    yield GaugeMetricFamily("edge_emotion_faces", "Faces in the newest frame.", status.faces)
    counts = {emotion: float(meters.emotions[emotion]) for emotion in emotions}
    text = "What was said of faces, once for each in each frame."
    yield _counters("edge_emotion_readings", text, "emotion", counts)


def _times(meters: Meters) -> Iterator[Metric]:
    latency = HistogramMetricFamily("edge_emotion_latency_seconds", "From a frame in memory to its readings.")
    spread = meters.latency.histogram()
    latency.add_metric([], _buckets(spread.counts), spread.total_s)
    yield latency
    steps = HistogramMetricFamily("edge_emotion_step_duration_seconds", "How long a step takes.", labels=["step"])
    for name, times in (("follow", meters.follow), ("scan", meters.scan), ("name", meters.name)):
        spread = times.histogram()
        steps.add_metric([name], _buckets(spread.counts), spread.total_s)
    yield steps


def _buckets(counts: Mapping[float, int]) -> list[tuple[str, float]]:
    return [("+Inf" if math.isinf(bound_s) else str(bound_s), float(count)) for bound_s, count in counts.items()]


def _queues(meters: Meters) -> Iterator[Metric]:
    queues = {**meters.queues, **meters.outlets}
    waiting = {name: float(queue.waiting) for name, queue in queues.items()}
    yield _gauges("edge_emotion_queue_length", "What waits before a step or a sink.", "queue", waiting)
    capacity = {name: float(queue.capacity) for name, queue in queues.items()}
    yield _gauges("edge_emotion_queue_capacity", "How much may wait there.", "queue", capacity)


def _board(status: Status) -> Iterator[Metric]:
    """What it does not tell is None, and left out: zero degrees would be a figure."""
    yield GaugeMetricFamily("edge_emotion_temperature_celsius", "Of the hottest sensor.", status.temperature_c)
    yield GaugeMetricFamily("edge_emotion_core_volts", "The processor's voltage.", status.core_v)
    if status.throttled is not None:
        now = {flag: float(flag in status.throttled) for flag in FLAG_NAMES}
        yield _gauges("edge_emotion_throttled", "What the firmware says of now.", "flag", now)
        ever = {flag: float(f"{flag} since boot" in status.throttled or now[flag]) for flag in FLAG_NAMES}
        yield _gauges("edge_emotion_throttled_since_boot", "What has been so at some time.", "flag", ever)


def _log(status: Status) -> Iterator[Metric]:
    yield GaugeMetricFamily("edge_emotion_log_up", "Whether the log can be written.", float(not status.log_error))
    words = "Whether the clock is set, so that the log's times can be believed."
    yield GaugeMetricFamily("edge_emotion_clock_set", words, float(not status.clock_error))
    yield CounterMetricFamily("edge_emotion_log_written_bytes", "Bytes written to the log.", status.log_bytes)
    yield CounterMetricFamily("edge_emotion_log_flushes", "Times that they were written.", status.log_flushes)
    yield CounterMetricFamily(
        "edge_emotion_log_dropped_lines", "Lines that could not be written to the log.", status.log_dropped
    )


def _sinks(sinks: list[SinkStatus], meters: Meters) -> Iterator[Metric]:
    up = {sink.name: float(not sink.error) for sink in sinks}
    yield _gauges("edge_emotion_sink_up", "Whether a sink serves.", "sink", up)
    stored = {sink.name: float(sink.stored) for sink in sinks}
    yield _gauges("edge_emotion_sink_stored", "What a sink keeps until it can pass it on.", "sink", stored)
    faults = {sink.name: float(sink.faults) for sink in sinks}
    text = "Times that a sink failed, or could not be opened."
    yield _counters("edge_emotion_sink_faults", text, "sink", faults)
    text = "What did not pass a sink: it was too slow, not open, or had no place."
    dropped = CounterMetricFamily("edge_emotion_sink_dropped", text, labels=["sink", "reason"])
    for name, outlet in meters.outlets.items():
        dropped.add_metric([name, "busy"], outlet.dropped)
    for sink in sinks:
        busy = meters.outlets[sink.name].dropped if sink.name in meters.outlets else 0
        dropped.add_metric([sink.name, "closed"], sink.dropped - busy)
        dropped.add_metric([sink.name, "full"], sink.lost)
    yield dropped


def _gauges(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    for value, figure in values.items():
        family.add_metric([value], figure)
    return family


def _counters(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = CounterMetricFamily(name, text, labels=[label])
    for value, figure in values.items():
        family.add_metric([value], figure)
    return family
