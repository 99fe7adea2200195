"""Draws what is said of each face onto the picture it was said of."""

from collections.abc import Iterable

import cv2
import numpy as np

from edge.records import Box, Color, Reading, Shown
from edge.sinks.colors import BLACK, COLORS, Rgb, ink

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_GROUND = (48, 48, 48)
"""What the empty part of a bar is filled with, RGB."""


def annotate(shown: Shown) -> Color:
    """Return the frame, in colour where it has one, with a box, a name and a confidence bar for each face.

    Returns:
        A picture of its own, (H, W, 3) uint8 BGR: the frame is shared and stays as it is.
    """
    picture = copy_picture(shown)
    draw_readings(picture, shown.observation.readings)
    return picture


def copy_picture(shown: Shown) -> Color:
    """Return the frame alone, as a picture that may be drawn on: (H, W, 3) uint8 BGR, grey where it has no colour."""
    frame = shown.frame
    return frame.color.copy() if frame.color is not None else np.asarray(cv2.cvtColor(frame.gray, cv2.COLOR_GRAY2BGR))


def draw_readings(picture: Color, readings: Iterable[Reading]) -> None:
    """Draw on `picture` itself, (H, W, 3) uint8 BGR: for each reading a box, above it the name, below it the bar.

    The bar's filled part is the confidence. Text and lines grow with the picture; a name stays inside it.
    """
    side = min(picture.shape[:2])
    line_px, text_scale = max(1, round(side / 240)), max(0.4, side / 850)
    for reading in readings:
        _draw_frame(picture, reading, line_px)
        _draw_words(picture, reading, text_scale)


def words(reading: Reading) -> str:
    """What is written beside a face: the name and how sure it is; or the last one, and why there is no newer."""
    if reading.unclear is not None:
        return f"{reading.emotion}? {reading.unclear}"
    return f"{reading.emotion} {reading.confidence:.0%}"


def _draw_frame(picture: Color, reading: Reading, line_px: int) -> None:
    """Draw box and bar. A dark line under the coloured one keeps the box visible on any ground."""
    box, color = reading.box, COLORS[reading.emotion]
    corners = (box.x, box.y), (box.x + box.w - 1, box.y + box.h - 1)
    cv2.rectangle(picture, *corners, BLACK, 3 * line_px)
    cv2.rectangle(picture, *corners, color[::-1], line_px)
    height = 5 * line_px
    bar = Box(box.x, min(box.y + box.h, picture.shape[0] - height), box.w, height)
    _fill(picture, bar, _GROUND)
    _fill(picture, Box(bar.x, bar.y, round(bar.w * reading.confidence), bar.h), color)


def _draw_words(picture: Color, reading: Reading, scale: float) -> None:
    """Write on a ground of the emotion's colour above the box, or at its upper edge where there is no room above."""
    text, box, color = words(reading), reading.box, COLORS[reading.emotion]
    stroke_px, margin = max(1, round(1.8 * scale)), round(6 * scale)
    (width, height), baseline = cv2.getTextSize(text, _FONT, scale, stroke_px)
    below = baseline + stroke_px
    ground = Box(box.x, box.y - height - below - margin, width + 2 * margin, height + below + margin)
    ground = ground.moved(min(0, picture.shape[1] - ground.x - ground.w), max(0, -ground.y))
    ground = ground.moved(max(0, -ground.x), 0)  # a name wider than the picture keeps its beginning
    _fill(picture, ground, color)
    place = ground.x + margin, ground.y + ground.h - below
    cv2.putText(picture, text, place, _FONT, scale, ink(color)[::-1], stroke_px, cv2.LINE_AA)


def _fill(picture: Color, box: Box, color: Rgb) -> None:
    inside = box.clipped(picture.shape[1], picture.shape[0])
    picture[inside.y : inside.y + inside.h, inside.x : inside.x + inside.w] = color[::-1]
