"""Counts readings by emotion over the last seconds."""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable


class Tally:
    """Any thread may use it.

    window_s: how far back it reaches, in whole seconds.
    """

    def __init__(self, window_s: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._window_s = window_s
        self._clock = clock
        self._seconds: deque[tuple[int, Counter[str]]] = deque()
        self._lock = threading.Lock()  # protects the seconds

    def add(self, emotions: Iterable[str]) -> None:
        """Count readings made now."""
        with self._lock:
            now_s = int(self._clock())
            if not self._seconds or self._seconds[-1][0] != now_s:
                self._seconds.append((now_s, Counter()))
            self._seconds[-1][1].update(emotions)
            self._trim()

    def counts(self) -> Counter[str]:
        """Readings by emotion."""
        with self._lock:
            self._trim()
            return sum((counter for _, counter in self._seconds), Counter[str]())

    def _trim(self) -> None:
        while self._seconds and self._seconds[0][0] <= self._clock() - self._window_s - 1:
            self._seconds.popleft()
