"""Derives a run's state and status from its counters, source, log, sensors and sinks."""

import logging
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from edge import __version__
from edge.counters import MINUTE_S, Counters
from edge.device.run_clock import RunClock
from edge.device.sensors import Sensors, describe_flags
from edge.errors import redact
from edge.records import PictureFault
from edge.runtime.latency import Percentiles
from edge.service.deliveries import DeliveryWatch
from edge.sinks.log.lines import timestamp
from edge.sources.base import Source
from edge.sources.mounting import Mounting
from edge.sources.reopen import CameraState, ReopeningSource
from edge.status import CAMERA_PROBLEMS, SinkStatus, State, Status
from edge.vision.picture import FAULTS

RATE_S = 3.0
"""Frame rates are averaged over this long, so that they neither fluctuate nor lag."""


class ReportedLog(Protocol):
    """What the status reports of the log; `JsonLinesLog` documents each value."""

    path: str

    @property
    def dropped(self) -> int:
        """Lines that could not be written."""

    @property
    def error(self) -> str:
        """Why the log cannot be written; empty if it can."""

    @property
    def clock_error(self) -> str:
        """Why the log's times are wrong; empty if they are right."""

    @property
    def bytes_written(self) -> int:
        """Bytes written so far."""

    @property
    def flushes(self) -> int:
        """Writes so far."""


class ReportedSink(Protocol):
    """What the status reports of an optional sink; `SupervisedSink` documents each value."""

    name: str
    dropped: int
    faults: int

    @property
    def stored(self) -> int:
        """Items kept until they can be sent."""

    @property
    def lost(self) -> int:
        """Items lost because the store was full."""

    @property
    def error(self) -> str:
        """Why the sink does not work; empty if it does."""

    @property
    def note(self) -> str:
        """Where the sink can be reached, or a similar short text."""


class LastError(logging.Handler):
    """Keeps the newest warning or error that was logged.

    Attributes:
        text: the message; empty if there was none.
        at: its time, RFC 3339 in UTC; empty if there was none.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.text = self.at = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record; called by logging."""
        self.text, self.at = redact(record.getMessage()), timestamp()


@dataclass(frozen=True, slots=True)
class _Figures:
    """The figures of a status that follow the work of a run, and with it whether somebody is there."""

    frames: int
    dropped: int
    temperature_c: float | None
    core_v: float | None


class Health:
    """A run's state and status. The main thread calls `update`; any thread may call `status`.

    Args:
        counters: the run's.
        source: where the frames come from.
        log: the JSON-lines log.
        sensors: the board's.
        stalled_s: the run is stalled after this long without a processed frame, s.
        mounting: how the frames are turned; None if they are not.
        counts_only: whether nothing may tell when within a minute a face was there. Frame rate, load and heat tell it,
            because a run does more work when somebody is there. They are then read once a minute, and the latency is
            not reported.
        clock: the run's clock; None for a new one.

    Attributes:
        last_error: the newest warning or error.
        sinks: the optional sinks.
        stalls: how often the run has stalled.
        stopping: whether the run has been stopped and is ending.
    """

    def __init__(
        self,
        counters: Counters,
        source: Source,
        log: ReportedLog,
        sensors: Sensors,
        *,
        stalled_s: float,
        mounting: Mounting | None = None,
        counts_only: bool = False,
        clock: RunClock | None = None,
    ) -> None:
        self.last_error = LastError()
        self.stopping = self._silent = False
        self._latency: Percentiles | None = None
        self._sorted_s = 0.0
        self.stalls = 0
        self.sinks: list[ReportedSink] = []
        self._counters = counters
        self._source = source
        self._log = log
        self._sensors = sensors
        self._stalled_s = stalled_s
        self._mounting = mounting
        self._counts_only = counts_only
        self._clock = clock or RunClock()
        self._deliveries = DeliveryWatch()
        self._camera = source.state if isinstance(source, ReopeningSource) else CameraState()
        self._since = datetime.now(UTC)
        self._started_s = self._moved_s = self._rated_s = self._clock.now_s()
        self._frames = self._rated_frames = self._rated_captured = 0
        self._fps: float | None = None
        self._camera_fps: float | None = None
        self._outdated = -1  # number of observations that are older than the camera's last problem
        self._rate_s = MINUTE_S if counts_only else RATE_S
        self._figures = self._read_figures()

    def update(self) -> int:
        """Read the counters, and return how many frames were processed since the last call."""
        self._checked_state(self._counters.picture_fault)
        now_s, frames = self._clock.now_s(), self._counters.latency.count
        self._deliveries.update(self._counters.deliveries, now_s)
        moved, self._frames = frames - self._frames, frames
        if moved:
            self._moved_s, self._silent = now_s, False
        elif now_s - self._moved_s > self._stalled_s and not self._silent:
            self._silent = True
            self.stalls += 1
        captured, passed_s = self._counters.captured, now_s - self._rated_s
        if moved == frames:  # there is no rate before the first frame
            self._rated_s, self._rated_frames, self._rated_captured = now_s, frames, captured
            self._figures = self._read_figures()
        elif passed_s >= self._rate_s:
            self._figures = self._read_figures()
            self._fps = (frames - self._rated_frames) / passed_s
            self._camera_fps = (captured - self._rated_captured) / passed_s
            self._rated_s, self._rated_frames, self._rated_captured = now_s, frames, captured
        return moved

    @property
    def state(self) -> State:
        """The run's state, as `Status` documents it."""
        return self._state(self._counters.picture_fault)

    def _state(self, picture_fault: PictureFault | None) -> State:
        if self.stopping:
            return "stopping"
        if self._camera.error:
            return "camera lost"
        if not self._counters.latency.count:
            return "starting"
        if self._clock.now_s() - self._moved_s > self._stalled_s:
            return "stalled"
        return "bad picture" if picture_fault else "running"

    @property
    def change_key(self) -> tuple[State, float]:
        """A value whose change should be reported at once: the state, and the time of the camera's next retry."""
        return self.state, self._camera.retry_at_s

    def status(self) -> Status:
        """Return the run's status at this moment."""
        counters, camera, clock_s = self._counters, self._camera, self._clock.now_s()
        picture_fault = counters.picture_fault  # read once: the pipeline changes it, and the state must agree with it
        state = self._checked_state(picture_fault)
        alive, flags = state == "running", self._sensors.throttle_flags()
        latency = self._percentiles(clock_s) if alive and not self._counts_only else None
        figures = self._figures if self._counts_only else self._read_figures()
        return Status(
            version=__version__,
            pid=os.getpid(),
            state=state,
            since=self._since.isoformat(timespec="seconds").replace("+00:00", "Z"),
            uptime_s=round(clock_s - self._started_s, 1),
            source=self._source.name,
            rotation=self._mounting.rotation if self._mounting else 0,
            rotation_found=self._mounting.is_found if self._mounting else False,
            camera_error=camera.error or (FAULTS[picture_fault] if picture_fault else ""),
            picture_fault=picture_fault,
            retry_in_s=round(max(0.0, camera.retry_at_s - clock_s), 1) if camera.error else None,
            frames=figures.frames,
            fps=_rate(self._fps, state),
            camera_fps=_rate(self._camera_fps, state),
            latency_ms_p50=round(latency.p50, 2) if latency else None,
            latency_ms_p95=round(latency.p95, 2) if latency else None,
            faces=counters.faces if alive and counters.observations > self._outdated else None,
            dropped=figures.dropped,
            undelivered=counters.undelivered,
            reopens=camera.reopens,
            stalls=self.stalls,
            pauses=self._clock.pauses,
            blocked=list(self._deliveries.blocked),
            log=self._log.path,
            log_dropped=self._log.dropped,
            log_error=self._deliveries.error("log", clock_s) or self._log.error,
            log_bytes=self._log.bytes_written,
            log_flushes=self._log.flushes,
            clock_error=self._log.clock_error,
            temperature_c=figures.temperature_c,
            throttled=None if flags is None else describe_flags(flags),
            core_v=figures.core_v,
            sinks=[self._sink_status(sink, clock_s) for sink in self.sinks],
            last_error=self.last_error.text,
            last_error_at=self.last_error.at,
        )

    def _sink_status(self, sink: ReportedSink, clock_s: float) -> SinkStatus:
        queue = self._counters.sink_queues.get(sink.name)
        # A sink of frames gets only the newest one anyway: what it misses counts only while it is blocked.
        missed = queue.dropped if queue else self._deliveries.dropped(sink.name)
        return SinkStatus(
            name=sink.name,
            error=self._deliveries.error(sink.name, clock_s) or sink.error,
            note=sink.note,
            dropped=sink.dropped + missed,
            faults=sink.faults + self._deliveries.blocks.get(sink.name, 0),
            waiting=queue.waiting if queue else 0,
            capacity=queue.capacity if queue else 0,
            stored=sink.stored,
            lost=sink.lost,
        )

    def _read_figures(self) -> "_Figures":
        return _Figures(
            self._counters.latency.count,
            self._counters.dropped,
            self._sensors.temperature_c(),
            self._sensors.core_v(),
        )

    def _checked_state(self, picture_fault: PictureFault | None) -> State:
        """Return the state; while the camera has a problem, note that the faces seen so far are outdated."""
        state = self._state(picture_fault)
        if state in CAMERA_PROBLEMS:
            self._outdated = self._counters.observations
        return state

    def _percentiles(self, now_s: float) -> Percentiles | None:
        """Return the latency's percentiles, up to `RATE_S` old: sorting is the most expensive part of a status."""
        if self._latency is None or now_s - self._sorted_s >= RATE_S:
            self._latency, self._sorted_s = self._counters.latency.percentiles(), now_s
        return self._latency


def _rate(measured: float | None, state: State) -> float | None:
    """Return a frame rate as the status reports it in this state."""
    if state in {"camera lost", "stalled"}:
        return 0.0
    return None if state not in {"running", "bad picture"} or measured is None else round(measured, 1)
