"""Reports a run's health to systemd and the journal, and serves it at the status socket."""

import logging
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from edge.service.health import Health
from edge.service.sd_notify import Notifier
from edge.service.status_server import StatusServer
from edge.status import STATUS_SOCKET, Status, user_sockets

log = logging.getLogger(__name__)

STATUS_EVERY_S = 5.0

START_EXTENSION_S = 60.0
"""While the service waits for its camera, it repeatedly asks systemd for this much more time to start, s."""


class HealthReporter:
    """Reports a run's health to systemd, the journal and the status socket, as far as the environment names them.

    A run that was started by hand has a status socket in the user's runtime directory.

    The watchdog is pinged while frames are processed. A lost camera that is retried counts as alive, because
    `ReopeningSource` ends that state by itself. If a driver, a step or the main thread hangs, the pings stop.

    Args:
        health: the run's.
        summary_interval_s: how often a summary is logged, s; 0 for never.
        environment: the process's environment variables, as systemd sets them.
        is_reload: whether the run replaces another one of this process, so that the service is ready already.
        clock: returns s on the monotonic clock.
    """

    def __init__(
        self,
        health: Health,
        *,
        summary_interval_s: float,
        is_reload: bool = False,
        environment: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._health = health
        self._notifier = Notifier(environment)
        self._summary_interval_s = summary_interval_s
        self._clock = clock
        self._ready = is_reload
        self._is_reloading = False
        self._reported_s = float("-inf")
        self._reported_key = health.change_key
        self._summarized_s = clock()
        self._status_server = _open_status_server(environment, health)
        logging.getLogger("edge").addHandler(health.last_error)
        if is_reload:
            self._notifier.ready()

    def check(self) -> None:
        """Update the health and send every report that is due; the main thread calls this regularly."""
        moved, state, now_s = self._health.update(), self._health.state, self._clock()
        if moved and not self._ready:
            self._ready = True
            self._notifier.ready()
        if moved or state == "camera lost":
            self._notifier.ping()
        is_due = now_s - self._reported_s >= STATUS_EVERY_S or self._health.change_key != self._reported_key
        if self._notifier.is_service and is_due:
            self._reported_s, self._reported_key = now_s, self._health.change_key
            if state == "camera lost" and not self._ready:
                self._notifier.extend_start(START_EXTENSION_S)
            self._notifier.status(self._health.status().summary)
        if self._summary_interval_s and now_s - self._summarized_s >= self._summary_interval_s:
            self._summarized_s = now_s
            _log_summary(self._health.status())

    def reload_begins(self) -> None:
        """Report that the settings are being reloaded; the end of this run is then no end of the service."""
        self._is_reloading = True
        self._notifier.reloading()

    def reload_refused(self) -> None:
        """Report that the new settings cannot be used, and that this run goes on."""
        self._is_reloading = False
        self._notifier.ready()

    def stopping(self) -> None:
        """Report that the run has been stopped and is ending."""
        self._health.stopping = True
        if not self._is_reloading:
            self._notifier.stopping()
            self._notifier.status("stopping")

    def close(self) -> None:
        """Report that the run has ended, and close the sockets."""
        if not self._health.stopping:
            self.stopping()
        if self._status_server is not None:
            self._status_server.close()
        self._notifier.close()
        logging.getLogger("edge").removeHandler(self._health.last_error)


def _open_status_server(environment: Mapping[str, str], health: Health) -> StatusServer | None:
    folder = environment.get("RUNTIME_DIRECTORY", "").split(":")[0]
    path = Path(folder) / STATUS_SOCKET.name if folder else user_sockets(environment) / f"{os.getpid()}.sock"
    try:
        if not folder:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return StatusServer(path, lambda: msgspec.json.encode(health.status()))
    except OSError as error:
        level = logging.WARNING if folder else logging.DEBUG  # a run by hand has its own console
        log.log(level, "%s: the status socket cannot be opened: %s", path, error.strerror or error)
        return None


def _log_summary(status: Status) -> None:
    """Log the regular summary for the journal, with the status as fields."""
    parts = [status.summary, f"{status.reopens} re-opens, {status.dropped} frames dropped"]
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
