"""Draws readings onto a frame: a box, a caption and a confidence bar for each face."""

from collections.abc import Iterable

import cv2
import numpy as np

from edge.records import Box, Color, FrameWithReadings, Reading
from edge.sinks.colors import BLACK, COLORS, Rgb, text_color

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_BAR_BACKGROUND = (48, 48, 48)
"""Colour of the empty part of a confidence bar, RGB."""


def annotate(item: FrameWithReadings) -> Color:
    """Return a copy of the frame with its readings drawn onto it; grey if the frame has no colour.

    Returns:
        A picture, (H, W, 3) uint8 BGR. The frame, which is shared between viewers, is not changed.
    """
    gray, color = item.frame.gray, item.frame.color
    picture = np.asarray(cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR), np.uint8) if color is None else color.copy()
    draw_readings(picture, item.observation.readings)
    return picture


def draw_readings(picture: Color, readings: Iterable[Reading]) -> None:
    """Draw readings onto a picture: a box around each face, a caption above it and a confidence bar below it.

    Text and lines scale with the picture, and captions stay inside it.

    Args:
        picture: is drawn on, (H, W, 3) uint8 BGR.
        readings: one for each face.
    """
    side = min(picture.shape[:2])
    line_px, text_scale = max(1, round(side / 240)), max(0.4, side / 850)
    for reading in readings:
        _draw_box(picture, reading, line_px)
        _draw_caption(picture, reading, text_scale)


def caption(reading: Reading) -> str:
    """Return the text for a face: emotion and confidence, or the last emotion and why there is no newer prediction."""
    if reading.unclear is not None:
        return f"{reading.emotion}? {reading.unclear}"
    return f"{reading.emotion} {reading.confidence:.0%}"


def _draw_box(picture: Color, reading: Reading, line_px: int) -> None:
    """Draw box and confidence bar. A dark outline keeps the box visible on any background."""
    box, color = reading.box, COLORS[reading.emotion]
    corners = (box.x, box.y), (box.x + box.w - 1, box.y + box.h - 1)
    cv2.rectangle(picture, *corners, BLACK, 3 * line_px)
    cv2.rectangle(picture, *corners, color[::-1], line_px)
    height = 5 * line_px
    bar = Box(box.x, min(box.y + box.h, picture.shape[0] - height), box.w, height)
    _fill(picture, bar, _BAR_BACKGROUND)
    _fill(picture, Box(bar.x, bar.y, round(bar.w * reading.confidence), bar.h), color)


def _draw_caption(picture: Color, reading: Reading, scale: float) -> None:
    """Write the caption above the box, or at its upper edge if there is no room above."""
    text, box, color = caption(reading), reading.box, COLORS[reading.emotion]
    stroke_px, margin = max(1, round(1.8 * scale)), round(6 * scale)
    (width, height), baseline = cv2.getTextSize(text, _FONT, scale, stroke_px)
    descent = baseline + stroke_px
    label = Box(box.x, box.y - height - descent - margin, width + 2 * margin, height + descent + margin)
    label = label.moved(min(0, picture.shape[1] - label.x - label.w), max(0, -label.y))
    label = label.moved(max(0, -label.x), 0)  # of a caption wider than the picture, show the beginning
    _fill(picture, label, color)
    origin = label.x + margin, label.y + label.h - descent
    cv2.putText(picture, text, origin, _FONT, scale, text_color(color)[::-1], stroke_px, cv2.LINE_AA)


def _fill(picture: Color, box: Box, color: Rgb) -> None:
    inside = box.clipped(picture.shape[1], picture.shape[0])
    picture[inside.y : inside.y + inside.h, inside.x : inside.x + inside.w] = color[::-1]
