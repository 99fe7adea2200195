"""Draws the calibration faces, on which the range of every activation is measured."""

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.errors import MediaError
from edge.model.manifest import InputSpec
from edge.vision.crop import resize_face
from train.data.faces import FaceData
from train.evaluation.predict import to_input

log = logging.getLogger(__name__)

BLACK, WHITE = 0, 255

OWN_INPUT = InputSpec()
"""The input of our own nets: 48 x 48, 0.0 to 1.0."""


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationFaces:
    """Faces in the form that a model takes, and their origin.

    Attributes:
        faces: (N, S, S, 1) float32.
        dataset: name of the data set.
        split: name of the split.
        seed: of the draw.
        counts: number of faces by label.
    """

    faces: NDArray[np.float32]
    dataset: str
    split: str
    seed: int
    counts: dict[str, int]


def draw_calibration(data: FaceData, *, faces: int, seed: int, input_spec: InputSpec = OWN_INPUT) -> CalibrationFaces:
    """Draw up to `faces` faces of the training split, resized and scaled as the runtime does with a crop.

    The classes are as even as their sizes allow. Black and white occur, so that our input is quantized with scale 1/255
    and zero point -128: a crop then becomes int8 by flipping one bit of each byte. No other split is used, since it
    would leak into the model.

    Args:
        data: the data set.
        faces: number of faces to draw, at least one per class.
        seed: the same seed draws the same faces.
        input_spec: side and value range that the model takes.

    Raises:
        MediaError: a class has no face, or every face is of one flat grey.
    """
    training, counts = data.training, data.training.counts()
    missing = [name for name, count in zip(data.labels, counts, strict=True) if count == 0]
    if missing:
        raise MediaError(
            f"training split: expected faces of every class, found none of {', '.join(missing)}: complete the data"
        )
    rng = np.random.default_rng(seed)
    drawn = [
        rng.choice(np.flatnonzero(training.codes == code), size=quota, replace=False)
        for code, quota in enumerate(even_quotas(counts, faces))
    ]
    pixels = np.stack([resize_face(face, size=input_spec.size) for face in training.pixels[np.concatenate(drawn)]])
    _fill_range(pixels)
    shares = {name: len(rows) for name, rows in zip(data.labels, drawn, strict=True)}
    log.info(
        "calibration: %d faces (%s), luma %d to %d",
        len(pixels),
        ", ".join(f"{name} {share}" for name, share in shares.items()),
        pixels.min(),
        pixels.max(),
    )
    return CalibrationFaces(to_input(pixels, input_spec), data.name, data.split_names[0], seed, shares)


def even_quotas(counts: NDArray[np.int64], total: int) -> list[int]:
    """Split `total` over classes of `counts` faces as evenly as possible; a class that is too small gives all faces."""
    quotas = [0] * len(counts)
    left = min(total, int(counts.sum()))
    smallest_first = np.argsort(counts, kind="stable")
    for place, code in enumerate(smallest_first):
        quotas[code] = min(int(counts[code]), left // (len(counts) - place))
        left -= quotas[code]
    return quotas


def _fill_range(pixels: NDArray[np.uint8]) -> None:
    """Make black and white occur: if they do not, stretch the face with most contrast, in place."""
    if pixels.min() == BLACK and pixels.max() == WHITE:
        return
    lows, highs = pixels.min(axis=(1, 2)).astype(np.int64), pixels.max(axis=(1, 2)).astype(np.int64)
    widest = int(np.argmax(highs - lows))
    low, high = lows[widest], highs[widest]
    if low == high:
        raise MediaError("training split: expected faces with light and shade, found flat grey ones: check the data")
    log.info("calibration: luma %d to %d only: one face is stretched to 0 to 255", pixels.min(), pixels.max())
    pixels[widest] = np.rint((pixels[widest] - float(low)) * WHITE / (high - low)).astype(np.uint8)
