"""Draws a scene: frames with one or more moving faces, and the true boxes of these faces."""

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


@dataclass(frozen=True, slots=True)
class Sight:
    """A face in one frame.

    number: its place in the scene's `faces`. box: the part inside the picture, px.
    share: part of the whole box that is seen, 0.0 to 1.0.
    """

    number: int
    box: Box
    share: float


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
        for number, box in self._boxes(time_s):
            _paste(picture, box, mirrored=self.faces[number].mirrored)
        for pillar in self.pillars:
            picture[_area(pillar.clipped(self.width, self.height))] = _PILLAR_BGR
        if self.light is not None:
            picture = np.asarray(cv2.LUT(picture, tone_curve(self.light(time_s))), dtype=np.uint8)
        return picture, tuple(sight.box for sight in self.sights(index) if sight.share >= VISIBLE_SHARE)

    def sights(self, index: int) -> tuple[Sight, ...]:
        """Tell how much is seen of each face that is on in frame `index`, in the order of `faces`; draws nothing."""
        boxes = self._boxes(index / self.fps)
        covers = [box for _, box in boxes]
        sights = []
        for place, (number, box) in enumerate(boxes):
            seen = np.zeros((self.height, self.width), dtype=np.bool_)
            seen[_area(box.clipped(self.width, self.height))] = True
            for cover in (*covers[place + 1 :], *self.pillars):
                seen[_area(cover.clipped(self.width, self.height))] = False
            share = int(np.count_nonzero(seen)) / box.area
            sights.append(Sight(number, box.clipped(self.width, self.height), share))
        return tuple(sights)

    def _boxes(self, time_s: float) -> list[tuple[int, Box]]:
        """Return the number and whole box of each face that is on, px."""
        poses = [(number, face.motion(time_s)) for number, face in enumerate(self.faces)]
        return [(number, _box_of(pose)) for number, pose in poses if pose is not None]


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
