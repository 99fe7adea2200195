"""Reports what libraries print about a source's images, without repeating it for every image."""

import logging
import time
from collections.abc import Sequence

log = logging.getLogger(__name__)

_INTERVAL_S = 60.0
"""Shortest time between two reports, s."""


class LibraryMessages:
    """Reports the first message at once, and further ones as a count, at most once a minute. For one thread.

    Args:
        source: Name of the source, for the log.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._reported_at = float("-inf")
        self._unreported = 0
        self._last = ""

    def add(self, messages: Sequence[str], *, about: str = "") -> None:
        """Take note of messages.

        Args:
            messages: One line each.
            about: Name of the image, if it is not the source's.
        """
        if not messages:
            return
        self._unreported += len(messages)
        self._last = f"{about or self._source}: the decoder reports: {messages[-1]}"
        if time.monotonic() - self._reported_at >= _INTERVAL_S:
            self.report()

    def report(self) -> None:
        """Report what has not been reported yet."""
        if self._unreported:
            more = f" (and {self._unreported - 1} more messages)" if self._unreported > 1 else ""
            log.warning("%s%s", self._last, more)
            self._unreported, self._reported_at = 0, time.monotonic()
