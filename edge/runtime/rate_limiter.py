"""Limits the frame rate of a live source."""

import threading
import time


class RateLimiter:
    """Keeps a shortest time between frames, which may change at any time. One thread waits; others set and close.

    Attributes:
        interval_s: the shortest time, s; 0 for none.
    """

    def __init__(self) -> None:
        self.interval_s = 0.0
        self._closed = False
        self._changed = threading.Condition()  # protects both

    def set(self, interval_s: float) -> None:
        """Set the shortest time between frames, s; a wait in progress is adjusted, too."""
        if interval_s == self.interval_s:
            return  # the usual case with every frame: no lock needed
        with self._changed:
            self.interval_s = interval_s
            self._changed.notify_all()

    def wait(self, since_s: float) -> None:
        """Wait until the interval since `since_s` (monotonic clock, s) has passed, or until `close`."""
        if not self.interval_s:
            return
        with self._changed:
            while not self._closed:
                left_s = since_s + self.interval_s - time.monotonic()
                if left_s <= 0:
                    return
                self._changed.wait(left_s)

    def close(self) -> None:
        """End every wait, now and in the future."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
