"""A scene of faces that walk in one after the other, and how soon each has a track."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from benchmarks.match import Found, pair
from edge.scenes.motion import Motion, Pose, along
from edge.scenes.render import VISIBLE_SHARE, MovingFace, Scene

FPS = 30.0
PERIOD_S = 1.7
"""From one entrance to the next; no multiple of a scan's interval, so that every phase of it is met."""

WALKS = (
    (0.08, 0.35, -1, 96, 12),
    (0.40, 0.45, -1, 72, 9),
    (0.75, 0.55, 1, 110, 14),
    (0.55, 0.35, 1, 84, 10),
    (0.30, 0.60, -1, 120, 16),
    (0.85, 0.40, 1, 66, 8),
    (0.20, 0.30, -1, 80, 11),
    (0.60, 0.65, 1, 100, 13),
)
"""Where the face stops (shares of the picture), whence it comes (-1 left, 1 right), its size, px, and its speed, px a
frame at 30 frames a second: from a stroll to a slow walk two metres from the camera."""

STAY_S = 0.5
TAIL_S = 1.0
"""After the last entrance, until its face has gone."""


@dataclass(frozen=True, slots=True)
class Entrance:
    """When a face came in. first: the first frame in which half of it is seen. whole: in which 95 % is."""

    number: int
    first: int
    whole: int


def entrance_scene(width: int, height: int) -> Scene:
    """Faces walk in from either side, stay and walk out again, one after the other."""
    faces = tuple(
        MovingFace(_walk(number * PERIOD_S + 0.2, width, height, walk), mirrored=number % 2 == 1)
        for number, walk in enumerate(WALKS)
    )
    return Scene("entrances", width, height, FPS, len(WALKS) * PERIOD_S + TAIL_S, faces, clutter="busy")


def entrances(scene: Scene) -> list[Entrance]:
    """Return every face's entrance, by what is seen of it."""
    first: dict[int, int] = {}
    whole: dict[int, int] = {}
    for index in range(scene.frame_count):
        for sight in scene.sights(index):
            if sight.share >= VISIBLE_SHARE:
                first.setdefault(sight.number, index)
            if sight.share >= 0.95:  # noqa: PLR2004  # see Entrance
                whole.setdefault(sight.number, index)
    return [Entrance(number, first[number], whole[number]) for number in sorted(first)]


def first_found(
    scene: Scene, entrance: Entrance, found: Mapping[int, Iterable[Found]], *, loop: int = 0, until: int | None = None
) -> int | None:
    """Return the first frame in which the face that came in is found; None for never.

    found: by frame, counted on over the loops. until: the scene's frame before which to look.
    """
    for index in range(entrance.first, until or scene.frame_count):
        sights = [sight for sight in scene.sights(index) if sight.share >= VISIBLE_SHARE]
        if entrance.number not in [sight.number for sight in sights]:
            return None  # it has left
        frame = loop * scene.frame_count + index
        boxes = [item.box for item in found.get(frame, ())]
        if any(sights[i].number == entrance.number for i, _ in pair([sight.box for sight in sights], boxes)):
            return frame
    return None


def _walk(start_s: float, width: int, height: int, walk: tuple[float, float, int, float, float]) -> Motion:
    x, y, side, size, speed = walk
    size, speed = size * height / 480, speed * height / 480
    outside = Pose(-size if side < 0 else width + size, y * height, size)
    inside = Pose(x * width, y * height, size)
    walking_s = abs(inside.x - outside.x) / (speed * FPS)
    leave_s = start_s + walking_s + STAY_S
    return along((start_s, outside), (start_s + walking_s, inside), (leave_s, inside), (leave_s + walking_s, outside))
