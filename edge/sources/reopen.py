"""Waits for a camera that is absent, reopens one that fails, and abandons a driver call that hangs."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from edge.backoff import Backoff
from edge.device.run_clock import RunClock
from edge.errors import CameraAbsentError, CameraError, ConfigError
from edge.records import Frame
from edge.sources.base import PictureCheck, Source, camera_error

log = logging.getLogger(__name__)

MAX_REOPENS = 20
"""Number of reopens after which the process ends, so that the service manager starts a fresh one.

Source: picamera2's issues 887 and 958: each opening leaks a little, until there is no memory for buffers.
"""

LOOK_EVERY_S = 2.0
"""Time between two looks for a camera that is absent, s. A look opens no camera, so it costs next to nothing."""

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 4.0
"""Limits of the back-off between two attempts to open a camera that is there but fails, s."""

STEADY_S = 60.0
"""Time of uninterrupted work after which the back-off starts again from the shortest wait, s."""

GRACE_S = 0.5
"""A driver reports by itself that a camera is silent; this long after it should have done so, its call hangs, s."""

CLOSE_TIMEOUT_S = 5.0
"""Time that closing a failed camera may take, s: a USB camera's last transfers take up to five seconds to time out."""

MAX_HUNG = 1
"""Number of threads that may hang in a driver at a time: if the next one hangs too, only a new process can help."""


class Replaced(Exception):  # noqa: N818  # an end, not an error: it is how a thread learns that it was abandoned
    """The calling thread hung in the driver, and another one reads the camera by now: this one must end."""


@dataclass(slots=True)
class CameraState:
    """State of a reopening camera. The reading thread and the checking one write it; any thread may read it.

    Attributes:
        error: Why there is no camera at the moment; empty if there is one.
        retry_at_s: Time of the next attempt on the run clock, s.
        reopens: Number of times that the camera failed, hung, or could not be opened, and was tried again; absences do
            not count.
    """

    error: str = ""
    retry_at_s: float = 0.0
    reopens: int = 0


@dataclass(frozen=True, slots=True)
class _DriverCall:
    """A call of the driver that has not returned.

    Attributes:
        activity: What the camera has not done, for messages.
        since_s: When it began, on the run clock, s.
        limit_s: How long it may take, s.
    """

    activity: str
    since_s: float
    limit_s: float


class ReopeningSource(Source):
    """Gives the frames of a camera, and opens it again whenever it fails.

    The frame index counts on across reopens, and `Frame.opening` counts the reopens. The first `read` opens the camera,
    so it may be absent at the start.

    A driver's call may never return, and cannot be interrupted. Therefore another thread calls `is_hung` regularly: if
    it is, the reading thread has been abandoned together with its camera, and the caller must let a new thread read,
    which opens the camera again. Should the old thread ever return, its `read` raises `Replaced`.

    Args:
        open_camera: Opens the camera; may raise anything, but only CameraAbsentError means that there is none.
        name: Name of the source until the camera is open and has its own.
        stall_timeout_s: Longest time without a frame, s.
        open_timeout_s: Longest time that opening the camera may take, up to its first frame, s.
        first_wait_s: Wait between a failure and the next attempt, s; doubles with each failed attempt.
        longest_wait_s: Longest such wait, s; None for `LONGEST_WAIT_S`.
        look_every_s: Wait between two looks for a camera that is absent, s.
        max_reopens: Number of reopens after which the process ends; None if they leave nothing behind in it.
        abort: Called by `close`; ends an opening that is under way.
        clock: The run's clock; None for a new one.

    Attributes:
        state: State of the camera.
        clock: Measures how long a call takes, without the pauses of the process.
    """

    live = is_camera = True

    def __init__(
        self,
        open_camera: Callable[[], Source],
        *,
        name: str,
        stall_timeout_s: float,
        open_timeout_s: float | None = None,
        first_wait_s: float = FIRST_WAIT_S,
        longest_wait_s: float | None = None,
        look_every_s: float = LOOK_EVERY_S,
        max_reopens: int | None = MAX_REOPENS,
        abort: Callable[[], None] | None = None,
        clock: RunClock | None = None,
    ) -> None:
        self.name = name
        self.state = CameraState()
        self._open_camera = open_camera
        self._stall_timeout_s = stall_timeout_s
        self._open_timeout_s = max(open_timeout_s or stall_timeout_s, stall_timeout_s)
        self._backoff = Backoff(first_wait_s, longest_wait_s or LONGEST_WAIT_S)
        self._max_reopens = max_reopens
        self._abort = abort
        self._look_every_s = look_every_s
        self.clock = clock or RunClock()
        self._closed = threading.Event()
        self._lock = threading.Lock()  # protects `_camera`, `_call`, `_reader` and `_hung`
        self._camera: Source | None = None
        self._call: _DriverCall | None = None
        self._reader = 0  # number of the thread that reads
        self._hung = 0
        self._opening = -1
        self._check = PictureCheck(name, patience_s=stall_timeout_s, clock=self.clock)
        self._opened_at = 0.0
        self._next_index = 0
        self._first_index = 0

    def read(self) -> Frame | None:
        """Wait for the next frame, reopening the camera as often as necessary; None after `close`.

        Raises:
            CameraError: A new process may do better: the camera has failed again after `max_reopens` reopens, or fails
                while an abandoned call still holds it.
            Replaced: This thread hung and was abandoned.
        """
        while not self._closed.is_set():
            try:
                camera = self._camera or self._open()
                frame = None if camera is None else self._read_from(camera)
                if frame is None:
                    return None
                if self._check.is_usable(frame):
                    return self._count(frame)
            except (Replaced, ConfigError):
                raise
            except Exception as error:  # noqa: BLE001  # a driver may raise anything
                self._back_off(camera_error(self.name, error))
        return None

    def is_hung(self) -> bool:
        """Return True once if the reading thread hangs in the driver: the caller must then let a new thread read.

        Also reports in `state` that opening the camera takes long. Call this about twice a second.

        Raises:
            CameraError: More than `MAX_HUNG` threads hang: only a new process can help.
        """
        state = self.state
        with self._lock:
            call, now_s = self._call, self.clock.now_s()
            if call is None or now_s - call.since_s <= self._stall_timeout_s:
                return False
            error = f"{self.name}: the camera {call.activity} for {now_s - call.since_s:.0f} s: the driver may hang"
            is_hung = now_s - call.since_s > call.limit_s
            if is_hung:
                self._reader += 1
                self._camera = self._call = None
                self._hung += 1
                state.reopens += 1
                state.retry_at_s = now_s
            is_known, state.error = bool(state.error), error
        if is_hung and self._hung > MAX_HUNG:
            raise CameraError(f"{error}, as it did before: a new process may do better")
        if is_hung:
            log.warning("%s; opening the camera on a new thread", error)
        elif not is_known:
            log.warning("%s", error)
        return is_hung

    def _open(self) -> Source | None:
        # If a call hangs, this process has opened the camera before: an opening that takes long now will never end.
        limit_s = self._stall_timeout_s if self._hung else self._open_timeout_s
        reader = self._begin("has not been opened", limit_s + GRACE_S)
        camera: Source | None = None
        try:
            camera = self._open_camera()
        finally:
            self._end(reader, camera)
        with self._lock:
            if not self._closed.is_set():
                self._camera = camera
        if self._camera is None:  # `close` came first
            camera.close()
            return None
        self.name = camera.name
        self._opened_at = self.clock.now_s()
        self._first_index = self._next_index
        self._opening += 1
        return camera

    def _read_from(self, camera: Source) -> Frame | None:
        reader = self._begin("has given no frame", self._stall_timeout_s + GRACE_S)
        try:
            return camera.read()
        finally:
            self._end(reader, camera)

    def _close_failed(self, camera: Source) -> None:
        reader = self._begin("has not been closed", CLOSE_TIMEOUT_S)
        try:
            camera.close()
        except Exception as error:  # noqa: BLE001  # a driver may raise anything
            log.warning("%s: the camera did not close cleanly: %s", self.name, error)
        finally:
            self._end(reader, None)

    def _begin(self, activity: str, limit_s: float) -> int:
        """Note that the driver is called, for `is_hung`; return the number of the reading thread, for `_end`."""
        with self._lock:
            self._call = _DriverCall(activity, self.clock.now_s(), limit_s)
            return self._reader

    def _end(self, reader: int, camera: Source | None) -> None:
        """Note that the driver has returned; if the thread was abandoned meanwhile, release its camera and end it.

        Raises:
            Replaced: The thread was abandoned.
        """
        with self._lock:
            if reader == self._reader:
                self._call = None
                return
        try:
            if camera is not None:
                camera.close()
        except Exception as error:  # noqa: BLE001  # nobody waits for this camera any more
            log.debug("%s: the abandoned camera did not close cleanly: %s", self.name, error)
        with self._lock:
            self._hung -= 1
        raise Replaced

    def _count(self, frame: Frame) -> Frame:
        if self.state.error:
            log.info("%s: the camera is back", self.name)
            self.state.error = ""
        index = self._first_index + frame.index
        self._next_index = index + 1
        if index == frame.index and not self._opening:
            return frame
        return replace(frame, index=index, opening=self._opening)

    def _back_off(self, error: CameraError) -> None:
        """Close the failed camera, if it is open, and wait before the next attempt."""
        with self._lock:
            camera, self._camera = self._camera, None
        if camera is not None:
            self._close_failed(camera)
            if self.clock.now_s() - self._opened_at >= STEADY_S:
                self._backoff.reset()
        if self._closed.is_set():
            return
        state, reason = self.state, str(error)
        is_absent = isinstance(error, CameraAbsentError)
        if not is_absent:
            if self._hung:
                raise CameraError(f"{reason} (a call of the driver hangs: a new process may do better)") from error
            if self._max_reopens is not None and state.reopens >= self._max_reopens:
                raise CameraError(f"{reason} (tried {state.reopens} times: a new process may do better)") from error
            state.reopens += 1
        if reason != state.error:  # repeating it with every attempt would fill the log
            log.warning("%s; trying again", reason)
        wait_s = self._look_every_s if is_absent else self._backoff.next_s()
        state.retry_at_s = self.clock.now_s() + wait_s
        state.error = reason
        self._closed.wait(wait_s)

    def close(self) -> None:
        """Release the camera; a waiting `read` returns None."""
        self._closed.set()
        with self._lock:
            camera = self._camera
        if self._abort is not None:
            self._abort()
        if camera is not None:
            camera.close()
