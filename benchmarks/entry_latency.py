"""Measures how soon a face that enters the picture has a track, in a scene of faces that enter one after the other."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from benchmarks.detection_metrics import DetectedFace, match_boxes
from edge.scenes.animation import Motion, Pose, follow_keyframes
from edge.scenes.render import MIN_VISIBILITY, MovingFace, Scene

FPS = 30.0

PERIOD_S = 1.7
"""Seconds between two entries; not a multiple of the scan interval, so that entries meet every phase of it."""

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
"""For each face: x and y where it stops, as shares of the picture, the side it enters from (-1 left, 1 right), size in
px, and speed in px per frame at 30 frames per second: from a stroll to a slow walk two metres from the camera."""

STAY_S = 0.5

TAIL_S = 1.0
"""Seconds after the last entry, until its face has left."""

WHOLE_VISIBILITY = 0.95
"""Visibility from which a face counts as whole."""


@dataclass(frozen=True, slots=True)
class Entry:
    """The entry of a face into the picture.

    Attributes:
        number: of the face in the scene.
        first: first frame in which at least half of the face is visible.
        whole: first frame in which at least 95 % of it is visible.
    """

    number: int
    first: int
    whole: int


@dataclass(frozen=True, slots=True)
class EntryLatency:
    """Seconds from an entry to the face's first reading; infinite if the face never had one.

    Attributes:
        after_half: since half of the face was visible.
        after_whole: since 95 % of it was visible.
    """

    after_half: float
    after_whole: float


def entry_scene(width: int, height: int) -> Scene:
    """Return a scene of faces that enter from either side, stay and leave again, one after the other."""
    faces = tuple(
        MovingFace(_walk(number * PERIOD_S + 0.2, width, height, walk), mirrored=number % 2 == 1)
        for number, walk in enumerate(WALKS)
    )
    return Scene("entrances", width, height, FPS, len(WALKS) * PERIOD_S + TAIL_S, faces, clutter="busy")


def find_entries(scene: Scene) -> list[Entry]:
    """Return the entry of every face, by its visibility."""
    first: dict[int, int] = {}
    whole: dict[int, int] = {}
    for index in range(scene.frame_count):
        for face in scene.annotations(index):
            if face.visibility >= MIN_VISIBILITY:
                first.setdefault(face.face_index, index)
            if face.visibility >= WHOLE_VISIBILITY:
                whole.setdefault(face.face_index, index)
    return [Entry(number, first[number], whole[number]) for number in sorted(first)]


def first_detection(
    scene: Scene,
    entry: Entry,
    detected: Mapping[int, Iterable[DetectedFace]],
    *,
    loop: int = 0,
    until: int | None = None,
) -> int | None:
    """Return the first frame in which the face that enters is detected; None if it leaves undetected.

    Args:
        scene: the scene.
        entry: of the face.
        detected: faces by frame, counted on over the loops.
        loop: which repetition of the scene to search.
        until: the scene's frame at which to stop; default: the end.
    """
    for index in range(entry.first, until or scene.frame_count):
        faces = [face for face in scene.annotations(index) if face.visibility >= MIN_VISIBILITY]
        if entry.number not in [face.face_index for face in faces]:
            return None
        frame = loop * scene.frame_count + index
        boxes = [face.box for face in detected.get(frame, ())]
        if any(faces[i].face_index == entry.number for i, _ in match_boxes([face.box for face in faces], boxes)):
            return frame
    return None


def entry_latencies(
    scene: Scene, detected: Iterable[DetectedFace], latencies_ms: Iterable[float], *, loops: int
) -> list[EntryLatency]:
    """Return the latency of each entry: frames until the first detection, and that frame's own latency.

    Args:
        scene: the scene, which was shown `loops` times.
        detected: the readings, frames counted on over the loops.
        latencies_ms: of each reading.
        loops: repetitions of the scene.
    """
    by_frame: dict[int, list[DetectedFace]] = {}
    latency_s: dict[int, float] = {}
    for face, milliseconds in zip(detected, latencies_ms, strict=True):
        by_frame.setdefault(face.frame, []).append(face)
        latency_s[face.frame] = milliseconds / 1e3
    latencies: list[EntryLatency] = []
    for loop in range(loops):
        for entry in find_entries(scene):
            frame = first_detection(scene, entry, by_frame, loop=loop)
            if frame is None:
                latencies.append(EntryLatency(math.inf, math.inf))
                continue
            index = frame - loop * scene.frame_count
            half = (index - entry.first) / scene.fps + latency_s[frame]
            whole = (index - entry.whole) / scene.fps + latency_s[frame]
            latencies.append(EntryLatency(half, max(whole, 0.0)))
    return latencies


def _walk(start_s: float, width: int, height: int, walk: tuple[float, float, int, float, float]) -> Motion:
    x, y, side, size, speed = walk
    size, speed = size * height / 480, speed * height / 480
    outside = Pose(-size if side < 0 else width + size, y * height, size)
    inside = Pose(x * width, y * height, size)
    walking_s = abs(inside.x - outside.x) / (speed * FPS)
    leave_s = start_s + walking_s + STAY_S
    return follow_keyframes(
        (start_s, outside), (start_s + walking_s, inside), (leave_s, inside), (leave_s + walking_s, outside)
    )
