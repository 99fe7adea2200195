"""Marks log lines that are written while the clock is not set."""

import logging
import time
from collections.abc import Callable

from edge import clock
from edge.sinks.lines import Line

log = logging.getLogger(__name__)

LOOK_S = 10.0
"""How often it is asked whether the clock is set, s."""


class ClockMark:
    """Gives what a line is to say of the clock. error: why its time cannot be believed, else empty."""

    def __init__(self, is_set: Callable[[], bool]) -> None:
        self.error = ""
        self._is_set = is_set
        self._looked_s = float("-inf")

    def __call__(self) -> Line:
        """Return `{"clock": "unset"}`, or nothing where the clock is set."""
        if time.monotonic() - self._looked_s >= LOOK_S:
            self._look()
        return {"clock": clock.UNSET} if self.error else {}

    def _look(self) -> None:
        self._looked_s = time.monotonic()
        error = "" if self._is_set() else "the clock is not set yet: the log's times may be wrong"
        if error != self.error:
            log.warning("%s", error or "the clock is set now")
        self.error = error
