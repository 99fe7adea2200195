"""Augments faces as a camera and a detector vary them: framing, focus, light, occlusion; and mixup."""

from typing import Annotated

import cv2
import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from edge.vision.crop import to_unit

Faces = NDArray[np.uint8]
"""(B, S, S) luma."""

Floats = NDArray[np.float32]

Draws = NDArray[np.float64]
"""(B,) one random number for each face."""

LEVELS = np.linspace(0.0, 1.0, 256, dtype=np.float32)
"""The luma of each uint8 value, 0 ... 1."""

Chance = Annotated[float, Meta(ge=0.0, le=1.0)]
Ratio = Annotated[float, Meta(ge=0.1, le=10.0)]


class Augmentation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much a face may be changed. Shares are of the face's side; pairs are the ends of a uniform distribution.

    Attributes:
        zoom, shift: they cover how much the runtime's Haar box varies around the same face. Source: photographs of
            people, each shown 13 times, moved, rotated by up to 15 degrees and scaled to 0.6 to 1.1. Detected as still
            images (150 photographs, 1,725 boxes), the box's center varies by 1 % of its side (95 %: 2.4 %) and its
            width by 4 % (95 %: 0.94 to 1.08); detected as streams (80 photographs, 895 boxes) by 1.4 % (2.8 %) and 4 %
            (0.91 to 1.09). FER2013's own framing varies more: on 1,970 of its faces the box's center is off the
            image's by a standard deviation of 5 % horizontally and 6 % vertically, and the box is 0.97 times as wide
            on average (5 to 95 %: 0.71 to 1.23).
        blur_sigma: above 1 px the runtime refuses more and more faces as too blurred. Source: of 252 faces of FER2013,
            `edge.vision.quality` refuses 1 % at 0.75 px, 10 % at 1 px, 39 % at 1.25 px, 66 % at 1.5 px.
        mixup: see `mix_up`; weak, because these nets are small.
    """

    flip: Annotated[float, Meta(ge=0.0, le=1.0, description="probability that a face is mirrored")] = 0.5
    rotation_deg: Annotated[float, Meta(ge=0.0, le=180.0, description="largest rotation to either side, degrees")] = (
        15.0
    )
    zoom: Annotated[
        tuple[Ratio, Ratio], Meta(description="width of the crop around the face, in widths of the data set's crop")
    ] = (0.85, 1.2)
    shift: Annotated[float, Meta(ge=0.0, le=0.5, description="largest shift in x and in y, as a share of the side")] = (
        0.1
    )
    gamma: Annotated[tuple[Ratio, Ratio], Meta(description="gamma: below 1 brightens the mid-tones")] = (
        0.6,
        1.7,
    )
    contrast: Annotated[tuple[Ratio, Ratio], Meta(description="factor of the contrast around the face's mean")] = (
        0.6,
        1.4,
    )
    brightness: Annotated[float, Meta(ge=0.0, le=1.0, description="largest brightness change, as a share of white")] = (
        0.15
    )
    soften: Annotated[
        float,
        Meta(
            ge=0.0, le=1.0, description="probability that a face loses detail like a smaller one, down to half its side"
        ),
    ] = 0.15
    blur: Annotated[float, Meta(ge=0.0, le=1.0, description="probability that a face is out of focus")] = 0.15
    blur_sigma: Annotated[
        tuple[Ratio, Ratio], Meta(description="standard deviation of that blur, px of the face's 48")
    ] = (0.5, 1.0)
    erase: Annotated[float, Meta(ge=0.0, le=1.0, description="probability that a gray block hides a part")] = 0.3
    erase_side: Annotated[
        tuple[Chance, Chance], Meta(description="sides of that block, as a share of the face's side")
    ] = (
        0.1,
        0.35,
    )
    mixup: Annotated[
        float,
        Meta(ge=0.0, le=10.0, description="alpha of mixup, which blends faces and targets in pairs; 0 turns it off"),
    ] = 0.1


def augment(
    faces: Faces, targets: Floats, settings: Augmentation, rng: np.random.Generator, *, margin: int = 0
) -> tuple[Floats, Floats]:
    """Return augmented copies of a batch, (B, S, S) float32 0 ... 1, and its targets.

    Every augmentation draws its random numbers even if it is off, so that changing one setting does not affect the
    others.

    Args:
        faces: (B, S + 2 * margin, S + 2 * margin) uint8.
        targets: (B, K) float32, each row sums to 1; only mixup changes them.
        settings: how much to change.
        rng: source of all randomness.
        margin: width of the border around each face, px, that rotation, zoom and shift may bring in.
    """
    varied = _reframe(faces, settings, rng, margin=margin)
    _soften(varied, settings, rng)
    _blur(varied, settings, rng)
    _relight(varied, settings, rng)
    _erase(varied, settings, rng)
    return mix_up(to_unit(varied), targets, alpha=settings.mixup, rng=rng)


def _between(pair: tuple[float, float], count: int, rng: np.random.Generator) -> Draws:
    """Draw `count` numbers, uniform between the two in either order."""
    return pair[0] + (pair[1] - pair[0]) * rng.random(count)


def _reframe(faces: Faces, settings: Augmentation, rng: np.random.Generator, *, margin: int) -> Faces:
    """Rotate, scale, shift, mirror and cut off the margin in one transform, which interpolates the pixels only once."""
    count = len(faces)
    size = faces.shape[1] - 2 * margin
    middle = (size - 1) / 2
    given_middle = middle + margin
    angle = np.radians(_between((-settings.rotation_deg, settings.rotation_deg), count, rng))
    scale = 1 / _between(settings.zoom, count, rng)
    move_x, move_y = (_between((-settings.shift, settings.shift), count, rng) * size for _ in "xy")
    side = np.where(rng.random(count) < settings.flip, -1.0, 1.0)
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    # The matrices map a given face to its changed one, about the middle; OpenCV inverts them.
    x_row = np.stack([side * cos, side * sin, middle + side * (move_x - (cos + sin) * given_middle)], axis=1)
    y_row = np.stack([-sin, cos, middle + move_y + (sin - cos) * given_middle], axis=1)
    matrices = np.stack([x_row, y_row], axis=1)
    moved = np.empty((count, size, size), dtype=faces.dtype)
    for face, matrix, into in zip(faces, matrices, moved, strict=True):
        cv2.warpAffine(face, matrix, (size, size), dst=into, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return moved


def _soften(faces: Faces, settings: Augmentation, rng: np.random.Generator) -> None:
    """Downscale and upscale, which loses detail like a small face."""
    count, size, _ = faces.shape
    smaller = rng.integers(size // 2, size, count)
    for row in np.flatnonzero(rng.random(count) < settings.soften):
        shrunk = cv2.resize(faces[row], (int(smaller[row]),) * 2, interpolation=cv2.INTER_AREA)
        cv2.resize(shrunk, (size, size), dst=faces[row], interpolation=cv2.INTER_LINEAR)


def _blur(faces: Faces, settings: Augmentation, rng: np.random.Generator) -> None:
    """Blur like a face out of focus."""
    sigma = _between(settings.blur_sigma, len(faces), rng)
    for row in np.flatnonzero(rng.random(len(faces)) < settings.blur):
        cv2.GaussianBlur(faces[row], (0, 0), sigma[row], dst=faces[row], borderType=cv2.BORDER_REPLICATE)


def _relight(faces: Faces, settings: Augmentation, rng: np.random.Generator) -> None:
    """Change gamma, contrast and brightness with one lookup table of 256 values per face."""
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
    """Hide a block behind a uniform gray."""
    count, size, _ = faces.shape
    height, width = ((_between(settings.erase_side, count, rng) * size).astype(int) for _ in "hw")
    top, left = ((rng.random(count) * (size - side + 1)).astype(int) for side in (height, width))
    gray = rng.integers(0, 256, size=(count,))
    for row in np.flatnonzero(rng.random(count) < settings.erase):
        faces[row, top[row] : top[row] + height[row], left[row] : left[row] + width[row]] = gray[row]


def mix_up(faces: Floats, targets: Floats, *, alpha: float, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Blend each face and its target with another one of the batch (mixup).

    The face itself keeps the larger part, so that a batch still shows each of its faces once. The partner's share is
    small for a small alpha: 6 % on average at 0.1, and above a fifth for one face in eight; 25 % on average at 1.0.

    Args:
        faces: (B, ...) float32.
        targets: (B, K) float32, each row sums to 1; so do the blended ones.
        alpha: both parameters of the Beta distribution of the shares; 0 blends nothing.
        rng: draws partners and shares.

    Source: Zhang et al., "mixup: Beyond Empirical Risk Minimization", arXiv 1710.09412: on ImageNet 0.1 to 0.4 helped,
    and larger values underfit.
    """
    if alpha == 0.0:
        return faces, targets
    partners = rng.permutation(len(faces))
    drawn = rng.beta(alpha, alpha, len(faces)).astype(np.float32)
    shares = np.minimum(drawn, 1 - drawn)
    return _blend(faces, partners, shares), _blend(targets, partners, shares)


def _blend(values: Floats, partners: NDArray[np.int64], shares: Floats) -> Floats:
    """Blend in place: allocating memory for a batch of faces costs more than the arithmetic."""
    blended = values[partners]
    blended -= values
    blended *= shares.reshape(-1, *(1,) * (values.ndim - 1))
    blended += values
    return blended
