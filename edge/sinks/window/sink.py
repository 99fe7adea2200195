"""Shows the annotated video in a window until `q` is pressed."""

import threading
from collections import deque
from collections.abc import Callable

from edge.records import FrameWithReadings
from edge.sinks.base import Sink
from edge.sinks.video.annotate import annotate
from edge.sinks.window.backends import WindowBackend, open_window

_POLL_S = 0.02
"""Time between two checks for keys and new pictures, s; keys work even while a lost camera delivers no frame."""


class Window(Sink[FrameWithReadings]):
    """A window with the newest frame; a thread of its own owns it, since GUI toolkits accept calls from one only."""

    name = "view"

    def __init__(
        self,
        title: str,
        *,
        on_end: Callable[[], None],
        hold_s: float = 0.0,
        open_window: Callable[[str], WindowBackend] = open_window,
    ) -> None:
        """Set up a window; `open` opens it.

        Args:
            title: title of the window.
            on_end: called, on the window's thread, when `q` is pressed or the window is closed.
            hold_s: minimum time for which `write` blocks to show each frame, s; for pictures that are not a video.
            open_window: opens the window.
        """
        self._title = title
        self._open_window = open_window
        self._on_end = on_end
        self._hold_s = hold_s
        self._newest: deque[FrameWithReadings] = deque(maxlen=1)
        self._closing = threading.Event()
        self._opened = threading.Event()
        self._fault: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="window", daemon=True)

    def open(self) -> None:
        """Start the thread, and wait until it has found the screen.

        Raises:
            SinkError: there is no screen, or no package that can open a window.
        """
        self._thread.start()
        self._opened.wait()
        self._raise_fault()

    def write(self, item: FrameWithReadings) -> None:
        """Show the frame, unless a newer one arrives before it is drawn.

        Raises:
            SinkError: the screen is gone.
        """
        self._raise_fault()
        self._newest.append(item)
        if self._hold_s:
            self._closing.wait(self._hold_s)

    def close(self) -> None:
        """Close the window and wait for its thread."""
        self._closing.set()
        self._thread.join()

    def _raise_fault(self) -> None:
        if self._fault is not None:
            raise self._fault

    def _run(self) -> None:
        try:
            window = self._open_window(self._title)
            self._opened.set()
            try:
                self._show_until_closed(window)
            finally:
                window.close()
        except Exception as error:  # noqa: BLE001  # any error: `open` or `write` raises it on the caller's thread
            self._fault = error
        finally:
            self._opened.set()

    def _show_until_closed(self, window: WindowBackend) -> None:
        while not self._closing.wait(_POLL_S):
            if self._newest:
                window.show(annotate(self._newest.popleft()))
            if window.is_close_requested():
                self._closing.set()
                self._on_end()
