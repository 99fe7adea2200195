"""The status of the running service, or of a run started by hand: a JSON object that it serves at a socket."""

import math
import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal

import msgspec

from edge.device.state import state_folder
from edge.errors import ServiceError
from edge.records import PictureFault

STATUS_SOCKET = Path("/run/edge-emotion/status.sock")

LOGINS = Path("/run/user")
"""Where systemd makes a runtime directory for each user who has logged in. Source: pam_systemd(8)."""

_TIMEOUT_S = 5.0

State = Literal["starting", "running", "camera lost", "stalled", "bad picture", "stopping"]

CAMERA_PROBLEMS: frozenset[State] = frozenset({"camera lost", "stalled", "bad picture"})
"""States in which the camera delivers no frames although it should, or only such as show nothing."""


class SinkStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The status of an optional sink.

    Attributes:
        name: the sink's name.
        error: why it does not work; empty if it does.
        note: where it can be reached, or a similar short text.
        dropped: items it did not get, because it was not open or too slow.
        faults: how often it has failed.
        waiting: items in its queue.
        capacity: items that its queue holds at most.
        stored: items that it keeps until they can be sent.
        lost: items that were lost because its store was full.
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
    """The service's status at one moment. An older version ignores the fields that a newer one has added.

    With `privacy.counts_only`, `frames`, `fps`, `camera_fps`, `dropped`, `temperature_c` and `core_v` are those at the
    end of the last minute, like `faces`, and there is no latency.

    Attributes:
        version: of the program.
        pid: of the process.
        state: `starting` until the first frame was processed; `camera lost` while the camera is retried; `stalled`
            when no frame was processed for some seconds more than `source.stall_timeout_s`; `bad picture` while the
            camera's picture shows nothing.
        since: when the process started, or its last reload, RFC 3339 in UTC.
        uptime_s: s since then.
        source: the camera's name.
        rotation: degrees, clockwise, by which the frames are turned.
        rotation_found: whether the program found that out from the faces.
        camera_error: why the camera is lost, or what is wrong with its picture; empty if all is well.
        picture_fault: `frozen`, `dark`, `covered` or `out of focus`; None if the picture shows something.
        retry_in_s: time until the next retry, s.
        frames: frames processed so far.
        fps: frames processed a second, in the last seconds; None until it is known.
        camera_fps: frames read from the camera a second, in the last seconds; None until it is known.
        latency_ms_p50, latency_ms_p95: from a frame in memory to its readings, ms; None unless frames are processed.
        faces: in the newest frame; None if there is no such frame, as while the camera is lost.
        dropped: frames that gave way to newer ones.
        undelivered: frames whose readings a sink was too slow for.
        reopens: how often the camera failed, or could not be opened, and was retried.
        stalls: how often no frame was processed for so long, whatever the reason.
        pauses: how often the process itself was paused for some seconds.
        blocked: the sinks whose newest call does not return.
        log: the log's path.
        log_dropped: lines that could not be written.
        log_error: why the log cannot be written now; empty if it can.
        log_bytes, log_flushes: bytes written and number of writes so far: both wear an SD card.
        clock_error: why the log's times are wrong; empty if they are right.
        temperature_c: of the hottest sensor; None if there is none.
        throttled: the firmware's throttle flags in words; None if it reports none.
        core_v: the processor's core voltage, V; None if it is unknown.
        sinks: the optional sinks.
        last_error: the newest warning or error; empty if there was none.
        last_error_at: its time, RFC 3339 in UTC; empty if there was none.
    """

    version: str
    pid: int
    state: State
    since: str
    uptime_s: float
    source: str
    rotation: int = 0
    rotation_found: bool = False
    camera_error: str = ""
    picture_fault: PictureFault | None = None
    retry_in_s: float | None = None
    frames: int
    fps: float | None
    camera_fps: float | None = None
    latency_ms_p50: float | None
    latency_ms_p95: float | None
    faces: int | None
    dropped: int
    undelivered: int
    reopens: int
    stalls: int = 0
    pauses: int = 0
    blocked: list[str] = []
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
    def is_healthy(self) -> bool:
        """Whether frames are processed that show something."""
        return self.state == "running"

    @property
    def processes_frames(self) -> bool:
        """Whether frames are processed, whatever they show."""
        return self.state in {"running", "bad picture"}

    @property
    def has_camera_problem(self) -> bool:
        """Whether the camera delivers no frames although it should; a run that starts or stops has no problem."""
        return self.state in CAMERA_PROBLEMS

    @property
    def summary(self) -> str:
        """The status in one line, as `systemctl status` shows it."""
        if self.state == "camera lost":
            retry = "" if self.retry_in_s is None else f", trying again in {math.ceil(self.retry_in_s)} s"
            return f"camera lost{retry} ({self.reopens} re-opens): {self.camera_error}"
        if self.state == "bad picture":
            return f"bad picture: {self.camera_error}"
        if self.state != "running":
            return self.state
        faces = "faces unknown" if self.faces is None else "1 face" if self.faces == 1 else f"{self.faces} faces"
        rate = f"{self.fps:.1f} frames/s, {faces}" if self.fps else "running"
        faults = [f"the log cannot be written: {self.log_error}"] if self.log_error else []
        faults += [self.clock_error] if self.clock_error else []
        faults += [f"{sink.name}: {sink.error}" for sink in self.sinks if sink.error]
        named = {"log", *(sink.name for sink in self.sinks)}
        faults += [f"{name}: blocked" for name in self.blocked if name not in named]
        return ", ".join([rate, *faults])


def describe_rotation(rotation: int, *, is_found: bool) -> str:
    """Return by how much the frames are turned, and whether the program found that out from the faces."""
    return f"turned by {rotation} degrees" + (", found automatically" if is_found else "")


def user_sockets(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of the status sockets of runs that the user has started: one for each, `PID.sock`."""
    runtime = environment.get("XDG_RUNTIME_DIR")
    return (Path(runtime) / "edge-emotion" if runtime else state_folder(environment)) / "runs"


def find_socket(
    service: Path = STATUS_SOCKET, environment: Mapping[str, str] = os.environ, *, logins: Path = LOGINS
) -> Path:
    """Return the status socket of the running service, else that of the newest run that the user has started.

    Sockets that a killed run has left behind are removed. A program that starts this one with few environment
    variables, as assistants do, may leave out the one that names the runtime directory: its usual place counts, too.

    Args:
        service: the service's socket, which is also returned if nothing responds.
        environment: the process's environment variables.
        logins: folder of the runtime directories of all users.
    """
    if _responds(service):
        return service
    usual = user_sockets({"XDG_RUNTIME_DIR": str(logins / str(os.getuid()))})
    folders = {user_sockets(environment), usual}
    for path in sorted((path for folder in folders for path in folder.glob("*.sock")), key=_age_s):
        if _responds(path):
            return path
        with suppress(OSError):
            path.unlink()
    return service


def _responds(path: Path) -> bool:
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_TIMEOUT_S)
            connection.connect(str(path))
    except OSError:
        return False
    return True


def _age_s(path: Path) -> float:
    try:
        return -path.stat().st_mtime
    except OSError:  # the run has just ended
        return 0.0


def query_status(path: Path = STATUS_SOCKET) -> Status:
    """Return the running service's status.

    Args:
        path: the service's status socket.

    Raises:
        ServiceError: no service responds at `path`, or it sends no status.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_TIMEOUT_S)
            connection.connect(str(path))
            content = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    except OSError as error:
        reason = error.strerror or str(error)
        raise ServiceError(
            f"expected a running service at {path}, found: {reason}: systemctl status edge-emotion,"
            " or start one with edge-emotion run"
        ) from error
    try:
        return msgspec.json.decode(content, type=Status)
    except msgspec.DecodeError as error:
        raise ServiceError(f"{path}: expected a status, found: {error}: is the service another version?") from error
