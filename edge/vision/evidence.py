"""Gathers evidence over time that a face really has an expression, and does not merely pass through it."""

import math

import numpy as np
from numpy.typing import NDArray

CLEAR = 0.9
"""Probability of a clear expression: in each second of it a label gathers a second of evidence."""

MAX_GAP_S = 1.0
"""Scores count as evidence for no longer than this, s, since a face may be too dark or blurred for the next ones."""

SWING_S = 2.0
"""Time constant with which swings are forgotten, s: a talking mouth opens and closes several times in it."""

_FLOOR = 1e-3
"""Probabilities are clipped to this and to 1 minus this before their log-odds are taken."""


class Evidence:
    """The evidence for each label of one face.

    It is the log-odds of the label against all others, added up over time and never below zero (CUSUM), divided by
    those of `CLEAR`: so it is in seconds of a clear expression. While a label is less probable than all others
    together, it loses evidence.

    A mouth that talks passes through fear and surprise again and again. So a label whose probability swings needs more:
    after n times up and down in the last seconds, n times as much.

    Args:
        probabilities: (K,) float32, the first scores of the face.
        needed_s: evidence that a label needs if it does not swing, s.

    Source: Page 1954, "Continuous Inspection Schemes" (CUSUM).
    """

    def __init__(self, probabilities: NDArray[np.float32], *, needed_s: float) -> None:
        self._probabilities = probabilities
        self._needed_s = needed_s
        self._seconds = np.zeros(len(probabilities))
        self._swings = np.zeros(len(probabilities))  # recent ones; up by 1 and down again is one

    def add(self, probabilities: NDArray[np.float32], *, elapsed_s: float) -> None:
        """Add the next scores, (K,) float32, `elapsed_s` after the scores before, which have held until now."""
        elapsed_s = max(elapsed_s, 0.0)
        changes = np.abs(probabilities - self._probabilities)
        self._swings = self._swings * math.exp(-elapsed_s / SWING_S) + changes / 2
        gained = min(elapsed_s, MAX_GAP_S) * _clarity(self._probabilities)
        self._seconds = np.clip(self._seconds + gained, 0.0, self._needed())  # more than is needed would last too long
        self._probabilities = probabilities

    def is_enough(self, label: int) -> bool:
        """Return whether there is enough evidence for a label, given by its index."""
        return bool(self._seconds[label] >= self._needed()[label])

    def _needed(self) -> NDArray[np.float64]:
        return self._needed_s * np.maximum(self._swings, 1.0)


def _clarity(probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the log-odds of each label against all others, relative to those of `CLEAR`, clipped to -1 and 1."""
    clipped = np.clip(probabilities.astype(np.float64), _FLOOR, 1.0 - _FLOOR)
    log_odds = np.log(clipped / (1.0 - clipped)) / math.log(CLEAR / (1.0 - CLEAR))
    return np.clip(log_odds, -1.0, 1.0)
