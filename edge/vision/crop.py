"""Cuts a face out of a frame, framed as the model was trained to see it."""

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.manifest import Framing
from edge.records import Box, Gray


def resize_face(face: Gray, *, size: int) -> Gray:
    """Scale a grey face of any shape to (size, size) uint8; training reads its pictures through this too."""
    if face.shape == (size, size):
        return face
    shrinks = face.shape[0] > size or face.shape[1] > size
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(face, (size, size), interpolation=interpolation), dtype=np.uint8)


def crop_face(gray: Gray, box: Box, *, framing: Framing, size: int) -> Gray:
    """Return the face in `box` as (size, size) uint8.

    Args:
        gray: (H, W) uint8.
        box: the detector's box, which touches the picture.
        framing: how the model wants a detector's box scaled and moved.
        size: side of the model's input, px.

    What lies outside the picture is the picture's edge, repeated: a black bar would look like hair or shadow.
    """
    wanted = box.expanded(framing.scale, shift_y=framing.shift_y)
    height, width = gray.shape
    inside = wanted.clipped(width, height)
    face = gray[inside.y : inside.y + inside.h, inside.x : inside.x + inside.w]
    if inside != wanted:
        top, left = inside.y - wanted.y, inside.x - wanted.x
        bottom, right = wanted.h - inside.h - top, wanted.w - inside.w - left
        face = np.asarray(cv2.copyMakeBorder(face, top, bottom, left, right, cv2.BORDER_REPLICATE), dtype=np.uint8)
    return resize_face(face, size=size)


def to_unit(faces: Gray) -> NDArray[np.float32]:
    """Scale uint8 luma of any shape to float32 0.0 ... 1.0: the range that every model of ours is trained on."""
    return np.multiply(faces, np.float32(1 / 255), dtype=np.float32)
