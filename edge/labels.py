"""The emotion names, their order and the class sets: the one definition that every stage shares."""

from collections.abc import Sequence
from types import MappingProxyType

from edge.errors import LabelError

EMOTIONS: tuple[str, ...] = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""The seven names. A name's position is its code in FER2013's `emotion` column.

Source: Goodfellow et al. 2013, "Challenges in Representation Learning" (FER2013).
"""

CLASS_SETS: MappingProxyType[int, tuple[str, ...]] = MappingProxyType(
    {
        7: EMOTIONS,
        6: tuple(name for name in EMOTIONS if name != "disgust"),
        5: tuple(name for name in EMOTIONS if name not in ("disgust", "fear")),
    }
)
"""The named class sets by their number of classes; each keeps the order of `EMOTIONS`."""

UNCERTAIN = "uncertain"
"""What a reading says when no class is confident enough. Never a model's label."""


FEWEST = 2
"""A model that can give only one answer says nothing."""


def check_labels(labels: Sequence[str]) -> tuple[str, ...]:
    """Return `labels` as a tuple when a model may carry them.

    Raises:
        LabelError: a name is unknown, stands twice, or there are fewer than two.
    """
    unknown = [name for name in labels if name not in EMOTIONS]
    if unknown:
        raise LabelError(f"unknown emotion {unknown[0]!r}: expected names out of {', '.join(EMOTIONS)}")
    if len(set(labels)) != len(labels) or len(labels) < FEWEST:
        raise LabelError(f"expected two or more different emotions, found {', '.join(labels) or 'none'}")
    return tuple(labels)
