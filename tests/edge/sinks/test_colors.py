"""Each emotion has a colour that nobody mistakes for another's, and text on it can be read."""

from itertools import combinations

import cv2
import numpy as np
import pytest

from edge.labels import EMOTIONS, UNCERTAIN
from edge.sinks.colors import BLACK, COLORS, WHITE, hex_color, ink, luminance

SIGHT = {
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
"""What linear RGB becomes for such eyes. Source: Machado, Oliveira and Fernandes 2009, severity 1.0."""


def seen(color, sight):
    """CIE L*a*b* of an sRGB colour, as such eyes see it."""
    share = np.array(color) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    linear = np.clip(np.array(SIGHT[sight]) @ linear, 0, 1)
    share = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return cv2.cvtColor(share.astype(np.float32).reshape(1, 1, 3), cv2.COLOR_RGB2LAB).ravel()


def test_every_name_that_a_reading_can_have_has_a_colour():
    """The seven, and uncertain."""
    assert set(COLORS) == {*EMOTIONS, UNCERTAIN}


@pytest.mark.parametrize("sight", SIGHT)
def test_no_two_colours_look_alike(sight):
    """At least 16 apart, where about 2 can just be told: whatever the eyes."""
    seen_by_name = {name: seen(color, sight) for name, color in COLORS.items()}
    apart = {pair: np.linalg.norm(seen_by_name[pair[0]] - seen_by_name[pair[1]]) for pair in combinations(COLORS, 2)}
    nearest = min(apart, key=apart.get)
    assert apart[nearest] >= 16, nearest


@pytest.mark.parametrize("emotion", COLORS)
def test_text_on_a_colour_can_be_read(emotion):
    """A contrast of 4.5 at least, the least that WCAG asks for text."""
    light, dark = sorted([luminance(COLORS[emotion]), luminance(ink(COLORS[emotion]))], reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_luminance_goes_from_black_to_white():
    assert luminance(BLACK) == 0.0
    assert luminance(WHITE) == pytest.approx(1.0)


def test_a_page_is_given_the_colour_in_hex():
    assert hex_color("angry") == "#d55e00"
