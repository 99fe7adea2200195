"""Keeps the display up to date with the observations and the status of the run."""

import logging
import threading
import time
from collections.abc import Callable

from edge.errors import EdgeError
from edge.records import Observation
from edge.settings.sinks import DisplaySettings
from edge.sinks.base import Sink
from edge.sinks.display.layout import draw_screen
from edge.sinks.display.panel import Panel, open_panel
from edge.sinks.display.screens import FacesScreen, Screen, choose_screen
from edge.status import Status

log = logging.getLogger(__name__)

_OBSERVATION_TTL_S = 2.0
"""How long an observation is shown if no newer one arrives, s."""

_COUNTS_TTL_S = 90.0
"""How long a minute's counts are shown if no newer ones arrive, s."""

_STATUS_INTERVAL_S = 1.0
"""Time between two reads of the status, s; each of them reads sensors."""

_RESEND_S = 5.0
"""Time after which an unchanged screen is sent again, s: it detects an unplugged display, and fills one that was
plugged in again."""

_HUNG_S = 5.0
"""Time after which a call of the display that has not returned is reported, s."""

_CLOSE_TIMEOUT_S = 0.4
"""Longest wait for a bus that hangs when the sink is closed, s."""


class Display(Sink[Observation]):
    """A small display.

    A thread of its own draws it, so that it stays up to date while no frame arrives.

    Attributes:
        note: controller and size of the display, for the status.
    """

    note = ""
    patience_s = 0.2  # not noticeable
    poll_s = 1.0

    def __init__(
        self,
        settings: DisplaySettings,
        *,
        status: Callable[[], Status],
        open_display: Callable[[DisplaySettings], Panel] = open_panel,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Set up a display; `open` opens it.

        Args:
            settings: the `[display]` section.
            status: returns the status of the run.
            open_display: opens the display.
            clock: returns a monotonic time, s.
        """
        self._settings = settings
        self._status = status
        self._open_display = open_display
        self._clock = clock
        self._fault: Exception | None = None
        self._newest: tuple[Observation, float] | None = None
        self._called_s: float | None = None  # when the call of the display began that has not returned
        self._is_hung = False
        self._closing = threading.Event()

    def open(self) -> None:
        """Open the display and start its thread.

        Raises:
            SinkError: the display cannot be opened.
        """
        self._panel = self._open_display(self._settings)
        self.note = f"{self._settings.device}, {self._panel.width}x{self._panel.height}"
        self._face_s = self._clock()
        self._thread = threading.Thread(target=self._run, name="display", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # the system has no room for another thread
            self._panel.close()
            raise

    def write(self, observation: Observation) -> None:
        """Set the newest observation; the display's thread shows it.

        Raises:
            EdgeError: the display has failed.
        """
        self.poll()
        self._newest = observation, self._clock()

    def poll(self) -> None:
        """Raise the error that ended the display's own thread, if any; log that the display hangs, once.

        Raises:
            EdgeError: the display has failed.
        """
        if self._fault is not None:
            raise self._fault
        was_hung, self._is_hung = self._is_hung, bool(error := self.error)
        if self._is_hung and not was_hung:
            log.warning("display: %s; the run goes on", error)

    @property
    def error(self) -> str:
        """Since when the display does not respond; empty if it does. A bus that hangs raises nothing."""
        called_s = self._called_s
        hung_s = 0.0 if called_s is None else self._clock() - called_s
        if hung_s < _HUNG_S:
            return ""
        return f"no response from {self._settings.device} for {hung_s:.0f} s: check its wiring"

    def close(self) -> None:
        """Clear the display, unless its bus hangs.

        Raises:
            SinkError: the display cannot be cleared, and had not failed before.
        """
        self._closing.set()
        self._thread.join(_CLOSE_TIMEOUT_S)
        if self._thread.is_alive():
            return  # the bus hangs, and clearing the display would hang as well
        try:
            self._panel.close()
        except EdgeError:
            if self._fault is None:
                raise

    def _run(self) -> None:
        try:
            self._refresh_until_closed()
        except Exception as error:  # noqa: BLE001  # any error: `poll` raises it, and the supervisor reopens the display
            self._fault = error

    def _refresh_until_closed(self) -> None:
        shown: tuple[Screen, bool] | None = None
        shown_s = status_s = float("-inf")
        is_dimmed = False
        panel = self._panel
        while not self._closing.wait(1 / self._settings.refresh_hz):
            now_s = self._clock()
            if now_s - status_s >= _STATUS_INTERVAL_S:
                status, status_s = self._status(), now_s
            screen = choose_screen(self._current_observation(now_s), status)
            dimmed = self._should_dim(screen, now_s)
            if (screen, dimmed) == shown and now_s - shown_s < _RESEND_S:
                continue
            picture = draw_screen(screen, width=panel.width, height=panel.height, colored=panel.colored)
            self._called_s = self._clock()
            if dimmed != is_dimmed:
                panel.dim(dimmed=dimmed)
                is_dimmed = dimmed
            panel.show(picture)
            self._called_s = None
            shown, shown_s = (screen, dimmed), now_s

    def _current_observation(self, now_s: float) -> Observation | None:
        """Return the newest observation, unless it is out of date."""
        if self._newest is None:
            return None
        observation, at_s = self._newest
        ttl_s = _OBSERVATION_TTL_S if observation.counts is None else _COUNTS_TTL_S
        return observation if now_s - at_s < ttl_s else None

    def _should_dim(self, screen: Screen, now_s: float) -> bool:
        """Return whether there has been no face for the time after which the display is dimmed."""
        if isinstance(screen, FacesScreen):
            self._face_s = now_s
        return 0 < self._settings.dim_after_s <= now_s - self._face_s
