"""Every screen that a display can show, as an example: to look at."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from edge.errors import SinkError
from edge.records import Color
from edge.sinks.colors import COLORS
from edge.sinks.display.screens import Faces, Notice, Screen, Shares, ShownFace, draw_screen

_SEVERAL = tuple(
    ShownFace(emotion, share) for emotion, share in zip(COLORS, (0.7, 0.4, 0.5, 0.9, 0.6, 0.8, 0.7, 0.3), strict=True)
)
_ADDRESS = "raspberrypi.local:8080"

SCREENS: dict[str, Screen] = {
    **{face.emotion: Faces((face,)) for face in _SEVERAL},
    "two faces": Faces(_SEVERAL[3:5]),
    "three faces": Faces(_SEVERAL[2:5]),
    "four faces": Faces(_SEVERAL[3:7]),
    "many faces": Faces(_SEVERAL + _SEVERAL),
    "a face, throttled": Faces(_SEVERAL[6:7], slow=True),
    "no face": Notice("nobody", "no face", foot=_ADDRESS),
    "live page": Notice("page", "live page", foot=_ADDRESS),
    "starting": Notice("camera", "starting", "waiting for the first picture", _ADDRESS),
    "camera lost": Notice("camera lost", "camera lost", "again in 12 s: /dev/video0: expected a camera, found none"),
    "no picture": Notice("camera lost", "no picture", "the camera gives none", _ADDRESS),
    "throttled": Notice("slow", "throttled", "under-voltage, 82 C", _ADDRESS),
    "last minute": Shares((("happy", 0.62), ("neutral", 0.3), ("sad", 0.05), ("uncertain", 0.03))),
}

_SHEET_WIDTH = 1320
_GAP, _GROUND = 4, 90


def draw_sheet(width: int, height: int, *, colored: bool) -> Color:
    """Draw all screens beside each other, small ones larger than they are: (H, W, 3) uint8 BGR."""
    scale = max(1, 256 // width)
    pictures = [
        np.repeat(np.repeat(draw_screen(screen, width=width, height=height, colored=colored), scale, 0), scale, 1)
        for screen in SCREENS.values()
    ]
    columns = max(1, _SHEET_WIDTH // (width * scale + _GAP))
    return np.vstack([_row(pictures[at : at + columns], columns) for at in range(0, len(pictures), columns)])


def _row(pictures: Sequence[Color], columns: int) -> Color:
    around = ((_GAP // 2, _GAP // 2), (_GAP // 2, _GAP // 2), (0, 0))
    framed = [np.pad(picture, around, constant_values=_GROUND) for picture in pictures]
    return np.hstack([*framed, *[np.full_like(framed[0], _GROUND)] * (columns - len(framed))])


def write_sheets(folder: Path, sizes: Sequence[tuple[str, int, int, bool]]) -> Iterator[Path]:
    """Write a sheet for each (name, width, height, colored); give its path.

    Raises:
        SinkError: the folder cannot be written.
    """
    for name, width, height, colored in sizes:
        path = folder / f"{name}.png"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            sheet = draw_sheet(width, height, colored=colored)
            path.write_bytes(cv2.imencode(".png", sheet, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1].tobytes())
        except OSError as error:
            raise SinkError(
                f"{path}: expected a place to write, found: {error.strerror}: name another folder"
            ) from error
        yield path
