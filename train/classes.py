"""Chooses the classes of a net, with what becomes of the faces of each emotion that is left out."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from edge.errors import LabelError
from edge.labels import CLASS_SETS, EMOTIONS, check_labels
from train.names import KNOWN, emotion_of


def parse_classes(text: str) -> tuple[str, ...]:
    """Return the class labels that a command line means, in the order given.

    Args:
        text: a number of classes (7, 6, 5), or emotions with commas or blanks between them.

    Raises:
        LabelError: there is no such set, or a name is unknown or stands twice.
    """
    if text.strip().isdigit():
        if int(text) not in CLASS_SETS:
            sets = ", ".join(map(str, CLASS_SETS))
            raise LabelError(f"--classes: expected {sets} or a list of emotions, found {text.strip()}")
        return CLASS_SETS[int(text)]
    return check_labels([_emotion(name, "--classes") for name in text.replace(",", " ").split()])


def parse_merges(pairs: Sequence[str], labels: Sequence[str]) -> dict[str, str]:
    """Return what `--merge disgust=angry fear=surprise` means: left-out emotion to the class its faces join.

    Args:
        pairs: each `left-out=class`; commas may stand between several.
        labels: the classes that are kept.

    Raises:
        LabelError: a pair that is none, an emotion given twice, or what `check_merges` refuses.
    """
    merges: dict[str, str] = {}
    for pair in ",".join(pairs).replace(" ", ",").split(","):
        if not pair:
            continue
        left_out, sign, kept = pair.partition("=")
        if not sign:
            raise LabelError(f"--merge: expected pairs such as disgust=angry, found {pair}")
        name = _emotion(left_out, "--merge")
        if name in merges:
            raise LabelError(f"--merge: expected each emotion once, found {name} twice: leave one out")
        merges[name] = _emotion(kept, "--merge")
    check_merges(merges, labels)
    return merges


def check_merges(merges: Mapping[str, str], labels: Sequence[str]) -> None:
    """Refuse merges that make no sense with the classes `labels`.

    Raises:
        LabelError: an unknown emotion, a class that is kept itself, or a target that is left out.
    """
    for left_out, kept in merges.items():
        if left_out not in EMOTIONS or kept not in EMOTIONS:
            raise LabelError(f"expected merges of {KNOWN}, found {left_out}={kept}")
        if left_out in labels:
            raise LabelError(
                f"expected merges of emotions that are left out, found {left_out}={kept}: take {left_out} out of the "
                "classes, or leave the merge out"
            )
        if kept not in labels:
            raise LabelError(
                f"expected merges into one of {', '.join(labels)}, found {left_out}={kept}: {kept} is left out itself"
            )


def class_matrix(labels: Sequence[str], merges: Mapping[str, str]) -> NDArray[np.float32]:
    """(7, K) float32: row e has a one in the class that emotion e counts for, no one where its faces are dropped.

    Answers over the seven emotions (labels, votes) times this matrix are answers over the classes.

    Raises:
        LabelError: as `check_labels` and `check_merges`.
    """
    check_labels(labels)
    check_merges(merges, labels)
    matrix = np.zeros((len(EMOTIONS), len(labels)), dtype=np.float32)
    for code, name in enumerate(EMOTIONS):
        target = merges.get(name, name)
        if target in labels:
            matrix[code, list(labels).index(target)] = 1
    return matrix


def _emotion(name: str, option: str) -> str:
    emotion = emotion_of(name)
    if emotion is None:
        raise LabelError(f"{option}: unknown emotion {name!r}: expected names out of {KNOWN}")
    return emotion
