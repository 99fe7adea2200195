"""Renders scenes: frames with one or more moving faces, and the ground truth of these faces."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import MediaError
from edge.records import Box, Color
from edge.scenes.animation import Light, LightMotion, Motion, Pose
from edge.scenes.background import Clutter, paint_background
from edge.scenes.drawn_head import ExpressionMotion
from edge.scenes.head import Head, scaled_head

MIN_VISIBILITY = 0.5
"""Smallest visible share of a face's box for the face to count as present."""

_PILLAR_BGR = (96, 104, 110)

_CODECS = {".mp4": "mp4v", ".avi": "MJPG"}
"""FourCC by file suffix: the codecs that OpenCV's own wheels can write and read on every machine."""


@dataclass(frozen=True, slots=True, eq=False)
class MovingFace:
    """A face and its motion.

    Attributes:
        motion: where it is.
        mirrored: whether left and right are swapped, which makes another image of the same person.
        expression: makes it the drawn person, with this expression; None for the photograph.
    """

    motion: Motion
    mirrored: bool = False
    expression: ExpressionMotion | None = None


@dataclass(frozen=True, slots=True)
class FaceAnnotation:
    """The ground truth of a face in one frame.

    Attributes:
        face_index: index into the scene's `faces`.
        box: the part of the face's box inside the frame, px.
        visibility: visible share of the whole box, 0.0 to 1.0.
    """

    face_index: int
    box: Box
    visibility: float


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """An animated scene with known ground truth; the same arguments render the same pixels.

    Attributes:
        name: the scene's name.
        width: width of a frame, px.
        height: height of a frame, px.
        fps: frames per second.
        duration_s: length, s.
        faces: the faces, from back to front.
        light: brightness over time; None is constant.
        pillars: parts of the frame, px, where a pillar hides the faces.
        seed: seed of the wall's texture.
        clutter: amount of detail on the wall, and so the amount of work for a detector.
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
        """Number of frames in `duration_s`."""
        return round(self.duration_s * self.fps)

    def frame(self, index: int) -> tuple[Color, tuple[Box, ...]]:
        """Render frame `index`, counted from 0; it may be beyond `frame_count`.

        A face counts as present if at least `MIN_VISIBILITY` of its box is visible: inside the frame and not behind a
        pillar or the box of another face. Its true box is then the whole box, clipped only at the frame's edge.

        Returns:
            The image, (height, width, 3) uint8 BGR, and the true boxes in the order of `faces`.

        Raises:
            MediaError: the image of the head cannot be read.
        """
        time_s = index / self.fps
        image = paint_background(self.width, self.height, seed=self.seed, clutter=self.clutter).copy()
        for face_index, box in self._boxes(time_s):
            face = self.faces[face_index]
            expression = face.expression(time_s) if face.expression else None
            _paste(image, box, scaled_head(box.w, face.mirrored, expression))
        for pillar in self.pillars:
            image[_slices(pillar.clipped(self.width, self.height))] = _PILLAR_BGR
        if self.light is not None:
            image = np.asarray(cv2.LUT(image, tone_curve(self.light(time_s))), dtype=np.uint8)
        return image, tuple(face.box for face in self.annotations(index) if face.visibility >= MIN_VISIBILITY)

    def annotations(self, index: int) -> tuple[FaceAnnotation, ...]:
        """Return the ground truth of each face that frame `index` has, in the order of `faces`, without rendering."""
        boxes = self._boxes(index / self.fps)
        annotations = []
        for place, (face_index, box) in enumerate(boxes):
            visible = np.zeros((self.height, self.width), dtype=np.bool_)
            visible[_slices(box.clipped(self.width, self.height))] = True
            in_front = [other for _, other in boxes[place + 1 :]]
            for occluder in (*in_front, *self.pillars):
                visible[_slices(occluder.clipped(self.width, self.height))] = False
            visibility = int(np.count_nonzero(visible)) / box.area
            annotations.append(FaceAnnotation(face_index, box.clipped(self.width, self.height), visibility))
        return tuple(annotations)

    def _boxes(self, time_s: float) -> list[tuple[int, Box]]:
        """Return the index and whole box, px, of each face that has a pose at `time_s`."""
        poses = [(index, face.motion(time_s)) for index, face in enumerate(self.faces)]
        return [(index, _box_of(pose)) for index, pose in poses if pose is not None]


def tone_curve(light: Light) -> NDArray[np.uint8]:
    """Return the new value of each grey level under `light`, (256,) uint8."""
    levels = np.linspace(0, 1, 256) ** light.gamma * light.gain
    return np.clip(np.rint(levels * 255), 0, 255).astype(np.uint8)


def write_clip(scene: Scene, path: Path) -> None:
    """Write every frame of `scene` to a video file, .mp4 (MPEG-4) or .avi (Motion JPEG).

    Raises:
        MediaError: `path` has another suffix, or cannot be written.
    """
    codec = _CODECS.get(path.suffix.lower())
    if codec is None:
        raise MediaError(f"{path}: expected a name that ends in {' or '.join(_CODECS)}")
    fourcc = cv2.VideoWriter.fourcc(*codec)
    writer = cv2.VideoWriter(str(path), fourcc, scene.fps, (scene.width, scene.height))
    try:
        if not writer.isOpened():
            raise MediaError(f"{path}: cannot write a clip here: does the folder exist, and may you write to it?")
        for index in range(scene.frame_count):
            writer.write(scene.frame(index)[0])
    finally:
        writer.release()


def _box_of(pose: Pose) -> Box:
    side = max(1, round(pose.size))
    return Box(round(pose.x - side / 2), round(pose.y - side / 2), side, side)


def _slices(box: Box) -> tuple[slice, slice]:
    return slice(box.y, box.y + box.h), slice(box.x, box.x + box.w)


def _paste(image: Color, box: Box, head: Head) -> None:
    """Blend a head over `image`, in place, so that its face fills `box`; the part outside the image is cut off."""
    whole = Box(box.x - head.face.x, box.y - head.face.y, head.color.shape[1], head.color.shape[0])
    height, width = image.shape[:2]
    inside = whole.clipped(width, height)
    part = _slices(Box(inside.x - whole.x, inside.y - whole.y, inside.w, inside.h))
    region = image[_slices(inside)]
    # Adding 0.5 before the cast, which truncates, rounds to nearest; the sum stays below 256.
    np.copyto(region, head.color[part] + region * head.transparency[part] + np.float32(0.5), casting="unsafe")
