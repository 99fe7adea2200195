"""Recognizes an emotion by the names that data sets give it."""

from types import MappingProxyType

from edge.labels import EMOTIONS

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
"""What each emotion is called in FER2013, FER+, RAF-DB, AffectNet, CK+, KDEF and JAFFE, with their usual slips.

Written out rather than guessed by likeness: a wrong guess would teach a net wrong answers, and nobody would see it.
"""

_EMOTION_OF = {spelling: emotion for emotion, spellings in SPELLINGS.items() for spelling in spellings}

KNOWN = ", ".join(EMOTIONS)
"""The names, as messages list them."""


def emotion_of(name: str) -> str | None:
    """Return the emotion that a folder or column called `name` holds, one of `EMOTIONS`; None where that is unclear.

    Case, digits and signs do not count, so that `Happiness`, `ANGER` and `3_happy` are known. A number alone is not:
    data sets count their emotions in different orders.
    """
    return _EMOTION_OF.get("".join(sign for sign in name.casefold() if sign.isalpha()))
