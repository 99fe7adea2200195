"""Animates a scene: face poses and light as pure functions of the time, in seconds from the start of the scene."""

import bisect
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Pose:
    """The position and size of a face.

    Attributes:
        x: horizontal center of the face's box, px; may lie outside the frame.
        y: vertical center of the face's box, px; may lie outside the frame.
        size: side length of that box, px.
    """

    x: float
    y: float
    size: float

    def interpolate(self, other: "Pose", share: float) -> "Pose":
        """Return the pose at `share` (0.0 here, 1.0 there) of the straight line to `other`."""
        return Pose(
            self.x + share * (other.x - self.x),
            self.y + share * (other.y - self.y),
            self.size + share * (other.size - self.size),
        )


Motion = Callable[[float], Pose | None]
"""Maps the time, s, to the pose, or to None while there is no face."""


def stationary(pose: Pose) -> Motion:
    """Return a motion that stays at `pose`."""
    return lambda _time_s: pose


def follow_keyframes(*keyframes: tuple[float, Pose]) -> Motion:
    """Return a motion that interpolates linearly between keyframes.

    The face stays at the first keyframe before its time and at the last one after. A face that enters therefore has
    its first keyframe outside the frame, one that leaves its last, and one that approaches is larger at the later one.

    Args:
        *keyframes: Time in s and pose, in order of rising time.
    """
    times = [time_s for time_s, _ in keyframes]
    poses = [pose for _, pose in keyframes]

    def motion(time_s: float) -> Pose:
        following = bisect.bisect_right(times, time_s)
        if following == 0:
            return poses[0]
        if following == len(poses):
            return poses[-1]
        share = (time_s - times[following - 1]) / (times[following] - times[following - 1])
        return poses[following - 1].interpolate(poses[following], share)

    return motion


def back_and_forth(start: Pose, end: Pose, *, period_s: float) -> Motion:
    """Return a motion that goes at constant speed from `start` to `end` and back in `period_s`, and repeats."""

    def motion(time_s: float) -> Pose:
        phase = (time_s / period_s) % 1.0
        return start.interpolate(end, 2 * phase if phase < 0.5 else 2 - 2 * phase)  # noqa: PLR2004  # it turns half-way

    return motion


def hidden_between(motion: Motion, *, from_s: float, until_s: float) -> Motion:
    """Return `motion` without a face from `from_s` (included) to `until_s` (excluded)."""
    return lambda time_s: None if from_s <= time_s < until_s else motion(time_s)


@dataclass(frozen=True, slots=True)
class Light:
    """The brightness of a scene, as a tone curve.

    Attributes:
        gain: factor on the grey levels.
        gamma: exponent on levels scaled to 0.0 ... 1.0; above 1 it darkens the middle tones.
    """

    gain: float = 1.0
    gamma: float = 1.0


LightMotion = Callable[[float], Light]
"""Maps the time, s, to the light."""


def light_keyframes(*keyframes: tuple[float, Light]) -> LightMotion:
    """Return light that interpolates linearly between keyframes and is constant before the first and after the last.

    Args:
        *keyframes: Time in s and light, in order of rising time.
    """
    times = [time_s for time_s, _ in keyframes]
    gains = [light.gain for _, light in keyframes]
    gammas = [light.gamma for _, light in keyframes]
    return lambda time_s: Light(float(np.interp(time_s, times, gains)), float(np.interp(time_s, times, gammas)))
