"""Each emotion has a colour that cannot be confused with another one, and text on it is readable."""

from itertools import combinations

import cv2
import numpy as np
import pytest

from edge.labels import EMOTIONS, UNCERTAIN
from edge.sinks.colors import BLACK, COLORS, WHITE, hex_color, luminance, text_color

VISION = {
    "normal": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
"""Matrices that simulate colour vision in linear RGB. Source: Machado, Oliveira and Fernandes 2009, severity 1.0."""


def perceived(color, vision):
    """Return the CIE L*a*b* of an sRGB colour as it is perceived with a kind of colour vision."""
    share = np.array(color) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    linear = np.clip(np.array(VISION[vision]) @ linear, 0, 1)
    share = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return cv2.cvtColor(share.astype(np.float32).reshape(1, 1, 3), cv2.COLOR_RGB2LAB).ravel()


def test_every_emotion_has_a_colour():
    """The seven emotions and `uncertain` have one each."""
    assert set(COLORS) == {*EMOTIONS, UNCERTAIN}


@pytest.mark.parametrize("vision", VISION)
def test_no_two_colours_look_alike(vision):
    """With each kind of vision any two are at least 16 apart, where a difference of about 2 is just noticeable."""
    perceived_by_name = {name: perceived(color, vision) for name, color in COLORS.items()}
    distances = {
        pair: np.linalg.norm(perceived_by_name[pair[0]] - perceived_by_name[pair[1]])
        for pair in combinations(COLORS, 2)
    }
    closest = min(distances, key=distances.get)
    assert distances[closest] >= 16, closest


@pytest.mark.parametrize("emotion", COLORS)
def test_text_on_a_colour_is_readable(emotion):
    """The contrast is at least 4.5, the minimum of WCAG for text."""
    light, dark = sorted([luminance(COLORS[emotion]), luminance(text_color(COLORS[emotion]))], reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_luminance_ranges_from_black_to_white():
    """Black has luminance 0 and white 1."""
    assert luminance(BLACK) == 0.0
    assert luminance(WHITE) == pytest.approx(1.0)


def test_a_colour_is_available_in_hex():
    """The page uses colours in the notation of CSS."""
    assert hex_color("angry") == "#d55e00"
