"""Varies faces as a camera and a detector would: framing, focus, light, things in the way."""

from typing import Annotated

import cv2
import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from edge.vision.crop import to_unit
from train.mixup import Floats, mix_up

Faces = NDArray[np.uint8]
"""(B, S, S) luma."""

Draws = NDArray[np.float64]
"""(B,) one number for each face."""

LEVELS = np.linspace(0.0, 1.0, 256, dtype=np.float32)
"""The light of each value of uint8."""

Chance = Annotated[float, Meta(ge=0.0, le=1.0)]
Ratio = Annotated[float, Meta(ge=0.1, le=10.0)]


class Augmentation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far a face may be changed. Shares are of its side; of a pair, every value between the two is as likely.

    zoom, shift: they cover how the runtime's Haar box strays around the same face. Source: photographs of people, each
        shown 13 times, moved, turned by up to 15 degrees and scaled to 0.6 to 1.1. Searched as pictures are (150
        photographs, 1,725 boxes), the box's middle strays by 1 % of its side (95 %: 2.4 %), its width by 4 % (95 %:
        0.94 to 1.08); as streams are (80, 895 boxes) by 1.4 % (2.8 %) and 4 % (0.91 to 1.09). FER2013's own framing
        differs more: around 1,970 of its faces the box is off the picture's middle by a standard deviation of 5 %
        across and 6 % down, and 0.97 times as wide in the mean (5 to 95 %: 0.71 to 1.23).
    blur_sigma: above 1 px the runtime calls more and more of the faces too blurred to be named. Source: of 252 faces of
        FER2013, `edge.vision.quality` refuses 1 % at 0.75 px, 10 % at 1 px, 39 % at 1.25 px, 66 % at 1.5 px.
    mixup: see `train.mixup`; small, since these nets are.
    """

    flip: Annotated[float, Meta(ge=0.0, le=1.0, description="probability that a face is mirrored")] = 0.5
    rotation_deg: Annotated[float, Meta(ge=0.0, le=180.0, description="largest turn to either side, degrees")] = 15.0
    zoom: Annotated[
        tuple[Ratio, Ratio], Meta(description="width of the frame around the face, in widths of the data set's frame")
    ] = (0.85, 1.2)
    shift: Annotated[
        float, Meta(ge=0.0, le=0.5, description="largest move across and down, as a share of the side")
    ] = 0.1
    gamma: Annotated[tuple[Ratio, Ratio], Meta(description="exponent of the light: below 1 the mid-tones brighten")] = (
        0.6,
        1.7,
    )
    contrast: Annotated[tuple[Ratio, Ratio], Meta(description="factor of the contrast, about the face's mean")] = (
        0.6,
        1.4,
    )
    brightness: Annotated[
        float, Meta(ge=0.0, le=1.0, description="most light added or taken away, as a share of white")
    ] = 0.15
    soften: Annotated[
        float, Meta(ge=0.0, le=1.0, description="probability that a face is seen as small as half its side")
    ] = 0.15
    blur: Annotated[float, Meta(ge=0.0, le=1.0, description="probability that a face is out of focus")] = 0.15
    blur_sigma: Annotated[
        tuple[Ratio, Ratio], Meta(description="standard deviation of that blur, px of the face's 48")
    ] = (0.5, 1.0)
    erase: Annotated[float, Meta(ge=0.0, le=1.0, description="probability that a grey block hides a part")] = 0.3
    erase_side: Annotated[tuple[Chance, Chance], Meta(description="sides of that block, as a share of the face's")] = (
        0.1,
        0.35,
    )
    mixup: Annotated[
        float,
        Meta(ge=0.0, le=10.0, description="alpha of mixup, which blends faces and targets in pairs; 0 is never"),
    ] = 0.1


def augment(faces: Faces, targets: Floats, settings: Augmentation, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return changed copies of a batch: (B, S, S) float32 0 ... 1, and its targets.

    Every change draws its numbers whatever the settings are, so that one setting does not alter what another one does.

    Args:
        faces: (B, S, S) uint8.
        targets: (B, K) float32, each row sums to 1; only mixup changes them.
        settings: how far to go.
        rng: all chance comes from it.
    """
    varied = _reframe(faces, settings, rng)
    _soften(varied, settings, rng)
    _blur(varied, settings, rng)
    _relight(varied, settings, rng)
    _erase(varied, settings, rng)
    return mix_up(to_unit(varied), targets, alpha=settings.mixup, rng=rng)


def _between(pair: tuple[float, float], count: int, rng: np.random.Generator) -> Draws:
    """(count,) uniform between the two, in whichever order they are given."""
    return pair[0] + (pair[1] - pair[0]) * rng.random(count)


def _reframe(faces: Faces, settings: Augmentation, rng: np.random.Generator) -> Faces:
    """Turn, scale, move and mirror, in one step, so that the pixels are interpolated once."""
    count, size, _ = faces.shape
    middle = (size - 1) / 2
    angle = np.radians(_between((-settings.rotation_deg, settings.rotation_deg), count, rng))
    scale = 1 / _between(settings.zoom, count, rng)
    move_x, move_y = (_between((-settings.shift, settings.shift), count, rng) * size for _ in "xy")
    side = np.where(rng.random(count) < settings.flip, -1.0, 1.0)
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    # From the changed face back to the given one is OpenCV's to find; each row is about the middle.
    x_row = np.stack([side * cos, side * sin, middle + side * (move_x - (cos + sin) * middle)], axis=1)
    y_row = np.stack([-sin, cos, middle + move_y + (sin - cos) * middle], axis=1)
    matrices = np.stack([x_row, y_row], axis=1)
    moved = np.empty_like(faces)
    for face, matrix, into in zip(faces, matrices, moved, strict=True):
        cv2.warpAffine(face, matrix, (size, size), dst=into, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return moved


def _soften(faces: Faces, settings: Augmentation, rng: np.random.Generator) -> None:
    """Lose detail as a small face does."""
    count, size, _ = faces.shape
    smaller = rng.integers(size // 2, size, count)
    for row in np.flatnonzero(rng.random(count) < settings.soften):
        shrunk = cv2.resize(faces[row], (int(smaller[row]),) * 2, interpolation=cv2.INTER_AREA)
        cv2.resize(shrunk, (size, size), dst=faces[row], interpolation=cv2.INTER_LINEAR)


def _blur(faces: Faces, settings: Augmentation, rng: np.random.Generator) -> None:
    """Lose detail as a badly focused face does."""
    sigma = _between(settings.blur_sigma, len(faces), rng)
    for row in np.flatnonzero(rng.random(len(faces)) < settings.blur):
        cv2.GaussianBlur(faces[row], (0, 0), sigma[row], dst=faces[row], borderType=cv2.BORDER_REPLICATE)


def _relight(faces: Faces, settings: Augmentation, rng: np.random.Generator) -> None:
    """Change gamma, contrast and brightness, as one table of 256 values a face."""
    count = len(faces)
    gamma = np.exp(_between((np.log(settings.gamma[0]), np.log(settings.gamma[1])), count, rng))
    contrast = _between(settings.contrast, count, rng)
    added = _between((-settings.brightness, settings.brightness), count, rng)
    middle = faces.mean(axis=(1, 2)) / 255
    column = np.stack([gamma, contrast, middle * (1 - contrast) + added], axis=1).astype(np.float32)[:, :, np.newaxis]
    curves = LEVELS ** column[:, 0] * column[:, 1] + column[:, 2]
    tables = np.rint(np.clip(curves, 0.0, 1.0) * 255).astype(np.uint8)
    for face, table in zip(faces, tables, strict=True):
        cv2.LUT(face, table, dst=face)


def _erase(faces: Faces, settings: Augmentation, rng: np.random.Generator) -> None:
    """Hide a block behind one grey."""
    count, size, _ = faces.shape
    height, width = ((_between(settings.erase_side, count, rng) * size).astype(int) for _ in "hw")
    top, left = ((rng.random(count) * (size - side + 1)).astype(int) for side in (height, width))
    grey = rng.integers(0, 256, size=(count,))
    for row in np.flatnonzero(rng.random(count) < settings.erase):
        faces[row, top[row] : top[row] + height[row], left[row] : left[row] + width[row]] = grey[row]
