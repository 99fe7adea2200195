"""Backs off in steps when the board is too hot, and returns when it has cooled."""

import logging

from edge.board import Board

log = logging.getLogger(__name__)

MOST_STRAIN = 3
STEP_S = 10.0
"""A step is given this long to show: a processor cools slowly."""

COOLED_C = 5.0
"""So much below the limit counts as cooled, so that the steps do not swing."""


class HeatGuard:
    """Tells how much to slow down: `strain` 0 is not at all, each step halves the work.

    limit_c: from this temperature on, or while the firmware holds the processor back, it is too hot.
    """

    def __init__(self, board: Board, *, limit_c: float) -> None:
        self.strain = 0
        self._board = board
        self._limit_c = limit_c
        self._stepped_s = float("-inf")

    def update(self, now_s: float) -> None:
        """Look at the board; call it now and then. now_s: monotonic clock, s."""
        if now_s - self._stepped_s < STEP_S:
            return
        temperature_c, slowed = self._board.temperature_c(), self._board.is_slowed()
        shown = "unknown" if temperature_c is None else f"{temperature_c:.0f} °C"
        hot = slowed or (temperature_c is not None and temperature_c >= self._limit_c)
        cool = not slowed and (temperature_c is None or temperature_c < self._limit_c - COOLED_C)
        if hot and self.strain < MOST_STRAIN:
            self._step(+1, now_s, f"{shown}{', held back by the firmware' if slowed else ''}: slowing down")
        elif cool and self.strain > 0:
            self._step(-1, now_s, f"{shown}: cooled, speeding up")

    def _step(self, change: int, now_s: float, why: str) -> None:
        self.strain += change
        self._stepped_s = now_s
        log.warning("%s to 1/%d of the full rate", why, 1 << self.strain)
