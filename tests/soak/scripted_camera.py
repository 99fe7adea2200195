"""A camera that shows what the script says: people in a room, by day and by night, with a sensor's noise and faults."""

import math
import threading
import time
from collections.abc import Callable

import cv2
import numpy as np
from script import DAY_S, EXPRESSIONS, HOUR_S, LIGHTS_OFF_HOUR, LIGHTS_ON_HOUR, WALK_S, Fault, Script, Visit

from edge.errors import CameraAbsentError, CameraError
from edge.records import Color, Frame
from edge.scenes.animation import Light, Pose, follow_keyframes
from edge.scenes.drawn_head import draw_head, expression_keyframes
from edge.scenes.head import scaled_head
from edge.scenes.render import MovingFace, Scene
from edge.sources.base import Source, luma, read_only

WIDTH, HEIGHT, FPS = 320, 240, 4.0

_PER_SECOND = 1000
"""Pictures that a scene could give a second: it is drawn at whole milliseconds."""

_NOISE_LEVELS, _SHIFTS_PX = 2.0, 32
"""Standard deviation of the noise; the same noise, shifted, serves for this many pictures, squared."""

_BLACK = 0.02
"""Gain of the light in a black night."""


class Room:
    """Draws the room at any time of the script.

    Args:
        script: who is there, and when it is dark.
    """

    def __init__(self, script: Script) -> None:
        self._script = script
        noise = np.random.default_rng(0).normal(0, _NOISE_LEVELS, (HEIGHT + _SHIFTS_PX, WIDTH + _SHIFTS_PX, 3))
        self._noise = np.rint(noise).astype(np.int16)
        self._drawn = 0

    def draw(self, time_s: float) -> Color:
        """Return the picture, (240, 320, 3) uint8 BGR; no two are equal."""
        present = [
            visit for visit in self._script.visits if visit.arrives_s - WALK_S <= time_s <= visit.leaves_s + WALK_S
        ]
        if not present:  # drawn heads, up to 35 MB, are the simulation's and no part of what is measured
            draw_head.cache_clear()
            scaled_head.cache_clear()
        faces = tuple(_face_of(visit) for visit in present)
        gain = self._gain(time_s)
        scene = Scene("soak", WIDTH, HEIGHT, _PER_SECOND, 0.0, faces, light=lambda _: Light(gain), clutter="busy")
        picture, _ = scene.frame(round(time_s * _PER_SECOND))
        self._drawn += 1
        x, y = self._drawn % _SHIFTS_PX, self._drawn // _SHIFTS_PX % _SHIFTS_PX
        noisy = cv2.add(picture, self._noise[y : y + HEIGHT, x : x + WIDTH], dtype=cv2.CV_8U)
        return read_only(np.asarray(noisy, dtype=np.uint8))

    def _gain(self, time_s: float) -> float:
        if any(fault.start_s <= time_s < fault.end_s for fault in self._script.of_kind("dark")):
            return _BLACK
        hour = time_s % DAY_S / HOUR_S
        if not LIGHTS_ON_HOUR <= hour < LIGHTS_OFF_HOUR:
            return 0.7  # a lamp
        return 0.8 + 0.25 * math.sin(math.pi * (hour - LIGHTS_ON_HOUR) / (LIGHTS_OFF_HOUR - LIGHTS_ON_HOUR))


def _face_of(visit: Visit) -> MovingFace:
    """Return the drawn person, who walks in from the side, stays, and walks out."""
    x = WIDTH * (0.29 if visit.place == 0 else 0.71)
    spot = Pose(x, 0.5 * HEIGHT, visit.size_px)
    door = Pose(-visit.size_px if visit.place == 0 else WIDTH + visit.size_px, 0.5 * HEIGHT, visit.size_px)
    motion = follow_keyframes(
        (visit.arrives_s - WALK_S, door),
        (visit.arrives_s, spot),
        (visit.leaves_s, spot),
        (visit.leaves_s + WALK_S, door),
    )
    keyframes: list[tuple[float, object]] = []
    for (began_s, label), before in zip(visit.moods, [None, *visit.moods], strict=False):
        keyframes += [] if before is None else [(began_s, EXPRESSIONS[before[1]])]
        keyframes.append((began_s + 0.5, EXPRESSIONS[label]))
    return MovingFace(motion, mirrored=visit.place == 1, expression=expression_keyframes(*keyframes))


class ScriptedCamera(Source):
    """The camera, from one opening to the next.

    Args:
        script: what happens.
        room: draws the pictures.
        since_start_s: returns the time from the script's start, s.
        color: whether frames also carry color.

    Raises:
        CameraAbsentError: it is unplugged at this time.
    """

    name = "scripted camera"
    live = is_camera = True

    def __init__(self, script: Script, room: Room, since_start_s: Callable[[], float], *, color: bool) -> None:
        self._script, self._room, self._since_start_s = script, room, since_start_s
        self._color = color
        self._closed = threading.Event()
        self._opened_s = since_start_s()
        self._index = 0
        self._frozen: Color | None = None
        if self._fault("absent"):
            raise CameraAbsentError(f"{self.name}: expected a camera, found none: plug it in")

    def read(self) -> Frame | None:
        """Wait for the next frame; None after `close`.

        Raises:
            CameraError: it has been unplugged, or a call that hung has returned.
        """
        now_s = self._since_start_s()
        if self._closed.wait((math.floor(now_s * FPS) + 1) / FPS - now_s):
            return None
        now_s = self._since_start_s()
        if self._fault("absent"):
            raise CameraError(f"{self.name}: expected a frame, found the camera gone: plug it in")
        hang = self._fault("hung")
        if hang is not None and self._opened_s < hang.start_s:
            time.sleep(hang.end_s - now_s)
            raise CameraError(f"{self.name}: the driver has returned, without a frame")
        return self._frame(now_s)

    def close(self) -> None:
        """End the camera; a waiting `read` returns None."""
        self._closed.set()

    def _fault(self, kind: str) -> Fault | None:
        now_s = self._since_start_s()
        return next((fault for fault in self._script.of_kind(kind) if fault.start_s <= now_s < fault.end_s), None)

    def _frame(self, now_s: float) -> Frame:
        picture = self._room.draw(now_s) if self._frozen is None else self._frozen
        self._frozen = picture if self._fault("frozen") else None
        if self._fault("odd frames"):
            picture = picture[:0] if self._index % 2 else picture[:8, :8]
        gray = luma(picture) if picture.size else np.zeros(picture.shape[:2], np.uint8)
        self._index += 1
        captured_at = time.monotonic()
        return Frame(
            read_only(gray), self._index - 1, captured_at, captured_at, self.name, picture if self._color else None
        )
