"""The scenes, by name."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from edge.errors import ConfigError
from edge.records import Box
from edge.scenes.background import Clutter
from edge.scenes.light import Light, changing
from edge.scenes.motion import Motion, Pose, along, back_and_forth, hidden, still
from edge.scenes.render import MovingFace, Scene


@dataclass(frozen=True, slots=True)
class _Stage:
    """The picture that a scene is laid out on. scale: px of this picture for one px at 640x480."""

    name: str
    width: int
    height: int
    fps: float
    scale: float

    def pose(self, x: float, y: float, size: float) -> Pose:
        """x, y: shares of the picture. size: px at 640x480."""
        return Pose(x * self.width, y * self.height, size * self.scale)

    def strolling(self, start: Pose, end: Pose, *, speed: float) -> Motion:
        """Back and forth at `speed`, px a frame at 640x480."""
        distance = math.hypot(end.x - start.x, end.y - start.y)
        return back_and_forth(start, end, period_s=2 * distance / (speed * self.scale * self.fps))

    def scene(self, duration_s: float, *motions: Motion) -> Scene:
        """Return a scene with these faces, every second one mirrored."""
        faces = tuple(MovingFace(motion, mirrored=number % 2 == 1) for number, motion in enumerate(motions))
        return Scene(self.name, self.width, self.height, self.fps, duration_s, faces, clutter="busy")


def _empty(stage: _Stage) -> Scene:
    """Show no face and no motion."""
    return stage.scene(10)


def _one(stage: _Stage) -> Scene:
    """Show one face that does not move."""
    return stage.scene(10, still(stage.pose(0.5, 0.5, 110)))


def _slow(stage: _Stage) -> Scene:
    """Show one face that moves 2 px a frame."""
    return stage.scene(10, stage.strolling(stage.pose(0.25, 0.45, 100), stage.pose(0.75, 0.55, 100), speed=2))


def _fast(stage: _Stage) -> Scene:
    """Show one face that crosses the picture in one second, and comes back."""
    return stage.scene(10, back_and_forth(stage.pose(-0.15, 0.4, 100), stage.pose(1.15, 0.6, 100), period_s=2.6))


def _three(stage: _Stage) -> Scene:
    """Show three faces of different sizes that move 2 px a frame."""
    return stage.scene(
        10,
        stage.strolling(stage.pose(0.17, 0.35, 96), stage.pose(0.17, 0.65, 96), speed=2),
        stage.strolling(stage.pose(0.45, 0.62, 72), stage.pose(0.54, 0.30, 72), speed=2),
        stage.strolling(stage.pose(0.80, 0.40, 120), stage.pose(0.84, 0.60, 120), speed=2),
    )


def _five(stage: _Stage) -> Scene:
    """Show five faces of different sizes that move 1 px a frame."""
    return stage.scene(
        10,
        stage.strolling(stage.pose(0.15, 0.25, 72), stage.pose(0.20, 0.30, 72), speed=1),
        stage.strolling(stage.pose(0.50, 0.30, 60), stage.pose(0.50, 0.22, 60), speed=1),
        stage.strolling(stage.pose(0.82, 0.25, 80), stage.pose(0.78, 0.30, 80), speed=1),
        stage.strolling(stage.pose(0.28, 0.75, 84), stage.pose(0.36, 0.72, 84), speed=1),
        stage.strolling(stage.pose(0.72, 0.72, 66), stage.pose(0.64, 0.76, 66), speed=1),
    )


def _crossing(stage: _Stage) -> Scene:
    """Let two faces cross, the nearer in front of the farther."""
    return stage.scene(
        8,
        along((1, stage.pose(0.2, 0.48, 84)), (7, stage.pose(0.8, 0.48, 84))),
        along((1, stage.pose(0.8, 0.52, 108)), (7, stage.pose(0.2, 0.52, 108))),
    )


def _entering(stage: _Stage) -> Scene:
    """Let a face enter on the left after one second and stay in the middle."""
    return stage.scene(8, along((1, stage.pose(-0.2, 0.5, 100)), (4, stage.pose(0.5, 0.5, 100))))


def _leaving(stage: _Stage) -> Scene:
    """Let a face stand in the middle and leave on the right; the last three seconds are empty."""
    return stage.scene(8, along((2, stage.pose(0.5, 0.5, 100)), (5, stage.pose(1.2, 0.5, 100))))


def _hidden(stage: _Stage) -> Scene:
    """Hide a face for 0.3 s (as if the detector had missed it) and later for 2 s (as if it had gone)."""
    face = stage.strolling(stage.pose(0.35, 0.5, 100), stage.pose(0.65, 0.5, 100), speed=1)
    return stage.scene(10, hidden(hidden(face, from_s=2, until_s=2.3), from_s=5, until_s=7))


def _pillar(stage: _Stage) -> Scene:
    """Let a face pass behind a pillar."""
    pillar = Box(round(0.45 * stage.width), 0, round(0.12 * stage.width), stage.height)
    walk = along((1, stage.pose(0.15, 0.5, 100)), (7, stage.pose(0.85, 0.5, 100)))
    return replace(stage.scene(8, walk), pillars=(pillar,))


def _demo(stage: _Stage) -> Scene:
    """Let a face enter, walk, come near, go away and leave while the light changes: the clip that ships."""
    walk = along(
        (0.4, stage.pose(-0.18, 0.50, 84)),
        (3.0, stage.pose(0.62, 0.42, 84)),
        (3.8, stage.pose(0.62, 0.42, 84)),
        (6.2, stage.pose(0.46, 0.48, 190)),
        (7.4, stage.pose(0.46, 0.48, 190)),
        (9.2, stage.pose(0.30, 0.46, 104)),
        (11.4, stage.pose(1.20, 0.54, 104)),
    )
    dim, bright = Light(gain=0.55, gamma=1.15), Light(gain=1.06, gamma=0.96)
    light = changing((1.6, dim), (2.6, bright), (6.6, bright), (7.4, dim), (9.0, dim), (9.8, Light()))
    return replace(stage.scene(12, walk), light=light, clutter="plain")  # a busy wall would double the clip's size


_SCENES: dict[str, Callable[[_Stage], Scene]] = {
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
"""Every name that `make_scene` knows."""


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
    """Make the scene called `name`, one of `SCENE_NAMES`.

    Args:
        name: which one.
        width: of the picture, px.
        height: of the picture, px.
        fps: frames a second.
        scale_faces: faces and their speeds in px a frame grow with the picture's height, so that they fill the same
            part of it; else they keep the px that they have at 640x480.
        duration_s: s; None is the scene's own.
        clutter: of the wall; None is the scene's own: busy as a furnished room, but plain for the clip that ships.

    Raises:
        ConfigError: there is no such scene.
    """
    if name not in _SCENES:
        raise ConfigError(f"{name}: there is no such scene: take one of {', '.join(SCENE_NAMES)}")
    scene = _SCENES[name](_Stage(name, width, height, fps, height / 480 if scale_faces else 1.0))
    return replace(
        scene,
        duration_s=scene.duration_s if duration_s is None else duration_s,
        clutter=scene.clutter if clutter is None else clutter,
    )


def describe_scene(name: str) -> str:
    """One line that says what happens in the scene called `name`."""
    return (_SCENES[name].__doc__ or "").strip()
