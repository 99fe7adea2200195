"""Converts the run's status and counters into Prometheus metrics; docs/metrics.md lists them.

Names and units follow Prometheus, "Metric and label naming".
"""

import math
import platform
import threading
import time
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

from edge.counters import MINUTE_S, Counters
from edge.device.sensors import FLAG_NAMES
from edge.labels import UNCERTAIN
from edge.model.manifest import Manifest
from edge.records import PictureFault
from edge.status import SinkStatus, State, Status

_DROP_REASONS = {"follow": "follow_busy", "classify": "classify_busy"}
"""Step to the reason label of frames dropped before it. Frames for `scan` are never dropped."""


class MinuteCollector(Collector):
    """Reads another collector once a minute, for `privacy.counts_only`.

    Args:
        inner: the collector.
        clock: monotonic clock, s.
    """

    def __init__(self, inner: Collector, clock: Callable[[], float] = time.monotonic) -> None:
        self._inner = inner
        self._clock = clock
        self._lock = threading.Lock()  # protects what follows: several servers may scrape at once
        self._metrics: list[Metric] = []
        self._read_s = float("-inf")

    def collect(self) -> Iterator[Metric]:
        """Yield the inner collector's metrics, which are up to a minute old."""
        with self._lock:
            if self._clock() - self._read_s >= MINUTE_S:
                self._metrics, self._read_s = list(self._inner.collect()), self._clock()
            metrics = self._metrics
        yield from metrics


class WorkCollector(Collector):
    """Reads the values that follow the work of the run, and with it whether somebody is there, at each scrape.

    Args:
        status: returns the run's current status; any thread may call it.
        counters: counters of the run.
    """

    def __init__(self, status: Callable[[], Status], counters: Counters) -> None:
        self._status = status
        self._counters = counters

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics with their current values."""
        status, counters = self._status(), self._counters
        yield from _frames(status, counters)
        yield from _durations(counters)
        yield from _queues(counters)
        yield from _board(status)


class RunCollector(Collector):
    """Reads the run's other values at each scrape, so that nothing is counted twice and no step does extra work.

    Args:
        status: returns the run's current status; any thread may call it.
        counters: counters of the run.
        model: manifest of the model.
        labels: emotions that the run predicts, in order.
    """

    def __init__(
        self, status: Callable[[], Status], counters: Counters, model: Manifest, labels: Sequence[str]
    ) -> None:
        self._status = status
        self._counters = counters
        self._model = model
        self._labels = tuple(labels)

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics with their current values."""
        status, counters = self._status(), self._counters
        yield from _program(status, self._model, counters)
        yield from _readings(status, counters, (*self._labels, UNCERTAIN))
        yield from _log(status)
        yield from _sinks(status.sinks, counters)


def _program(status: Status, model: Manifest, counters: Counters) -> Iterator[Metric]:
    build = {"version": status.version, "python": platform.python_version()}
    yield InfoMetricFamily("edge_emotion_build", "Version of the program and of Python.", value=build)
    facts = {"name": model.name, "precision": model.precision, "sha256": model.sha256}
    yield InfoMetricFamily("edge_emotion_model", "The model in use.", value=facts)
    states = {state: float(state == status.state) for state in get_args(State)}
    yield _gauges("edge_emotion_state", "Run state, one series per state: 1 for the current one.", "state", states)
    faults = {fault: float(fault == status.picture_fault) for fault in get_args(PictureFault)}
    text = "1 for the present fault of the camera's picture, in which no face can be seen."
    yield _gauges("edge_emotion_picture_fault", text, "fault", faults)
    text = "Attempts to reopen the camera after it failed or could not be opened."
    yield CounterMetricFamily("edge_emotion_camera_reopens", text, status.reopens)
    text = "Times that no frame was processed for the stall timeout."
    yield CounterMetricFamily("edge_emotion_stalls", text, status.stalls)
    text = "Times that the process itself was paused for some seconds."
    yield CounterMetricFamily("edge_emotion_pauses", text, status.pauses)
    blocked = {name: float(name in status.blocked) for name in counters.deliveries}
    yield _gauges("edge_emotion_sink_blocked", "1 if the sink's newest call does not return.", "sink", blocked)


def _frames(status: Status, counters: Counters) -> Iterator[Metric]:
    yield CounterMetricFamily("edge_emotion_frames_captured", "Frames read from the source.", counters.captured)
    yield CounterMetricFamily("edge_emotion_frames_processed", "Frames processed by all steps.", status.frames)
    text = "Processed frames with at least one face."
    yield CounterMetricFamily("edge_emotion_frames_with_face", text, counters.frames_with_face)
    dropped = {
        reason: float(counters.queues[step].dropped)
        for step, reason in _DROP_REASONS.items()
        if step in counters.queues
    }
    text = "Frames replaced by newer ones because a step was busy."
    yield _counters("edge_emotion_frames_dropped", text, "reason", dropped)


def _readings(status: Status, counters: Counters, emotions: tuple[str, ...]) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "edge_emotion_faces", "Faces in the newest frame; no sample while it is unknown.", status.faces
    )
    counts = {emotion: float(counters.emotions[emotion]) for emotion in emotions}
    text = "Readings by emotion, one per face and frame."
    yield _counters("edge_emotion_readings", text, "emotion", counts)


def _durations(counters: Counters) -> Iterator[Metric]:
    text = "Time from a captured frame in memory to its readings."
    latency = HistogramMetricFamily("edge_emotion_latency_seconds", text)
    histogram = counters.latency.histogram()
    latency.add_metric([], _buckets(histogram.counts), histogram.total_s)
    yield latency
    steps = HistogramMetricFamily("edge_emotion_step_duration_seconds", "Duration of a step.", labels=["step"])
    for step, times in (("follow", counters.follow), ("scan", counters.scan), ("classify", counters.classify)):
        histogram = times.histogram()
        steps.add_metric([step], _buckets(histogram.counts), histogram.total_s)
    yield steps


def _buckets(counts: Mapping[float, int]) -> list[tuple[str, float]]:
    return [("+Inf" if math.isinf(bound_s) else str(bound_s), float(count)) for bound_s, count in counts.items()]


def _queues(counters: Counters) -> Iterator[Metric]:
    queues = {**counters.queues, **counters.sink_queues}
    waiting = {name: float(queue.waiting) for name, queue in queues.items()}
    yield _gauges("edge_emotion_queue_length", "Items waiting before a step or a sink.", "queue", waiting)
    capacity = {name: float(queue.capacity) for name, queue in queues.items()}
    yield _gauges("edge_emotion_queue_capacity", "Items that may wait before a step or a sink.", "queue", capacity)


def _board(status: Status) -> Iterator[Metric]:
    """Yield the board's sensors; an unknown value has no sample, since zero would look like a measurement."""
    text = "Temperature of the hottest sensor."
    yield GaugeMetricFamily("edge_emotion_temperature_celsius", text, status.temperature_c)
    yield GaugeMetricFamily("edge_emotion_core_volts", "Core voltage of the processor.", status.core_v)
    if status.throttled is not None:
        now = {flag: float(flag in status.throttled) for flag in FLAG_NAMES}
        yield _gauges("edge_emotion_throttled", "Throttling flags of the firmware: 1 if set now.", "flag", now)
        ever = {flag: float(f"{flag} since boot" in status.throttled or now[flag]) for flag in FLAG_NAMES}
        text = "Throttling flags of the firmware: 1 if set at any time since boot."
        yield _gauges("edge_emotion_throttled_since_boot", text, "flag", ever)


def _log(status: Status) -> Iterator[Metric]:
    yield GaugeMetricFamily("edge_emotion_log_up", "1 if the log can be written.", float(not status.log_error))
    text = "1 if the system clock is set, so that the log's times can be trusted."
    yield GaugeMetricFamily("edge_emotion_clock_set", text, float(not status.clock_error))
    yield CounterMetricFamily("edge_emotion_log_written_bytes", "Bytes written to the log.", status.log_bytes)
    yield CounterMetricFamily("edge_emotion_log_flushes", "Writes to the log's file.", status.log_flushes)
    text = "Lines that could not be written to the log."
    yield CounterMetricFamily("edge_emotion_log_dropped_lines", text, status.log_dropped)


def _sinks(sinks: list[SinkStatus], counters: Counters) -> Iterator[Metric]:
    up = {sink.name: float(not sink.error) for sink in sinks}
    yield _gauges("edge_emotion_sink_up", "1 if the sink works.", "sink", up)
    stored = {sink.name: float(sink.stored) for sink in sinks}
    text = "Items that a sink keeps until it can deliver them."
    yield _gauges("edge_emotion_sink_stored", text, "sink", stored)
    faults = {sink.name: float(sink.faults) for sink in sinks}
    text = "Times that a sink failed or could not be opened."
    yield _counters("edge_emotion_sink_faults", text, "sink", faults)
    text = "Items that a sink did not deliver, because it was busy or closed, or its store was full."
    dropped = CounterMetricFamily("edge_emotion_sink_dropped", text, labels=["sink", "reason"])
    for name, queue in counters.sink_queues.items():
        dropped.add_metric([name, "busy"], queue.dropped)
    for sink in sinks:
        busy = counters.sink_queues[sink.name].dropped if sink.name in counters.sink_queues else 0
        dropped.add_metric([sink.name, "closed"], sink.dropped - busy)
        dropped.add_metric([sink.name, "full"], sink.lost)
    yield dropped


def _gauges(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    for label_value, value in values.items():
        family.add_metric([label_value], value)
    return family


def _counters(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = CounterMetricFamily(name, text, labels=[label])
    for label_value, value in values.items():
        family.add_metric([label_value], value)
    return family
