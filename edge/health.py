"""Knows how a run is: puts together what its parts say of themselves."""

import logging
import os
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Protocol

from edge import __version__
from edge.board import Board, name_flags
from edge.meters import Meters, Queue
from edge.runtime.timings import Percentiles
from edge.sinks.lines import now
from edge.sources.base import Source
from edge.sources.reopen import CameraState, ReopeningSource
from edge.status import SinkStatus, State, Status

RATE_S = 3.0
"""Frames a second are told of this long, so that the figure neither jumps nor lags."""


class Log(Protocol):
    """What is told of the log: `JsonLinesLog` says what each means."""

    path: str

    @property
    def dropped(self) -> int:
        """Lines."""

    @property
    def error(self) -> str:
        """Empty where all is well."""

    @property
    def clock_error(self) -> str:
        """Empty where all is well."""

    @property
    def bytes_written(self) -> int:
        """So far."""

    @property
    def flushes(self) -> int:
        """So far."""


class Reporting(Protocol):
    """What is told of a sink beside the log: `Guard` says what each means."""

    name: str
    dropped: int
    faults: int

    @property
    def stored(self) -> int:
        """Items."""

    @property
    def lost(self) -> int:
        """Items."""

    @property
    def error(self) -> str:
        """Empty where all is well."""

    @property
    def note(self) -> str:
        """A few words."""


class LastError(logging.Handler):
    """Keeps the newest warning or error. text: its words; at: its time; empty where there was none."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.text = self.at = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record; called by logging."""
        self.text, self.at = record.getMessage(), now()


class Health:
    """How a run is. `update` is called by the main thread; any may ask for the `status`.

    stalled_s: without a frame processed for this long the run counts as stalled, s.
    sinks: those beside the log. stalls: how often no frame was processed for that long.
    """

    def __init__(
        self,
        meters: Meters,
        source: Source,
        log: Log,
        board: Board,
        *,
        stalled_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.last_error = LastError()
        self.stopping = self._silent = False
        self._latency: Percentiles | None = None
        self._sorted_s = 0.0
        self.stalls = 0
        self.sinks: Sequence[Reporting] = ()
        self._meters = meters
        self._source = source
        self._log = log
        self._board = board
        self._stalled_s = stalled_s
        self._clock = clock
        self._camera = source.state if isinstance(source, ReopeningSource) else CameraState()
        self._since = datetime.now(UTC)
        self._started_s = self._moved_s = self._rated_s = clock()
        self._frames = self._rated_frames = self._rated_captured = 0
        self._fps = self._camera_fps = 0.0

    def update(self) -> int:
        """Look at the counters; call it now and then. Returns how many frames were processed since the last look."""
        now_s, frames = self._clock(), self._meters.latency.count
        moved, self._frames = frames - self._frames, frames
        if moved:
            self._moved_s, self._silent = now_s, False
        elif now_s - self._moved_s > self._stalled_s and not self._silent:
            self._silent = True
            self.stalls += 1
        captured, passed_s = self._meters.captured, now_s - self._rated_s
        if moved == frames:  # until the first frame there is no rate
            self._rated_s, self._rated_frames, self._rated_captured = now_s, frames, captured
        elif passed_s >= RATE_S:
            self._fps = (frames - self._rated_frames) / passed_s
            self._camera_fps = (captured - self._rated_captured) / passed_s
            self._rated_s, self._rated_frames, self._rated_captured = now_s, frames, captured
        return moved

    @property
    def state(self) -> State:
        """What it is doing."""
        if self.stopping:
            return "stopping"
        if self._camera.lost:
            return "camera lost"
        if not self._meters.latency.count:
            return "starting"
        return "stalled" if self._clock() - self._moved_s > self._stalled_s else "running"

    @property
    def turn(self) -> tuple[State, float]:
        """Changes when there is something new to tell at once."""
        return self.state, self._camera.retry_at_s

    def status(self) -> Status:
        """All that is known at this moment."""
        state, meters, camera, clock_s = self.state, self._meters, self._camera, self._clock()
        latency, flags = self._percentiles(clock_s), self._board.throttle_flags()
        alive = state == "running"
        return Status(
            version=__version__,
            pid=os.getpid(),
            state=state,
            since=self._since.isoformat(timespec="seconds").replace("+00:00", "Z"),
            uptime_s=round(clock_s - self._started_s, 1),
            source=self._source.name,
            camera_error=camera.lost,
            retry_in_s=round(max(0.0, camera.retry_at_s - clock_s), 1) if camera.lost else None,
            frames=meters.latency.count,
            fps=round(self._fps, 1) if alive else 0.0,
            camera_fps=round(self._camera_fps, 1) if alive else 0.0,
            latency_ms_p50=round(latency.p50, 2) if latency else None,
            latency_ms_p95=round(latency.p95, 2) if latency else None,
            faces=meters.faces if alive else 0,
            dropped=meters.dropped(),
            undelivered=meters.undelivered(),
            reopens=camera.reopens,
            stalls=self.stalls,
            log=self._log.path,
            log_dropped=self._log.dropped,
            log_error=self._log.error,
            log_bytes=self._log.bytes_written,
            log_flushes=self._log.flushes,
            clock_error=self._log.clock_error,
            temperature_c=self._board.temperature_c(),
            throttled=None if flags is None else name_flags(flags),
            core_v=self._board.core_v(),
            sinks=[_tell(sink, meters.outlets.get(sink.name)) for sink in self.sinks],
            last_error=self.last_error.text,
            last_error_at=self.last_error.at,
        )

    def _percentiles(self, now_s: float) -> Percentiles | None:
        """Of the latency, and up to `RATE_S` old: to sort thousands of durations is most of a status' cost."""
        if self._latency is None or now_s - self._sorted_s >= RATE_S:
            self._latency, self._sorted_s = self._meters.latency.percentiles(), now_s
        return self._latency


def _tell(sink: Reporting, outlet: Queue | None) -> SinkStatus:
    return SinkStatus(
        name=sink.name,
        error=sink.error,
        note=sink.note,
        dropped=sink.dropped + (outlet.dropped if outlet else 0),
        faults=sink.faults,
        waiting=outlet.waiting if outlet else 0,
        capacity=outlet.capacity if outlet else 0,
        stored=sink.stored,
        lost=sink.lost,
    )
