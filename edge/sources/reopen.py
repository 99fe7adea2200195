"""A camera that may be absent or get lost: it is waited for and opened again."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from edge.errors import CameraAbsentError, CameraError
from edge.records import Frame
from edge.sources.base import Source

log = logging.getLogger(__name__)

MOST_REOPENS = 20
"""After so many times that a driver was opened anew the process ends, and its successor starts with a fresh one.

Source: picamera2's issues 887 and 958: each opening leaks a little, until there is no memory for buffers.
"""

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 30.0

STEADY_S = 60.0
"""A camera that worked for this long was not broken: the next wait begins with the shortest again."""


@dataclass(slots=True)
class CameraState:
    """How a camera is. Written by the thread that reads it; any may look.

    lost: why there is none at the moment, else empty. retry_at_s: when it is tried again, monotonic clock, s.
    reopens: how often it was given up, or could not be opened, and tried again.
    busy_until_s: until then it is no wonder that no frame comes, monotonic clock, s.
    """

    lost: str = ""
    retry_at_s: float = 0.0
    reopens: int = 0
    busy_until_s: float = 0.0


class ReopeningSource:
    """Gives the frames of the camera that `open_camera` opens, and those of the next one when that fails.

    Frames are counted on over all of them. The first is opened by the first `read`, so that a camera may come late.

    Args:
        open_camera: opens it anew; raises CameraError where that cannot be done.
        name: of the camera, until it is opened and has its own.
        patience_s: how long opening it or waiting for a frame may take, s; what takes longer hangs, and is not ended
            here: nobody can end a call of a driver.
        first_wait_s: between losing it and trying again, s; it doubles with each try in vain.
    """

    def __init__(
        self,
        open_camera: Callable[[], Source],
        *,
        name: str,
        patience_s: float,
        first_wait_s: float = FIRST_WAIT_S,
    ) -> None:
        self.name = name
        self.live = True
        self.stills = False
        self.skipped = 0
        self.state = CameraState()
        self._open_camera = open_camera
        self._patience_s = patience_s
        self._first_wait_s = self._wait_s = first_wait_s
        self._closed = threading.Event()
        self._lock = threading.Lock()  # protects the next one
        self._camera: Source | None = None
        self._opened_at = 0.0
        self._next_index = 0
        self._first_index = 0

    def read(self) -> Frame | None:
        """Wait for the next frame, through as many losses as it takes; None after `close`.

        Raises:
            CameraError: the camera was opened again too often for one process.
        """
        while not self._closed.is_set():
            self.state.busy_until_s = time.monotonic() + self._patience_s
            try:
                camera = self._camera or self._open()
                frame = camera.read() if camera else None
            except CameraError as error:
                self._lose(error)
                continue
            return None if frame is None else self._count(frame)
        return None

    def _open(self) -> Source | None:
        camera = self._open_camera()
        with self._lock:
            if self._closed.is_set():
                camera.close()
                return None
            self._camera = camera
        self.name = camera.name
        self._opened_at = time.monotonic()
        self._first_index = self._next_index
        return camera

    def _count(self, frame: Frame) -> Frame:
        if self.state.lost:
            log.info("%s: the camera is back", self.name)
            self.state.lost = ""
        index = self._first_index + frame.index
        self._next_index = index + 1
        return frame if index == frame.index else replace(frame, index=index)

    def _lose(self, error: CameraError) -> None:
        """Close what is left of it, and wait before the next try."""
        with self._lock:
            camera, self._camera = self._camera, None
        if camera is not None:
            camera.close()
            if time.monotonic() - self._opened_at >= STEADY_S:
                self._wait_s = self._first_wait_s
        if self._closed.is_set():
            return
        state, reason = self.state, str(error)
        if not isinstance(error, CameraAbsentError):
            if state.reopens >= MOST_REOPENS:
                raise CameraError(f"{reason} (tried {state.reopens} times: a new process may do better)") from error
            state.reopens += 1
        if reason != state.lost:  # the same again every half a minute would fill the log
            log.warning("%s; trying again", reason)
        state.retry_at_s = time.monotonic() + self._wait_s
        state.busy_until_s = state.retry_at_s + self._patience_s
        state.lost = reason
        self._closed.wait(self._wait_s)
        self._wait_s = min(2 * self._wait_s, LONGEST_WAIT_S)

    def close(self) -> None:
        """Give the camera back; a `read` that waits returns None. May be called twice, and from another thread."""
        self._closed.set()
        with self._lock:
            camera = self._camera
        if camera is not None:
            camera.close()
