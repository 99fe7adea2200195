"""One colour for each emotion, distinguishable with every kind of colour blindness."""

import math
from types import MappingProxyType

from edge.labels import UNCERTAIN

Rgb = tuple[int, int, int]
"""Red, green and blue, 0 to 255 each (sRGB)."""

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
"""The colour of each emotion.

Any two are at least 16 apart (CIE 1976), for normal vision and for those who lack the cones for red, green or blue.

Source: Okabe and Ito 2008, "Color Universal Design", with light grey instead of black, which is invisible on a dark
background.
"""

BLACK: Rgb = (0, 0, 0)
WHITE: Rgb = (255, 255, 255)

_EQUAL_CONTRAST_LUMINANCE = 0.179
"""Luminance on which black and white text have the same contrast: (1.05 * 0.05) ** 0.5 - 0.05.

Source: WCAG 2.1, contrast ratio.
"""


def hex_color(emotion: str) -> str:
    """Return the colour of an emotion as `#rrggbb`."""
    return "#" + bytes(COLORS[emotion]).hex()


def text_color(background: Rgb) -> Rgb:
    """Return black or white, whichever has more contrast with the background."""
    return BLACK if luminance(background) > _EQUAL_CONTRAST_LUMINANCE else WHITE


def luminance(color: Rgb) -> float:
    """Return the relative luminance, 0.0 (black) to 1.0 (white).

    Source: WCAG 2.1, with the transfer function of sRGB approximated by an exponent of 2.2.
    """
    red, green, blue = (math.pow(value / 255, 2.2) for value in color)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
