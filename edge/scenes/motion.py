"""Says where a face is at a time: pure functions of the time, in seconds from the start of the scene."""

import bisect
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a face is.

    x, y: middle of the face's box, px; it may lie beside the picture. size: side of that box, px.
    """

    x: float
    y: float
    size: float

    def towards(self, other: "Pose", share: float) -> "Pose":
        """Return the pose at `share` (0.0 here, 1.0 there) of the straight way to `other`."""
        return Pose(
            self.x + share * (other.x - self.x),
            self.y + share * (other.y - self.y),
            self.size + share * (other.size - self.size),
        )


Motion = Callable[[float], Pose | None]
"""From the time, s, to the pose; None while there is no face."""


def still(pose: Pose) -> Motion:
    """Stay at `pose`."""
    return lambda _time_s: pose


def along(*stops: tuple[float, Pose]) -> Motion:
    """Go straight and evenly from stop to stop, each with its time in s, in rising order.

    The face waits at the first stop before its time and stays at the last one after. So one that enters has its first
    stop beside the picture, one that leaves its last, and one that comes near is larger at the later stop.
    """
    times = [time_s for time_s, _ in stops]
    poses = [pose for _, pose in stops]

    def motion(time_s: float) -> Pose:
        after = bisect.bisect_right(times, time_s)
        if after == 0:
            return poses[0]
        if after == len(poses):
            return poses[-1]
        share = (time_s - times[after - 1]) / (times[after] - times[after - 1])
        return poses[after - 1].towards(poses[after], share)

    return motion


def back_and_forth(start: Pose, end: Pose, *, period_s: float) -> Motion:
    """Go evenly from `start` to `end` and back within `period_s`, for ever."""

    def motion(time_s: float) -> Pose:
        share = (time_s / period_s) % 1.0
        return start.towards(end, 2 * share if share < 0.5 else 2 - 2 * share)  # noqa: PLR2004  # half-way, it turns

    return motion


def hidden(motion: Motion, *, from_s: float, until_s: float) -> Motion:
    """Move like `motion`, with no face from `from_s` on and before `until_s`."""
    return lambda time_s: None if from_s <= time_s < until_s else motion(time_s)
