"""Holds a live source back to a rate that may change at any time."""

import threading
import time


class Pace:
    """The least time from one frame to the next. One thread waits; others set and close."""

    def __init__(self) -> None:
        self._interval_s = 0.0
        self._closed = False
        self._changed = threading.Condition()  # protects both

    def set(self, interval_s: float) -> None:
        """From now on wait this long between frames, s; a wait that is under way is shortened, too."""
        if interval_s == self._interval_s:
            return  # the usual case, in every frame: not worth a lock
        with self._changed:
            self._interval_s = interval_s
            self._changed.notify_all()

    def wait(self, since_s: float) -> None:
        """Wait until the interval since `since_s` (monotonic clock, s) is over, or until `close`."""
        if not self._interval_s:
            return
        with self._changed:
            while not self._closed:
                left_s = since_s + self._interval_s - time.monotonic()
                if left_s <= 0:
                    return
                self._changed.wait(left_s)

    def close(self) -> None:
        """End every wait, now and later."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
