"""An example of every screen that the display can show, and contact sheets of them."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from edge.errors import SinkError
from edge.records import Color
from edge.settings.sinks import PageSettings
from edge.sinks.colors import COLORS
from edge.sinks.display.layout import draw_screen
from edge.sinks.display.screens import FaceOnScreen, FacesScreen, MessageScreen, Screen, SharesScreen

_CONFIDENCES = (0.7, 0.4, 0.5, 0.9, 0.6, 0.8, 0.7, 0.3)
_FACES = tuple(FaceOnScreen(emotion, confidence) for emotion, confidence in zip(COLORS, _CONFIDENCES, strict=True))
_ADDRESS = f"raspberrypi.local:{PageSettings().port}"

EXAMPLES: dict[str, Screen] = {
    **{face.emotion: FacesScreen((face,)) for face in _FACES},
    "two faces": FacesScreen(_FACES[3:5]),
    "three faces": FacesScreen(_FACES[2:5]),
    "four faces": FacesScreen(_FACES[3:7]),
    "many faces": FacesScreen(_FACES + _FACES),
    "a face, throttled": FacesScreen(_FACES[6:7], throttled=True),
    "no face": MessageScreen("nobody", "no face", footer=_ADDRESS),
    "live page": MessageScreen("page", "live page", footer=_ADDRESS),
    "starting": MessageScreen("camera", "starting", "waiting for the first picture", _ADDRESS),
    "camera lost": MessageScreen(
        "camera lost", "camera lost", "again in 12 s: /dev/video0: expected a camera, found none"
    ),
    "no picture": MessageScreen("camera lost", "no picture", "the camera gives none", _ADDRESS),
    "throttled": MessageScreen("throttled", "throttled", "under-voltage, 82 C", _ADDRESS),
    "last minute": SharesScreen((("happy", 0.62), ("neutral", 0.3), ("sad", 0.05), ("uncertain", 0.03))),
}
"""The examples by name."""

_SHEET_WIDTH_PX = 1320
_GAP_PX, _BACKGROUND = 4, 90


def draw_contact_sheet(width: int, height: int, *, colored: bool) -> Color:
    """Draw all examples side by side, those of a small display enlarged.

    Args:
        width: width of the display, px.
        height: height of the display, px.
        colored: whether the display has colours.

    Returns:
        The sheet, (H, W, 3) uint8 BGR.
    """
    scale = max(1, 256 // width)
    pictures = [
        np.repeat(np.repeat(draw_screen(screen, width=width, height=height, colored=colored), scale, 0), scale, 1)
        for screen in EXAMPLES.values()
    ]
    columns = max(1, _SHEET_WIDTH_PX // (width * scale + _GAP_PX))
    return np.vstack([_row(pictures[at : at + columns], columns) for at in range(0, len(pictures), columns)])


def _row(pictures: Sequence[Color], columns: int) -> Color:
    padding = ((_GAP_PX // 2, _GAP_PX // 2), (_GAP_PX // 2, _GAP_PX // 2), (0, 0))
    framed = [np.pad(picture, padding, constant_values=_BACKGROUND) for picture in pictures]
    return np.hstack([*framed, *[np.full_like(framed[0], _BACKGROUND)] * (columns - len(framed))])


def write_contact_sheets(folder: Path, sizes: Iterable[tuple[str, int, int, bool]]) -> Iterator[Path]:
    """Write a contact sheet for each display as a PNG; yield its path.

    Args:
        folder: where to write them; created if needed.
        sizes: name, width, height (px) and whether it has colours, for each display.

    Raises:
        SinkError: the folder cannot be written.
    """
    for name, width, height, colored in sizes:
        path = folder / f"{name}.png"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            sheet = draw_contact_sheet(width, height, colored=colored)
            path.write_bytes(cv2.imencode(".png", sheet, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1].tobytes())
        except OSError as error:
            raise SinkError(
                f"{path}: expected a place to write, found: {error.strerror}: name another folder"
            ) from error
        yield path
