"""A monotonic clock that stands still while the process itself is paused."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

log = logging.getLogger(__name__)

LONGEST_STEP_S = 2.0
"""Time between two ticks up to which the process counts as running, s: four times the main thread's interval."""

RECENT_PAUSES = 16

NAMED_S = 5.0
"""Shortest pause that is logged, s: on a busy machine shorter ones are common."""


class RunClock:
    """Measures time without the pauses of the process, so that a pause is blamed on no camera and no sink.

    A process pauses when it is stopped (SIGSTOP, Ctrl-Z), when its virtual machine is frozen, or when the system swaps.
    Whoever judges liveness calls `tick` about twice a second. If much more time passes between two ticks, the process
    was paused. The clock runs from its first tick on.

    Args:
        monotonic: returns s on the system's monotonic clock.

    Attributes:
        paused_s: length of all pauses together, s.
        pauses: number of pauses of at least `NAMED_S`.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.paused_s = 0.0
        self.pauses = 0
        self._monotonic = monotonic
        self._ticked_s: float | None = None
        self._recent: deque[tuple[float, float]] = deque(maxlen=RECENT_PAUSES)
        self._lock = threading.Lock()  # protects all of the above

    def now_s(self) -> float:
        """Return s on the monotonic clock, less the pauses."""
        with self._lock:
            now_s = self._monotonic()
            if self._ticked_s is not None:
                now_s = min(now_s, self._ticked_s + LONGEST_STEP_S)
            return now_s - self.paused_s

    def paused_between(self, start_s: float, end_s: float) -> float:
        """Return for how long the process was paused between two times on the system's monotonic clock, s.

        Only the `RECENT_PAUSES` newest pauses are known; one that no tick has noticed yet counts as well.
        """
        with self._lock:
            now_s, pauses = self._monotonic(), list(self._recent)
            if self._ticked_s is not None and now_s - self._ticked_s > LONGEST_STEP_S:
                pauses.append((self._ticked_s, now_s))
        return sum(max(0.0, min(end_s, end) - max(start_s, start)) for start, end in pauses)

    def tick(self) -> None:
        """Note that the process runs, and log a pause that has just ended."""
        with self._lock:
            now_s = self._monotonic()
            step_s = 0.0 if self._ticked_s is None else now_s - self._ticked_s
            self._ticked_s = now_s
            if step_s > LONGEST_STEP_S:
                self.paused_s += step_s - LONGEST_STEP_S
                self._recent.append((now_s - step_s, now_s))
            self.pauses += step_s >= NAMED_S
        if step_s >= NAMED_S:
            log.warning(
                "this process was paused for %.0f s (stopped, or the system was suspended or swapping): "
                "neither camera nor sinks are to blame",
                step_s,
            )
