"""Turns, mirrors and crops frames, so that everything behind the source sees the image upright."""

import logging
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edge.device.state import ROTATIONS, RotationMemory
from edge.errors import ConfigError
from edge.records import Box, Frame
from edge.settings.schema import SourceSettings
from edge.sources.orientation import UPRIGHT, Flip, Orientation

log = logging.getLogger(__name__)


class Mounting:
    """How the camera is mounted: turns, mirrors and crops each frame, in this order.

    The capture thread calls `orient` and opens cameras; the follow thread may `turn`; any thread may read the
    attributes.

    Args:
        settings: The rotation, which may be `auto` or left open, the flip and the crop.
        memory: The rotations that were found in earlier runs; None to start from 0 degrees.

    Attributes:
        rotation: Rotation in use, degrees, clockwise.
        is_automatic: Whether the settings leave the rotation to the program.
        is_found: Whether the rotation was found automatically, in this run or in an earlier one.
    """

    def __init__(self, settings: SourceSettings, memory: RotationMemory | None = None) -> None:
        self.is_automatic = settings.rotate in {"auto", None}
        self.rotation: int = settings.rotate if isinstance(settings.rotate, int) else 0
        self.is_found = False
        self._flip: Flip = settings.flip
        self._crop = Box(*settings.crop) if settings.crop else None
        self._memory = memory
        self._camera = ""
        self.set_done_by_camera(UPRIGHT)

    def prepare(self, camera: str) -> Orientation:
        """Recall the rotation of a camera that is about to be opened; return the orientation that its frames need.

        Args:
            camera: Its name, as in `Frame.source`.
        """
        self.set_done_by_camera(UPRIGHT)
        self._recall(camera)
        return Orientation.of(self.rotation, self._flip)

    def set_done_by_camera(self, done: Orientation) -> None:
        """Leave to the software, at each rotation, what is still to do for frames in the orientation `done`."""
        self._todo = {rotation: Orientation.of(rotation, self._flip).after(done) for rotation in ROTATIONS}

    def orient(self, frame: Frame) -> Frame:
        """Return the frame turned, mirrored and cropped; the same frame if there is nothing to do.

        Raises:
            ConfigError: The crop does not lie inside the turned frame.
        """
        if frame.source != self._camera:
            self._recall(frame.source)
        rotation = self.rotation  # read once: the follow thread may change it meanwhile
        todo, crop = self._todo[rotation], self._crop
        if todo == UPRIGHT and crop is None and rotation == frame.rotation:
            return frame
        gray, color = todo.apply(frame.gray), None if frame.color is None else todo.apply(frame.color)
        if crop is not None:
            gray, color = _cut(gray, crop), None if color is None else _cut(color, crop)
        return replace(frame, gray=gray, color=color, rotation=rotation)

    def turn(self, turn: int) -> None:
        """Turn the next frames by `turn` more degrees, clockwise as they are seen, now and after a restart."""
        self.use_found(self._rotation_after(self.rotation, turn), source=self._camera)
        if self._memory is not None:
            self._memory.store(self._camera, self.rotation)

    def use_found(self, rotation: int, *, source: str) -> None:
        """Use a rotation that was found from the faces, degrees, clockwise.

        Args:
            rotation: 0, 90, 180 or 270.
            source: name of the source, for the log.
        """
        if rotation != self.rotation:
            log.info("%s: turned by %d degrees: faces are upright now", source, rotation)
        self.rotation, self.is_found = rotation, True

    def turn_frame(self, frame: Frame, turn: int) -> Frame:
        """Return one frame, turned by `turn` more degrees, clockwise as it is seen; the same frame at 0 degrees."""
        if not turn:
            return frame
        todo = Orientation.of(turn)
        color = None if frame.color is None else todo.apply(frame.color)
        rotation = self._rotation_after(frame.rotation, turn)
        return replace(frame, gray=todo.apply(frame.gray), color=color, rotation=rotation)

    def _rotation_after(self, rotation: int, turn: int) -> int:
        """Return the rotation of frames that are turned by `turn` more degrees, clockwise as they are seen."""
        # Mirrored frames turn the other way when the camera's are turned.
        return (rotation + (turn if self._flip == "none" else -turn)) % 360

    def _recall(self, camera: str) -> None:
        """Take the rotation that was found for this camera, unless it is the one in use or the settings give one."""
        if camera == self._camera:
            return
        self._camera = camera
        if not self.is_automatic or self._memory is None:
            return
        remembered = self._memory.find(camera)
        self.rotation, self.is_found = remembered or 0, remembered is not None
        if remembered:
            log.info("%s: turned by %d degrees, as found in an earlier run", camera, remembered)


def _cut(pixels: NDArray[np.uint8], crop: Box) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    if crop.clipped(width, height) != crop:
        raise ConfigError(
            f"source.crop: expected a region inside the {width}x{height} px of the turned frame, found "
            f"{list(crop.xywh)}: x + w may be up to {width}, y + h up to {height}; [] is the whole frame"
        )
    return pixels[crop.y : crop.y + crop.h, crop.x : crop.x + crop.w]
