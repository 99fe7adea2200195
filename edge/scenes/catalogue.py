"""Defines the named scenes."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from edge.errors import ConfigError, did_you_mean
from edge.records import Box
from edge.scenes.animation import (
    Light,
    Motion,
    Pose,
    back_and_forth,
    follow_keyframes,
    hidden_between,
    light_keyframes,
    stationary,
)
from edge.scenes.background import Clutter
from edge.scenes.drawn_head import HAPPY, NEUTRAL, SURPRISED, expression_keyframes
from edge.scenes.render import MovingFace, Scene


@dataclass(frozen=True, slots=True)
class _Layout:
    """Places faces in a frame, whatever its size.

    Attributes:
        name: the scene's name.
        width: width of a frame, px.
        height: height of a frame, px.
        fps: frames per second.
        scale: length, px, of what is 1 px long at 640x480.
    """

    name: str
    width: int
    height: int
    fps: float
    scale: float

    def pose(self, x: float, y: float, size: float) -> Pose:
        """Return a pose; x and y are shares of the frame, size is in px at 640x480."""
        return Pose(x * self.width, y * self.height, size * self.scale)

    def strolling(self, start: Pose, end: Pose, *, speed: float) -> Motion:
        """Return a motion back and forth at `speed`, px per frame at 640x480."""
        distance = math.hypot(end.x - start.x, end.y - start.y)
        return back_and_forth(start, end, period_s=2 * distance / (speed * self.scale * self.fps))

    def scene(self, duration_s: float, *motions: Motion) -> Scene:
        """Return a scene with one face per motion, every second one mirrored."""
        faces = tuple(MovingFace(motion, mirrored=index % 2 == 1) for index, motion in enumerate(motions))
        return Scene(self.name, self.width, self.height, self.fps, duration_s, faces, clutter="busy")


def _empty(layout: _Layout) -> Scene:
    """No face and no motion."""
    return layout.scene(10)


def _one(layout: _Layout) -> Scene:
    """One face that does not move."""
    return layout.scene(10, stationary(layout.pose(0.5, 0.5, 110)))


def _slow(layout: _Layout) -> Scene:
    """One face that moves 2 px per frame."""
    return layout.scene(10, layout.strolling(layout.pose(0.25, 0.45, 100), layout.pose(0.75, 0.55, 100), speed=2))


def _fast(layout: _Layout) -> Scene:
    """One face that crosses the frame in one second and comes back."""
    return layout.scene(10, back_and_forth(layout.pose(-0.15, 0.4, 100), layout.pose(1.15, 0.6, 100), period_s=2.6))


def _three(layout: _Layout) -> Scene:
    """Three faces of different sizes that move 2 px per frame."""
    return layout.scene(
        10,
        layout.strolling(layout.pose(0.17, 0.35, 96), layout.pose(0.17, 0.65, 96), speed=2),
        layout.strolling(layout.pose(0.45, 0.62, 72), layout.pose(0.54, 0.30, 72), speed=2),
        layout.strolling(layout.pose(0.80, 0.40, 120), layout.pose(0.84, 0.60, 120), speed=2),
    )


def _five(layout: _Layout) -> Scene:
    """Five faces of different sizes that move 1 px per frame."""
    return layout.scene(
        10,
        layout.strolling(layout.pose(0.15, 0.25, 72), layout.pose(0.20, 0.30, 72), speed=1),
        layout.strolling(layout.pose(0.50, 0.30, 60), layout.pose(0.50, 0.22, 60), speed=1),
        layout.strolling(layout.pose(0.82, 0.25, 80), layout.pose(0.78, 0.30, 80), speed=1),
        layout.strolling(layout.pose(0.28, 0.75, 84), layout.pose(0.36, 0.72, 84), speed=1),
        layout.strolling(layout.pose(0.72, 0.72, 66), layout.pose(0.64, 0.76, 66), speed=1),
    )


def _crossing(layout: _Layout) -> Scene:
    """Two faces that cross, the nearer in front of the farther."""
    return layout.scene(
        8,
        follow_keyframes((1, layout.pose(0.2, 0.48, 84)), (7, layout.pose(0.8, 0.48, 84))),
        follow_keyframes((1, layout.pose(0.8, 0.52, 108)), (7, layout.pose(0.2, 0.52, 108))),
    )


def _entering(layout: _Layout) -> Scene:
    """A face that enters on the left after one second and stays in the middle."""
    return layout.scene(8, follow_keyframes((1, layout.pose(-0.2, 0.5, 100)), (4, layout.pose(0.5, 0.5, 100))))


def _leaving(layout: _Layout) -> Scene:
    """A face that stands in the middle and leaves on the right; the last three seconds are empty."""
    return layout.scene(8, follow_keyframes((2, layout.pose(0.5, 0.5, 100)), (5, layout.pose(1.2, 0.5, 100))))


def _hidden(layout: _Layout) -> Scene:
    """A face that is hidden for 0.3 s (like a missed detection) and later for 2 s (as if it had left)."""
    face = layout.strolling(layout.pose(0.35, 0.5, 100), layout.pose(0.65, 0.5, 100), speed=1)
    return layout.scene(10, hidden_between(hidden_between(face, from_s=2, until_s=2.3), from_s=5, until_s=7))


def _pillar(layout: _Layout) -> Scene:
    """A face that passes behind a pillar."""
    pillar = Box(round(0.45 * layout.width), 0, round(0.12 * layout.width), layout.height)
    walk = follow_keyframes((1, layout.pose(0.15, 0.5, 100)), (7, layout.pose(0.85, 0.5, 100)))
    return replace(layout.scene(8, walk), pillars=(pillar,))


def _demo(layout: _Layout) -> Scene:
    """Two people, one drawn, while the light changes: the clip that ships.

    One enters, approaches, retreats and leaves; the other joins, is surprised, smiles, and leaves.
    """
    walk = follow_keyframes(
        (0.4, layout.pose(-0.18, 0.50, 84)),
        (3.0, layout.pose(0.52, 0.42, 84)),
        (3.8, layout.pose(0.52, 0.42, 84)),
        (6.2, layout.pose(0.38, 0.48, 180)),
        (7.4, layout.pose(0.38, 0.48, 180)),
        (9.2, layout.pose(0.30, 0.46, 104)),
        (11.4, layout.pose(-0.20, 0.54, 104)),
    )
    visit = follow_keyframes(
        (2.0, layout.pose(1.18, 0.46, 92)),
        (3.6, layout.pose(0.84, 0.44, 92)),
        (10.0, layout.pose(0.84, 0.44, 92)),
        (11.6, layout.pose(1.20, 0.46, 92)),
    )
    mood = expression_keyframes((5.0, NEUTRAL), (5.4, SURPRISED), (7.4, SURPRISED), (7.9, HAPPY))
    dim, bright = Light(gain=0.55, gamma=1.15), Light(gain=1.06, gamma=0.96)
    light = light_keyframes((1.6, dim), (2.6, bright), (6.6, bright), (7.4, dim), (9.0, dim), (9.8, Light()))
    faces = (MovingFace(visit, expression=mood), MovingFace(walk))
    return replace(
        layout.scene(12), faces=faces, light=light, clutter="plain"
    )  # a busy wall would double the clip's size


_SCENES: dict[str, Callable[[_Layout], Scene]] = {
    "empty": _empty,
    "one": _one,
    "slow": _slow,
    "fast": _fast,
    "three": _three,
    "five": _five,
    "crossing": _crossing,
    "entering": _entering,
    "leaving": _leaving,
    "hidden": _hidden,
    "pillar": _pillar,
    "demo": _demo,
}

SCENE_NAMES = tuple(_SCENES)
"""All names that `make_scene` accepts."""


def make_scene(
    name: str,
    *,
    width: int = 640,
    height: int = 480,
    fps: float = 30.0,
    scale_faces: bool = True,
    duration_s: float | None = None,
    clutter: Clutter | None = None,
) -> Scene:
    """Make the scene `name`, one of `SCENE_NAMES`.

    Args:
        name: the scene's name.
        width: width of a frame, px.
        height: height of a frame, px.
        fps: frames per second.
        scale_faces: whether faces and their speeds grow with the frame's height, so that they fill the same share of
            it; otherwise they keep the px that they have at 640x480.
        duration_s: length, s; None keeps the scene's own.
        clutter: amount of detail on the wall; None keeps the scene's own: busy, but plain for the clip that ships.

    Raises:
        ConfigError: there is no scene of this name.
    """
    if name not in _SCENES:
        remedy = did_you_mean(name, SCENE_NAMES) or f"choose one of {', '.join(SCENE_NAMES)}"
        raise ConfigError(f"{name}: there is no such scene: {remedy}")
    scene = _SCENES[name](_Layout(name, width, height, fps, height / 480 if scale_faces else 1.0))
    return replace(
        scene,
        duration_s=scene.duration_s if duration_s is None else duration_s,
        clutter=scene.clutter if clutter is None else clutter,
    )


def describe_scene(name: str) -> str:
    """Return a one-line description of the scene `name`."""
    return (_SCENES[name].__doc__ or "").strip()
