"""How bright a scene is, and how that changes."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Light:
    """How bright it is.

    gain: factor on the grey levels. gamma: exponent on 0.0 ... 1.0; above 1 it darkens the middle tones.
    """

    gain: float = 1.0
    gamma: float = 1.0


LightMotion = Callable[[float], Light]
"""From the time, s from the start of the scene, to the light."""


def tone_curve(light: Light) -> NDArray[np.uint8]:
    """Return what each grey level becomes, (256,) uint8."""
    levels = np.linspace(0, 1, 256) ** light.gamma * light.gain
    return np.clip(np.rint(levels * 255), 0, 255).astype(np.uint8)


def changing(*stops: tuple[float, Light]) -> LightMotion:
    """Change evenly from stop to stop, each with its time in s, in rising order; steady before and after them."""
    times = [time_s for time_s, _ in stops]
    gains = [light.gain for _, light in stops]
    gammas = [light.gamma for _, light in stops]
    return lambda time_s: Light(float(np.interp(time_s, times, gains)), float(np.interp(time_s, times, gammas)))
