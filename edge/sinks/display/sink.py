"""Keeps a display up to date."""

import threading
import time
from collections.abc import Callable

from edge.errors import EdgeError
from edge.records import Observation
from edge.sink_settings import DisplaySettings
from edge.sinks.display.choose import choose_screen
from edge.sinks.display.panel import Panel, open_panel
from edge.sinks.display.screens import Faces, Screen, draw_screen
from edge.status import Status

_HOLDS_S = 2.0
"""So long what was said of a frame is shown where nothing newer comes, s."""

_COUNTS_HOLD_S = 90.0
"""Likewise a minute's counts."""

_STATUS_S = 1.0
"""The status is asked this often, s: it reads sensors."""

_REDRAW_S = 5.0
"""What has not changed is sent again this often, s: so an unplugged display is noticed, and one plugged in again is
filled."""

_END_S = 0.4
"""A bus that hangs is not waited for any longer at the end, s."""


class Display:
    """A display with a thread of its own, so that it lives while no frame comes."""

    error = ""
    patience_s = 0.2  # soon enough for the eye

    def __init__(
        self,
        settings: DisplaySettings,
        *,
        status: Callable[[], Status],
        open_display: Callable[[DisplaySettings], Panel] = open_panel,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open the display. status: how the run is.

        Raises:
            SinkError: it cannot be opened.
        """
        self.fault: Exception | None = None
        self._settings = settings
        self._status = status
        self._clock = clock
        self._panel = open_display(settings)
        self.note = f"{settings.device}, {self._panel.width}x{self._panel.height}"
        self._newest: tuple[Observation, float] | None = None
        self._face_s = clock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._live, name="display", daemon=True)
        self._thread.start()

    def write(self, observation: Observation) -> None:
        """Take the newest observation; it is shown by the display's own thread.

        Raises:
            EdgeError: the display has failed.
        """
        if self.fault is not None:
            raise self.fault
        self._newest = observation, self._clock()

    def close(self) -> None:
        """Clear the display, unless it does not answer."""
        self._closing.set()
        self._thread.join(_END_S)
        if self._thread.is_alive():
            return  # the bus hangs: clearing would, too
        try:
            self._panel.close()
        except EdgeError:
            if self.fault is None:
                raise

    def _live(self) -> None:
        try:
            self._keep()
        except Exception as error:  # noqa: BLE001  # whatever it is: the guard is told, and opens a new one
            self.fault = error

    def _keep(self) -> None:
        shown: tuple[Screen, bool] | None = None
        drawn_s = asked_s = float("-inf")
        is_dim = False
        while not self._closing.wait(1 / self._settings.refresh_hz):
            now_s = self._clock()
            if now_s - asked_s >= _STATUS_S:
                status, asked_s = self._status(), now_s
            screen = choose_screen(self._observation(now_s), status)
            dimmed = self._is_late(screen, now_s)
            if (screen, dimmed) == shown and now_s - drawn_s < _REDRAW_S:
                continue
            if dimmed != is_dim:
                self._panel.dim(dimmed=dimmed)
                is_dim = dimmed
            panel = self._panel
            panel.show(draw_screen(screen, width=panel.width, height=panel.height, colored=panel.colored))
            shown, drawn_s = (screen, dimmed), now_s

    def _observation(self, now_s: float) -> Observation | None:
        """Return the newest one that still holds."""
        if self._newest is None:
            return None
        observation, at_s = self._newest
        return observation if now_s - at_s < (_HOLDS_S if observation.counts is None else _COUNTS_HOLD_S) else None

    def _is_late(self, screen: Screen, now_s: float) -> bool:
        """Whether nobody has been there for so long that the display may be dimmed."""
        if isinstance(screen, Faces):
            self._face_s = now_s
        return 0 < self._settings.dim_after_s <= now_s - self._face_s
