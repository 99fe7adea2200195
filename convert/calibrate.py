"""Draws the representative faces from which the converter learns the range of every activation."""

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge.errors import MediaError
from edge.vision.crop import to_unit
from train.faces import FaceSet

log = logging.getLogger(__name__)

BLACK, WHITE = 0, 255


def draw_calibration(training: FaceSet, labels: Sequence[str], *, faces: int, seed: int) -> NDArray[np.float32]:
    """Return up to `faces` training faces as (N, 48, 48, 1) float32, scaled as the runtime scales a crop.

    The classes are as even as their sizes allow. The smallest value is 0.0 and the largest 1.0, so that the input is
    quantized with scale 1/255 and zero point -128: a crop then becomes int8 by flipping one bit of each byte.

    Args:
        training: the training split; other splits would leak into the model.
        labels: names of the K classes.
        faces: how many to draw, K or more.
        seed: the same seed draws the same faces.

    Raises:
        MediaError: a class has no face, or every face is of one flat grey.
    """
    counts = training.counts()
    missing = [name for name, count in zip(labels, counts, strict=True) if count == 0]
    if missing:
        raise MediaError(
            f"training split: expected faces of every class, found none of {missing[0]}: complete the data"
        )
    rng = np.random.default_rng(seed)
    drawn = [
        rng.choice(np.flatnonzero(training.codes == code), size=quota, replace=False)
        for code, quota in enumerate(even_quotas(counts, faces))
    ]
    pixels = training.pixels[np.concatenate(drawn)]
    _fill_range(pixels)
    shares = ", ".join(f"{name} {len(rows)}" for name, rows in zip(labels, drawn, strict=True))
    log.info("calibration: %d faces (%s), luma %d to %d", len(pixels), shares, pixels.min(), pixels.max())
    return to_unit(pixels)[..., np.newaxis]


def even_quotas(counts: NDArray[np.int64], total: int) -> list[int]:
    """Split `total` over classes of `counts` faces as evenly as possible; the small ones give all they have."""
    quotas = [0] * len(counts)
    left = min(total, int(counts.sum()))
    smallest_first = np.argsort(counts, kind="stable")
    for place, code in enumerate(smallest_first):
        quotas[code] = min(int(counts[code]), left // (len(counts) - place))
        left -= quotas[code]
    return quotas


def _fill_range(pixels: NDArray[np.uint8]) -> None:
    """Make sure that black and white occur: where they do not, stretch the face of most contrast, in place."""
    if pixels.min() == BLACK and pixels.max() == WHITE:
        return
    lows, highs = pixels.min(axis=(1, 2)).astype(np.int64), pixels.max(axis=(1, 2)).astype(np.int64)
    widest = int(np.argmax(highs - lows))
    low, high = lows[widest], highs[widest]
    if low == high:
        raise MediaError("training split: expected faces with light and shade, found flat grey ones: check the data")
    log.info("calibration: luma %d to %d only: one face is stretched to 0 to 255", pixels.min(), pixels.max())
    pixels[widest] = np.rint((pixels[widest] - float(low)) * WHITE / (high - low)).astype(np.uint8)
