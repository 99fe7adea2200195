"""One colour for each emotion, told apart by colour-blind people, too."""

import math
from types import MappingProxyType

from edge.labels import UNCERTAIN

Rgb = tuple[int, int, int]
"""Red, green, blue, 0 to 255 (sRGB)."""

COLORS: MappingProxyType[str, Rgb] = MappingProxyType(
    {
        "angry": (0xD5, 0x5E, 0x00),
        "disgust": (0x00, 0x9E, 0x73),
        "fear": (0xCC, 0x79, 0xA7),
        "happy": (0xF0, 0xE4, 0x42),
        "sad": (0x00, 0x72, 0xB2),
        "surprise": (0xE6, 0x9F, 0x00),
        "neutral": (0x56, 0xB4, 0xE9),
        UNCERTAIN: (0xDD, 0xDD, 0xDD),
    }
)
"""Emotion to colour. Any two are at least 16 apart (CIE 1976), with normal sight and with none of red, green or blue.

Source: Okabe and Ito 2008, "Color Universal Design"; its black, which a dark ground would swallow, is our light grey.
"""

BLACK: Rgb = (0, 0, 0)
WHITE: Rgb = (255, 255, 255)

_EVEN_LUMINANCE = 0.179
"""Where black and white text have the same contrast: (1.05 * 0.05) ** 0.5 - 0.05. Source: WCAG 2.1, contrast ratio."""


def hex_color(emotion: str) -> str:
    """`#rrggbb`, as pages have it."""
    return "#" + bytes(COLORS[emotion]).hex()


def ink(color: Rgb) -> Rgb:
    """Black or white: whichever reads better on `color`."""
    return BLACK if luminance(color) > _EVEN_LUMINANCE else WHITE


def luminance(color: Rgb) -> float:
    """Relative luminance, 0.0 (black) to 1.0 (white). Source: WCAG 2.1, with sRGB's curve taken as a power of 2.2."""
    red, green, blue = (math.pow(value / 255, 2.2) for value in color)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
