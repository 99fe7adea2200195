"""Varies a face as a camera and a detector would: framing, light, focus, things in the way."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How far a face may be changed. Shares are of its side; a probability is per face.

    The framing (zoom, shift) covers what a Haar box does around the same face: it wanders by some 5 % of its size
    and is up to a fifth wider or narrower than FER2013's framing.
    """

    flip: float = 0.5
    rotation_deg: float = 15.0
    zoom: tuple[float, float] = (0.85, 1.2)
    shift: float = 0.1
    gamma: tuple[float, float] = (0.6, 1.7)
    contrast: tuple[float, float] = (0.6, 1.4)
    brightness: float = 0.15
    soften: float = 0.15
    erase: float = 0.3
    erase_side: tuple[float, float] = (0.1, 0.35)


def augment(face: NDArray[np.uint8], settings: Augmentation, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return a changed copy of `face`, (S, S) uint8."""
    varied = _reframe(face, settings, rng)
    if rng.random() < settings.soften:
        varied = _soften(varied, rng)
    varied = _relight(varied, settings, rng)
    if rng.random() < settings.erase:
        _erase(varied, settings, rng)
    return varied


def _reframe(face: NDArray[np.uint8], settings: Augmentation, rng: np.random.Generator) -> NDArray[np.uint8]:
    size = face.shape[0]
    middle = (size - 1) / 2
    angle = rng.uniform(-settings.rotation_deg, settings.rotation_deg)
    matrix = cv2.getRotationMatrix2D((middle, middle), angle, 1 / rng.uniform(*settings.zoom))
    matrix[:, 2] += rng.uniform(-settings.shift, settings.shift, size=2) * size
    if rng.random() < settings.flip:
        matrix[0] = -matrix[0]
        matrix[0, 2] += size - 1
    moved = cv2.warpAffine(face, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, dtype=np.uint8)


def _soften(face: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Lose detail as a small or badly focused face does."""
    size = face.shape[0]
    smaller = int(rng.integers(size // 2, size))
    shrunk = cv2.resize(face, (smaller, smaller), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(shrunk, (size, size), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def _relight(face: NDArray[np.uint8], settings: Augmentation, rng: np.random.Generator) -> NDArray[np.uint8]:
    levels = np.linspace(0.0, 1.0, 256, dtype=np.float32)
    curve = levels ** np.exp(rng.uniform(*np.log(settings.gamma)))
    middle = float(face.mean()) / 255
    curve = (curve - middle) * rng.uniform(*settings.contrast) + middle
    curve += rng.uniform(-settings.brightness, settings.brightness)
    table = (np.clip(curve, 0.0, 1.0) * 255).astype(np.uint8)
    return np.asarray(table[face], dtype=np.uint8)


def _erase(face: NDArray[np.uint8], settings: Augmentation, rng: np.random.Generator) -> None:
    size = face.shape[0]
    height, width = (rng.uniform(*settings.erase_side, size=2) * size).astype(int)
    top, left = rng.integers(0, size - height + 1), rng.integers(0, size - width + 1)
    face[top : top + height, left : left + width] = rng.integers(0, 256)
