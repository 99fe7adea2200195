"""Draws a scene: frames with one or more moving faces, and the true boxes of these faces."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from edge.records import Box, Color
from edge.scenes.background import Clutter, paint_background
from edge.scenes.head import scaled_head
from edge.scenes.light import LightMotion, tone_curve
from edge.scenes.motion import Motion, Pose

VISIBLE_SHARE = 0.5
"""Part of a face's box that must be seen for the face to count as being there."""


@dataclass(frozen=True, slots=True, eq=False)
class MovingFace:
    """A face on its way. mirrored: left and right are swapped, which makes another picture of the same person."""

    motion: Motion
    mirrored: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Moving pictures of which everything is known; the same arguments give the same pixels.

    width, height: px. fps: frames a second. duration_s: s.
    faces: later ones stand in front of earlier ones.
    light: how bright it is over time; None is steady.
    pillars: parts of the picture, px, where the wall stands in front of the faces.
    seed: of the wall's texture.
    clutter: how much there is to see on the wall, and so how much work a detector has with it.
    """

    name: str
    width: int
    height: int
    fps: float
    duration_s: float
    faces: tuple[MovingFace, ...] = ()
    light: LightMotion | None = None
    pillars: tuple[Box, ...] = ()
    seed: int = 0
    clutter: Clutter = "plain"

    @property
    def frame_count(self) -> int:
        """How many frames `duration_s` holds."""
        return round(self.duration_s * self.fps)

    def frame(self, index: int) -> tuple[Color, tuple[Box, ...]]:
        """Draw frame `index`, from 0; going on beyond `frame_count` is allowed.

        Returns:
            The picture, (height, width, 3) uint8 BGR, and the true boxes in the order of `faces`.

        A face counts as there when at least `VISIBLE_SHARE` of its box is seen: inside the picture and not behind a
        pillar or the box of another face. Its true box is then the whole box, cut off only at the picture's edge.

        Raises:
            MediaError: the picture of the face cannot be read.
        """
        time_s = index / self.fps
        picture = paint_background(self.width, self.height, seed=self.seed, clutter=self.clutter).copy()
        boxes = []
        for face in self.faces:
            pose = face.motion(time_s)
            if pose is not None:
                boxes.append(_box_of(pose))
                _paste(picture, boxes[-1], mirrored=face.mirrored)
        for pillar in self.pillars:
            picture[_area(pillar.clipped(self.width, self.height))] = _PILLAR_BGR
        if self.light is not None:
            picture = np.asarray(cv2.LUT(picture, tone_curve(self.light(time_s))), dtype=np.uint8)
        return picture, self._visible(boxes)

    def _visible(self, boxes: Sequence[Box]) -> tuple[Box, ...]:
        """Those of the faces' whole boxes that count as there, cut off at the picture's edge."""
        visible = []
        for number, box in enumerate(boxes):
            seen = np.zeros((self.height, self.width), dtype=np.bool_)
            seen[_area(box.clipped(self.width, self.height))] = True
            for cover in (*boxes[number + 1 :], *self.pillars):
                seen[_area(cover.clipped(self.width, self.height))] = False
            if np.count_nonzero(seen) >= VISIBLE_SHARE * box.area:
                visible.append(box.clipped(self.width, self.height))
        return tuple(visible)


_PILLAR_BGR = (96, 104, 110)


def _box_of(pose: Pose) -> Box:
    side = max(1, round(pose.size))
    return Box(round(pose.x - side / 2), round(pose.y - side / 2), side, side)


def _area(box: Box) -> tuple[slice, slice]:
    return slice(box.y, box.y + box.h), slice(box.x, box.x + box.w)


def _paste(picture: Color, box: Box, *, mirrored: bool) -> None:
    """Lay the head over `picture`, in place, so that its face fills `box`; only the part inside is touched."""
    head = scaled_head(box.w, mirrored)
    whole = Box(box.x - head.face.x, box.y - head.face.y, head.color.shape[1], head.color.shape[0])
    height, width = picture.shape[:2]
    inside = whole.clipped(width, height)
    part = _area(Box(inside.x - whole.x, inside.y - whole.y, inside.w, inside.h))
    wall = picture[_area(inside)]
    # The sum is 255 at most, and the cut to whole numbers after adding 0.5 rounds it.
    np.copyto(wall, head.color[part] + wall * head.clear[part] + np.float32(0.5), casting="unsafe")
