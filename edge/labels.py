"""The emotions, their order and the class sets: the one definition that every stage shares."""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from edge.errors import LabelError

EMOTIONS: tuple[str, ...] = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""The seven emotions. Each one's position is its code in FER2013's `emotion` column.

Source: Goodfellow et al. 2013, "Challenges in Representation Learning" (FER2013).
"""

CLASS_SETS: MappingProxyType[int, tuple[str, ...]] = MappingProxyType(
    {
        7: EMOTIONS,
        6: tuple(name for name in EMOTIONS if name != "disgust"),
        5: tuple(name for name in EMOTIONS if name not in ("disgust", "fear")),
    }
)
"""The class sets by their number of classes; each keeps the order of `EMOTIONS`."""

UNCERTAIN = "uncertain"
"""The emotion of a reading in which no class is confident enough; never a model's label."""

MIN_LABELS = 2
"""A model with a single label would always predict it."""


def check_labels(labels: Sequence[str]) -> tuple[str, ...]:
    """Return `labels` as a tuple if a model may have them.

    Raises:
        LabelError: a label is unknown or appears twice, or there are fewer than two.
    """
    unknown = [name for name in labels if name not in EMOTIONS]
    if unknown:
        raise LabelError(f"unknown emotion {unknown[0]!r}: expected names out of {', '.join(EMOTIONS)}")
    if len(set(labels)) != len(labels) or len(labels) < MIN_LABELS:
        raise LabelError(f"expected two or more different emotions, found {', '.join(labels) or 'none'}")
    return tuple(labels)


def check_shares(shares: Mapping[str, float]) -> None:
    """Check shares of emotions, which need not sum to 1.

    Raises:
        LabelError: an emotion is unknown, a share is negative or not finite, or no share is above 0.
    """
    for name, share in shares.items():
        if name not in EMOTIONS:
            raise LabelError(f"unknown emotion {name!r}: expected names out of {', '.join(EMOTIONS)}")
        if not (math.isfinite(share) and share >= 0.0):
            raise LabelError(f"expected a share of 0 or more for {name}, found {share:g}")
    if not any(shares.values()):
        raise LabelError(f"expected at least one share above 0, found {'0 for all' if shares else 'no shares'}")
