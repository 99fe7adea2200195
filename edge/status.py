"""What the running service tells of itself: one JSON object, on a socket in its runtime directory."""

import math
import socket
from pathlib import Path
from typing import Literal

import msgspec

from edge.errors import ServiceError

STATUS_SOCKET = Path("/run/edge-emotion/status.sock")

_TIMEOUT_S = 5.0

State = Literal["starting", "running", "camera lost", "stalled", "stopping"]


class SinkStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How a sink beside the log is.

    error: why it does not serve, else empty. note: what is good to know of it, such as its address.
    dropped: what it was not given: while it was not open, or since it was too slow. faults: how often it failed.
    waiting: what it has still to take, of `capacity` at most.
    stored: what it keeps until it can pass it on. lost: what had no place there.
    """

    name: str
    error: str = ""
    note: str = ""
    dropped: int = 0
    faults: int = 0
    waiting: int = 0
    capacity: int = 0
    stored: int = 0
    lost: int = 0


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How the service is at this moment. Fields that a newer version adds are passed over by an older one.

    state: `starting` before the first frame was processed; `camera lost` while it is tried again; `stalled` when no
        frame was processed for some seconds.
    since: when the process began, RFC 3339 in UTC. uptime_s: s since then.
    source: the camera's name. camera_error: why it is lost, else empty. retry_in_s: s until the next try.
    frames: processed so far. fps: processed in the last seconds, frames a second. camera_fps: likewise, read.
    latency_ms_p50, latency_ms_p95: from a frame in memory to its readings; None before the first.
    faces: in the newest frame.
    dropped: frames that gave way to newer ones. undelivered: frames whose readings a sink was too slow for.
    reopens: how often the camera was given up, or could not be opened, and tried again.
    stalls: how often no frame was processed for `source.stall_timeout_s`, whatever the reason.
    log_dropped: lines that could not be written. log_error: why the log cannot be written now, else empty.
    log_bytes, log_flushes: what was written to it so far, and how often something was: both wear a card.
    clock_error: why the log's times cannot be believed, else empty.
    temperature_c: of the hottest sensor. throttled: the firmware's flags in words. core_v: the processor's voltage.
        None where the machine does not tell.
    sinks: those beside the log.
    last_error: the newest warning or error. last_error_at: RFC 3339 in UTC, else empty.
    """

    version: str
    pid: int
    state: State
    since: str
    uptime_s: float
    source: str
    camera_error: str = ""
    retry_in_s: float | None = None
    frames: int
    fps: float
    camera_fps: float = 0.0
    latency_ms_p50: float | None
    latency_ms_p95: float | None
    faces: int
    dropped: int
    undelivered: int
    reopens: int
    stalls: int = 0
    log: str
    log_dropped: int
    log_error: str = ""
    log_bytes: int = 0
    log_flushes: int = 0
    clock_error: str = ""
    temperature_c: float | None
    throttled: list[str] | None
    core_v: float | None
    sinks: list[SinkStatus] = []
    last_error: str = ""
    last_error_at: str = ""

    @property
    def is_well(self) -> bool:
        """Whether frames are processed."""
        return self.state == "running"

    @property
    def words(self) -> str:
        """One line, as for `systemctl status`."""
        if self.state == "camera lost":
            retry = "" if self.retry_in_s is None else f", trying again in {math.ceil(self.retry_in_s)} s"
            return f"camera lost{retry} ({self.reopens} re-opens): {self.camera_error}"
        if self.state != "running":
            return self.state
        faces = "1 face" if self.faces == 1 else f"{self.faces} faces"
        rate = f"{self.fps:.1f} frames/s, {faces}" if self.fps else "running"
        faults = [f"the log cannot be written: {self.log_error}"] if self.log_error else []
        faults += [self.clock_error] if self.clock_error else []
        faults += [f"{sink.name}: {sink.error}" for sink in self.sinks if sink.error]
        return ", ".join([rate, *faults])


def ask_status(path: Path = STATUS_SOCKET) -> Status:
    """Ask the service that runs.

    Raises:
        ServiceError: nobody answers at `path`, or not with a status.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(_TIMEOUT_S)
            line.connect(str(path))
            answer = b"".join(iter(lambda: line.recv(1 << 16), b""))
    except OSError as error:
        reason = error.strerror or str(error)
        raise ServiceError(
            f"expected a running service at {path}, found: {reason}: systemctl status edge-emotion"
        ) from error
    try:
        return msgspec.json.decode(answer, type=Status)
    except msgspec.DecodeError as error:
        raise ServiceError(f"{path}: expected a status, found: {error}: is it this version's service?") from error
