"""Tells the outside how a run is: systemd, the journal, and whoever asks at the status socket."""

import logging
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from edge.health import Health
from edge.runtime.answer import Answerer
from edge.runtime.notify import Notifier
from edge.status import STATUS_SOCKET, Status

log = logging.getLogger(__name__)

STATUS_EVERY_S = 5.0

START_ALLOWANCE_S = 60.0
"""While a camera is waited for systemd is asked again and again for this much more time to start, s."""


class Service:
    """The run, as a service. Does nothing but answer where nothing of systemd is in the environment.

    A sign of life is given while frames are processed. A camera that is lost and tried again counts as alive: that ends
    by itself, in `ReopeningSource`. Whatever hangs (a driver, a step, the main thread) does not.

    summary_interval_s: how often a summary goes to the log, s; 0 is never.
    """

    def __init__(
        self,
        health: Health,
        *,
        summary_interval_s: float,
        environment: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._health = health
        self._notifier = Notifier(environment)
        self._summary_interval_s = summary_interval_s
        self._clock = clock
        self._ready = False
        self._told_s = float("-inf")
        self._turn = health.turn
        self._summed_up_s = clock()
        self._answerer = _open_socket(environment, health)
        logging.getLogger("edge").addHandler(health.last_error)

    def check(self) -> None:
        """Look how the run is, and pass on what is due; the main thread calls it now and then."""
        moved, state, now_s = self._health.update(), self._health.state, self._clock()
        if moved and not self._ready:
            self._ready = True
            self._notifier.ready()
        if moved or state == "camera lost":
            self._notifier.ping()
        if self._notifier.is_service and (now_s - self._told_s >= STATUS_EVERY_S or self._health.turn != self._turn):
            self._told_s, self._turn = now_s, self._health.turn
            if state == "camera lost" and not self._ready:
                self._notifier.extend_start(START_ALLOWANCE_S)
            self._notifier.status(self._health.status().words)
        if self._summary_interval_s and now_s - self._summed_up_s >= self._summary_interval_s:
            self._summed_up_s = now_s
            _sum_up(self._health.status())

    def stopping(self) -> None:
        """The run is told to end."""
        self._health.stopping = True
        self._notifier.stopping()
        self._notifier.status("stopping")

    def close(self) -> None:
        """The run has ended, by itself or as it was told: give everything back."""
        if not self._health.stopping:
            self.stopping()
        if self._answerer is not None:
            self._answerer.close()
        self._notifier.close()
        logging.getLogger("edge").removeHandler(self._health.last_error)


def _open_socket(environment: Mapping[str, str], health: Health) -> Answerer | None:
    folder = environment.get("RUNTIME_DIRECTORY", "").split(":")[0]
    if not folder:
        return None
    path = Path(folder) / STATUS_SOCKET.name
    try:
        return Answerer(path, lambda: msgspec.json.encode(health.status()))
    except OSError as error:
        log.warning("%s: the status cannot be asked for: %s", path, error.strerror or error)
        return None


def _sum_up(status: Status) -> None:
    """The minute's line for the journal."""
    parts = [status.words, f"{status.reopens} re-opens, {status.dropped} frames dropped"]
    if status.latency_ms_p95 is not None:
        parts.append(f"latency {status.latency_ms_p50:.1f} ms, p95 {status.latency_ms_p95:.1f} ms")
    hours = max(status.uptime_s, 1.0) / 3600
    parts.append(f"log {status.log_bytes / 1e3 / hours:.0f} kB and {status.log_flushes / hours:.0f} writes an hour")
    if status.temperature_c is not None:
        parts.append(f"{status.temperature_c:.0f} °C")
    if status.core_v is not None:
        parts.append(f"{status.core_v:.2f} V")
    if status.throttled is not None:
        parts.append(", ".join(status.throttled) or "not throttled")
    fields = {name: value for name, value in msgspec.structs.asdict(status).items() if value not in (None, "")}
    log.info("%s", "; ".join(parts), extra={"fields": fields})
