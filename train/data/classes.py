"""Class names: recognizes emotions as data sets spell them, and maps the seven emotions to the classes of a net."""

import difflib
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from edge.errors import LabelError
from edge.labels import CLASS_SETS, EMOTIONS, check_labels

SPELLINGS: MappingProxyType[str, tuple[str, ...]] = MappingProxyType(
    {
        "angry": ("angry", "anger", "angery"),
        "disgust": ("disgust", "disgusted", "disgusting"),
        "fear": ("fear", "fearful", "afraid", "scared"),
        "happy": ("happy", "happiness", "hapiness", "happyness", "joy", "joyful"),
        "sad": ("sad", "sadness", "saddness"),
        "surprise": ("surprise", "surprised", "suprise", "suprised", "surprize"),
        "neutral": ("neutral", "neutrality", "netural"),
    }
)
"""Names of each emotion in FER2013, FER+, RAF-DB, AffectNet, CK+, KDEF and JAFFE, with their usual misspellings.

The list is explicit, without fuzzy matching: a wrong guess would silently train a net on wrong labels.
"""

_EMOTION_OF = {spelling: emotion for emotion, spellings in SPELLINGS.items() for spelling in spellings}

NO_MERGES: Mapping[str, str] = MappingProxyType({})

EMOTION_LIST = ", ".join(EMOTIONS)
"""The seven emotions, as messages list them."""


def emotion_of(name: str) -> str | None:
    """Return the emotion that a folder or column called `name` holds, one of `EMOTIONS`; None if that is unclear.

    Case, digits and punctuation are ignored: `Happiness`, `ANGER` and `3_happy` are recognized. A bare number is not,
    because data sets number their emotions differently.
    """
    return _EMOTION_OF.get(plain_name(name))


def plain_name(name: str) -> str:
    """Return the name of a folder or emotion in lower case and without digits and punctuation."""
    return "".join(sign for sign in name.casefold() if sign.isalpha())


def near_emotion(name: str) -> str | None:
    """Return the emotion whose name was probably meant, such as `happy` for `hapy`; None for other words."""
    near = difflib.get_close_matches(plain_name(name), _EMOTION_OF, n=1, cutoff=_NEAR)
    return _EMOTION_OF[near[0]] if near else None


_NEAR = 0.8
"""Similarity from which a name counts as misspelt, 0 to 1."""


def foreign_merges(merges: Mapping[str, str]) -> dict[str, str]:
    """Return the merges of emotions that are none of ours, such as `contempt`."""
    return {name: kept for name, kept in merges.items() if name not in EMOTIONS}


def parse_classes(text: str) -> tuple[str, ...]:
    """Parse the value of `--classes` into class labels, in the order given.

    Args:
        text: a number of classes (7, 6, 5), or emotions separated by commas or spaces.

    Raises:
        LabelError: the number has no class set, or a name is unknown or repeated.
    """
    if text.strip().isdigit():
        if int(text) not in CLASS_SETS:
            sets = ", ".join(map(str, CLASS_SETS))
            raise LabelError(f"--classes: expected {sets} or a list of emotions, found {text.strip()}")
        return CLASS_SETS[int(text)]
    return check_labels([_parse_emotion(name, "--classes") for name in text.replace(",", " ").split()])


def parse_merges(pairs: Sequence[str], labels: Sequence[str]) -> dict[str, str]:
    """Parse the values of `--merge`, such as `disgust=angry fear=surprise`.

    Args:
        pairs: `left-out=class` each; one string may hold several, separated by commas.
        labels: the classes that are kept.

    Returns:
        Each left-out emotion with the class that its faces join; one that is none of ours, such as `contempt`, is the
        name of folders.

    Raises:
        LabelError: a pair has no `=`, an emotion occurs twice, or `check_merges` refuses the result.
    """
    merges: dict[str, str] = {}
    for pair in ",".join(pairs).replace(" ", ",").split(","):
        if not pair:
            continue
        left_out, sign, kept = pair.partition("=")
        if not sign:
            raise LabelError(f"--merge: expected pairs such as disgust=angry, found {pair}")
        name = _parse_left_out(left_out)
        if name in merges:
            raise LabelError(f"--merge: expected each emotion once, found {name} twice: leave one out")
        merges[name] = _parse_emotion(kept, "--merge")
    check_merges(merges, labels)
    return merges


def check_merges(merges: Mapping[str, str], labels: Sequence[str]) -> None:
    """Refuse merges that contradict the classes `labels`.

    Raises:
        LabelError: an emotion is unknown, the merged one is itself a class, or its target is not.
    """
    for left_out, kept in merges.items():
        if kept not in EMOTIONS or not left_out or near_emotion(left_out) not in {None, left_out}:
            raise LabelError(f"expected merges of {EMOTION_LIST} or of other emotions, found {left_out}={kept}")
        if left_out in labels:
            raise LabelError(
                f"expected merges of emotions that are left out, found {left_out}={kept}: remove {left_out} from the "
                "classes, or remove the merge"
            )
        if kept not in labels:
            raise LabelError(
                f"expected merges into one of {', '.join(labels)}, found {left_out}={kept}: {kept} is left out itself"
            )


def class_matrix(labels: Sequence[str], merges: Mapping[str, str]) -> NDArray[np.float32]:
    """Return the (7, K) float32 matrix that turns targets over the seven emotions into targets over `labels`.

    Row e has a one in the class that emotion e counts towards; it is all zeros if the faces of e are dropped.

    Raises:
        LabelError: `check_labels` or `check_merges` refuses the arguments.
    """
    check_labels(labels)
    check_merges(merges, labels)
    matrix = np.zeros((len(EMOTIONS), len(labels)), dtype=np.float32)
    for code, name in enumerate(EMOTIONS):
        target = merges.get(name, name)
        if target in labels:
            matrix[code, list(labels).index(target)] = 1
    return matrix


def _parse_left_out(name: str) -> str:
    """Return an emotion that is merged: one of ours, or another as `plain_name` has it."""
    emotion, plain, near = emotion_of(name), plain_name(name), near_emotion(name)
    if emotion is None and (near or not plain):
        meant = f": did you mean {near}?" if near else f": expected {EMOTION_LIST}, or another emotion"
        raise LabelError(f"--merge: unknown emotion {name!r}{meant}")
    return emotion or plain


def _parse_emotion(name: str, option: str) -> str:
    emotion = emotion_of(name)
    if emotion is None:
        raise LabelError(f"{option}: unknown emotion {name!r}: expected names out of {EMOTION_LIST}")
    return emotion
