"""Exponential back-off: how long to wait before the next try."""

import random


class Backoff:
    """Doubles the wait with each failed try, up to a limit.

    Sources, sinks and connections all retry by this class, each with its own bounds.
    """

    def __init__(self, first_s: float, longest_s: float, *, jitter: float = 0.0) -> None:
        """Start with the shortest wait.

        Args:
            first_s: wait before the second try, s.
            longest_s: upper bound of the wait, s.
            jitter: share of each wait that is cut off at random, 0.0 to 1.0, so that many devices that lost the same
                server do not return to it at the same moment.
        """
        self._first_s = first_s
        self._longest_s = longest_s
        self._jitter = jitter
        self._wait_s = first_s

    def next_s(self) -> float:
        """Return how long to wait before the next try, s, and double the wait after that."""
        wait_s, self._wait_s = self._wait_s, min(2 * self._wait_s, self._longest_s)
        return wait_s * random.uniform(1.0 - self._jitter, 1.0) if self._jitter else wait_s  # noqa: S311  # no secret

    def reset(self) -> None:
        """Begin with the shortest wait again: the last try has worked."""
        self._wait_s = self._first_s
