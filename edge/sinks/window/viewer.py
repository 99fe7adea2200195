"""Shows the annotated video in a window until `q` is pressed."""

import threading
from collections import deque
from collections.abc import Callable

from edge.records import Shown
from edge.sinks.annotate import annotate
from edge.sinks.window.screen import Screen, open_screen

_LOOK_S = 0.02
"""How often keys are looked for, s: also while a lost camera gives no picture."""


class Window:
    """A window with the newest picture. It lives on a thread of its own, which alone may touch it.

    on_end: is called, from that thread, when `q` is pressed or the window is closed.
    hold_s: how long each picture stays at least, s: for pictures that are not a video.
    open_window: opens the window.
    """

    name = "view"

    def __init__(
        self,
        title: str,
        *,
        on_end: Callable[[], None],
        hold_s: float = 0.0,
        open_window: Callable[[str], Screen] = open_screen,
    ) -> None:
        """Find the screen.

        Raises:
            SinkError: there is none, or no package for it.
        """
        self._on_end = on_end
        self._hold_s = hold_s
        self._newest: deque[Shown] = deque(maxlen=1)
        self._closing = threading.Event()
        self._opened = threading.Event()
        self._fault: Exception | None = None
        self._thread = threading.Thread(target=self._live, args=(title, open_window), name="window", daemon=True)
        self._thread.start()
        self._opened.wait()
        self._raise_fault()

    def write(self, shown: Shown) -> None:
        """Show it, unless a newer one comes first.

        Raises:
            SinkError: the screen has gone.
        """
        self._raise_fault()
        self._newest.append(shown)
        if self._hold_s:
            self._closing.wait(self._hold_s)

    def close(self) -> None:
        """Take the window away."""
        self._closing.set()
        self._thread.join()

    def _raise_fault(self) -> None:
        if self._fault is not None:
            raise self._fault

    def _live(self, title: str, open_window: Callable[[str], Screen]) -> None:
        try:
            screen = open_window(title)
            self._opened.set()
            try:
                self._show(screen)
            finally:
                screen.close()
        except Exception as error:  # noqa: BLE001  # raised where it is seen: in `write`
            self._fault = error
        finally:
            self._opened.set()

    def _show(self, screen: Screen) -> None:
        while not self._closing.wait(_LOOK_S):
            if self._newest:
                screen.show(annotate(self._newest.popleft()))
            if screen.wants_end():
                self._closing.set()
                self._on_end()
