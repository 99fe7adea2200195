"""Reads clips with their reference boxes, and makes turned and looped copies of both."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import msgspec
import numpy as np

from edge.benchmark.memory_source import SceneFrames
from edge.errors import MediaError
from edge.records import Box
from edge.scenes.render import MIN_VISIBILITY, Scene
from edge.sources.folder import find_images
from edge.sources.video import VideoSource
from train.evaluation.corruptions import QUARTER_TURN, turn_image

PIXEL_PARTS = 10
"""Reference boxes are in tenths of a pixel: `Box` holds whole numbers, and the files have one decimal place."""

HALF_TURN, FULL_TURN = 180.0, 360.0

_LOSSLESS = "HFYU"
"""FourCC of HuffYUV: it keeps every pixel, and decodes in a third of the time of FFV1 from files three times larger."""


@dataclass(frozen=True, slots=True)
class ReferenceFace:
    """A face that is in a frame.

    Attributes:
        box: In tenths of a pixel.
        roll: In-plane rotation of the head, degrees clockwise, -180 to 180; 0 is upright.
    """

    box: Box
    roll: float


@dataclass(frozen=True, slots=True)
class Reference:
    """The faces in a clip that a detector should find.

    Attributes:
        fps: Frames per second.
        persons: Number of people who appear.
        faces: The faces of each frame.
        doubtful: Boxes of each frame, in tenths of a pixel, where a reading is neither right nor wrong.
    """

    fps: float
    persons: int
    faces: tuple[tuple[ReferenceFace, ...], ...]
    doubtful: tuple[tuple[Box, ...], ...]

    def looped(self, count: int) -> "Reference":
        """Return the reference of the clip as it is shown forwards and backwards for `count` frames."""
        order = list(loop_order(len(self.faces), count))
        return replace(self, faces=tuple(self.faces[i] for i in order), doubtful=tuple(self.doubtful[i] for i in order))

    def turned(self, degrees: float, width: int, height: int) -> "Reference":
        """Return the reference of the clip whose frames of `width` x `height` px are turned by `turn_image`.

        Boxes keep their size. A face of which less than half is left in the frame becomes doubtful.
        """
        before = Box(0, 0, PIXEL_PARTS * width, PIXEL_PARTS * height)
        after = Box(0, 0, before.h, before.w) if _swaps_sides(degrees) else before
        faces: list[tuple[ReferenceFace, ...]] = []
        doubtful: list[tuple[Box, ...]] = []
        for wanted, boxes in zip(self.faces, self.doubtful, strict=True):
            turned = [
                ReferenceFace(_turn(face.box, degrees, before, after), _wrap(face.roll + degrees)) for face in wanted
            ]
            kept = tuple(face for face in turned if _visible_share(face.box, after) >= MIN_VISIBILITY)
            faces.append(kept)
            lost = (face.box for face in turned if face not in kept)
            doubtful.append((*(_turn(box, degrees, before, after) for box in boxes), *lost))
        return replace(self, faces=tuple(faces), doubtful=tuple(doubtful))


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip and its reference."""

    path: Path
    reference: Reference

    @property
    def name(self) -> str:
        """The file's name without its suffix."""
        return self.path.stem

    @property
    def frame_count(self) -> int:
        """Number of frames, according to the reference."""
        return len(self.reference.faces)


class _ReferenceFile(msgspec.Struct):
    """The JSON beside a clip; benchmarks/README.md documents it. Other keys are ignored."""

    fps: float
    frames: int
    persons: int
    boxes: list[list[tuple[float, float, float, float, float, float]]]
    maybe: list[list[list[float]]] | None = None


def find_clips(folder: Path) -> list[Clip]:
    """Return the clips NAME.mp4 of a folder with their references NAME.json, sorted by name.

    Raises:
        MediaError: The folder is missing or has no clip, or a clip has no valid reference.
    """
    if not folder.is_dir():
        raise MediaError(
            f"{folder}: expected a folder of clips, found none: name one that holds NAME.mp4 and NAME.json"
        )
    paths = sorted(path for path in folder.glob("*.mp4") if path.is_file())
    if not paths:
        raise MediaError(f"{folder}: expected clips, found no .mp4: name a folder that holds NAME.mp4 and NAME.json")
    return [Clip(path, read_reference(path.with_suffix(".json"))) for path in paths]


def read_reference(path: Path) -> Reference:
    """Read a clip's reference.

    Raises:
        MediaError: The file cannot be read, is not in the format, or its lists are not as long as the clip.
    """
    try:
        content = msgspec.json.decode(path.read_bytes(), type=_ReferenceFile)
    except OSError as error:
        raise MediaError(f"{path}: expected the reference of a clip, found: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise MediaError(f"{path}: expected the reference of a clip, found: {error}") from error
    maybe = content.maybe if content.maybe is not None else [[] for _ in content.boxes]
    if not (len(content.boxes) == len(maybe) == content.frames > 0 and content.fps > 0):
        raise MediaError(
            f"{path}: expected `boxes` and `maybe` for each of {content.frames} frames at {content.fps:g} a second, "
            f"found {len(content.boxes)} and {len(maybe)}"
        )
    faces = tuple(tuple(ReferenceFace(_read_box(row), row[5]) for row in rows) for rows in content.boxes)
    doubtful = tuple(tuple(_read_box(row) for row in rows) for rows in maybe)
    return Reference(content.fps, content.persons, faces, doubtful)


def _read_box(row: Sequence[float]) -> Box:
    x, y, w, h = (round(PIXEL_PARTS * value) for value in row[:4])
    return Box(x, y, w, h)


def load_frames(clip: Clip) -> SceneFrames:
    """Decode a clip with the runtime's own reader; the frames are luma.

    Raises:
        MediaError: The clip cannot be read, or has another number of frames than its reference.
    """
    source = VideoSource(clip.path)
    frames = tuple(frame.gray for frame in iter(source.read, None))
    source.close()
    if len(frames) != clip.frame_count:
        raise MediaError(f"{clip.path}: expected the {clip.frame_count} frames of its reference, found {len(frames)}")
    height, width = frames[0].shape
    scene = Scene(clip.name, width, height, source.fps, len(frames) / source.fps)
    return SceneFrames(scene, frames, tuple(range(len(frames))))


def loop_order(frames: int, count: int) -> Iterator[int]:
    """Yield `count` indices of `frames` frames: forwards, backwards, forwards and so on, without a jump."""
    period = max(1, 2 * frames - 2)
    for number in range(count):
        place = number % period
        yield place if place < frames else period - place


def loop_frames(film: SceneFrames, count: int) -> SceneFrames:
    """Return the frames forwards and backwards up to `count`, without copies; unchanged if there are as many."""
    count = max(count, len(film.frames))
    order = tuple(loop_order(len(film.frames), count))
    scene = replace(film.scene, duration_s=count / film.scene.fps)
    return SceneFrames(scene, tuple(film.frames[place] for place in order), tuple(range(count)))


def copy_clip(clip: Clip, folder: Path, *, degrees: float = 0.0, count: int = 0) -> Clip:
    """Write a copy of a clip and its reference to `folder`, without a further loss of coding.

    Args:
        clip: The clip.
        folder: Where the copy goes.
        degrees: Angle by which the copy is turned clockwise.
        count: Number of frames of the copy, which then runs forwards and backwards; a clip that has as many is not
            looped.
    """
    count = max(count, clip.frame_count)
    source = VideoSource(clip.path, color=True)
    images = [turn_image(frame.color, degrees) for frame in iter(source.read, None) if frame.color is not None]
    source.close()
    height, width = images[0].shape[:2]
    path = folder / f"{clip.name}-{degrees:g}-{count}.avi"
    writer = cv2.VideoWriter(
        str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*_LOSSLESS), clip.reference.fps, (width, height)
    )
    if not writer.isOpened():
        raise MediaError(f"{path}: expected a place to write a video, found that OpenCV cannot write it there")
    for index in loop_order(len(images), count):
        writer.write(images[index])
    writer.release()
    before = (height, width) if _swaps_sides(degrees) else (width, height)
    return Clip(path, clip.reference.turned(degrees, *before).looped(count))


def turn_photographs(photographs: Path, degrees: float, folder: Path) -> None:
    """Write copies of the images in `photographs` to the same subfolders of `folder`, turned about their middle.

    Every other one is turned clockwise, the others anticlockwise.
    """
    for number, path in enumerate(find_images(photographs)):
        image = cv2.imread(str(path))
        if image is not None:
            target = folder / path.parent.relative_to(photographs) / f"{number:06d}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            turned = turn_image(np.asarray(image, np.uint8), -degrees if number % 2 else degrees)
            cv2.imwrite(str(target), turned)


def _swaps_sides(degrees: float) -> bool:
    return degrees % HALF_TURN == QUARTER_TURN


def _turn(box: Box, degrees: float, before: Box, after: Box) -> Box:
    """Move a box as its middle moves when the frame `before` is turned clockwise and becomes the frame `after`."""
    x, y = box.center[0] - before.center[0], box.center[1] - before.center[1]
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    middle = after.center[0] + cosine * x - sine * y, after.center[1] + sine * x + cosine * y
    return box.moved(middle[0] - box.center[0], middle[1] - box.center[1])


def _wrap(degrees: float) -> float:
    """Return the same angle within -180 to 180 degrees."""
    return (degrees + HALF_TURN) % FULL_TURN - HALF_TURN


def _visible_share(box: Box, frame: Box) -> float:
    return box.clipped(frame.w, frame.h).area / box.area if box.area else 0.0
