"""Lowers the frame rate step by step while the board is too hot, and raises it again once it has cooled."""

import logging

from edge.device.sensors import Sensors

log = logging.getLogger(__name__)

MAX_LEVEL = 3

STEP_S = 10.0
"""Time between two steps, so that each can take effect: a processor cools slowly."""

COOLED_C = 5.0
"""Degrees below the limit at which the board counts as cooled, so that the level does not oscillate."""


class ThermalThrottle:
    """Decides how much to slow down.

    Args:
        sensors: the board's.
        limit_c: the board is too hot from this temperature on, or while the firmware limits the processor's clock.

    Attributes:
        level: 0 is full speed; each level halves the work, down to 1/8 at `MAX_LEVEL`.
    """

    def __init__(self, sensors: Sensors, *, limit_c: float) -> None:
        self.level = 0
        self._sensors = sensors
        self._limit_c = limit_c
        self._stepped_s = float("-inf")

    def update(self, now_s: float) -> None:
        """Read the sensors and adjust `level` by one step at most.

        Args:
            now_s: s on the monotonic clock.
        """
        if now_s - self._stepped_s < STEP_S:
            return
        temperature_c, throttled = self._sensors.temperature_c(), self._sensors.is_throttled()
        shown = "unknown" if temperature_c is None else f"{temperature_c:.0f} °C"
        hot = throttled or (temperature_c is not None and temperature_c >= self._limit_c)
        cool = not throttled and (temperature_c is None or temperature_c < self._limit_c - COOLED_C)
        if hot and self.level < MAX_LEVEL:
            self._step(+1, now_s, f"{shown}{', throttled by the firmware' if throttled else ''}: slowing down")
        elif cool and self.level > 0:
            self._step(-1, now_s, f"{shown}: cooled, speeding up")

    def _step(self, change: int, now_s: float, reason: str) -> None:
        self.level += change
        self._stepped_s = now_s
        log.warning("%s to 1/%d of the full rate", reason, 1 << self.level)
