"""Runs edge-emotion with a drawn camera in place of a real one.

    drawn_camera.py FILE run ...

FILE holds one word, which may change while it runs: `face` shows a face, `empty` an empty room, and `gone` is a camera
that somebody has unplugged. The rest is the product's own: it reopens the camera, and reports its loss.
"""

import sys
import threading
import time
from functools import partial
from pathlib import Path

import edge.sources.open
from edge.__main__ import entry
from edge.errors import CameraAbsentError, CameraError
from edge.records import Frame
from edge.scenes.catalogue import make_scene
from edge.settings.schema import SourceSettings
from edge.sources.base import Source, luma, read_only
from edge.sources.mounting import Mounting

SCENES = {"face": "one", "empty": "empty"}


class DrawnCamera(Source):
    """A camera that shows what a file says, or is absent.

    Args:
        file: holds `face`, `empty` or `gone`.
        settings: the size and rate of the frames.
    """

    name = "drawn camera"

    def __init__(self, file: Path, settings: SourceSettings) -> None:
        self._file = file
        if self._wanted() == "gone":
            raise CameraAbsentError(f"{self.name}: expected a camera, found none: plug it in")
        size = {"width": settings.width, "height": settings.height, "fps": settings.fps}
        self._pictures = {word: read_only(make_scene(name, **size).frame(0)[0]) for word, name in SCENES.items()}
        self._interval_s = 1 / settings.fps
        self._index = 0
        self._closed = threading.Event()

    def read(self) -> Frame | None:
        """Wait for the next frame; None after `close`.

        Raises:
            CameraError: The camera has been unplugged.
        """
        if self._closed.wait(self._interval_s):
            return None
        wanted = self._wanted()
        if wanted == "gone":
            raise CameraError(f"{self.name}: expected a frame, found the camera gone: plug it in")
        color, now_s = self._pictures[wanted], time.monotonic()
        self._index += 1
        return Frame(read_only(luma(color)), self._index - 1, now_s, now_s, self.name, color)

    def close(self) -> None:
        """End the camera; a waiting `read` returns None."""
        self._closed.set()

    def _wanted(self) -> str:
        return self._file.read_text().strip()


def open_drawn_camera(
    file: Path, settings: SourceSettings, *, color: bool = False, mounting: Mounting | None = None
) -> Source:
    """Open the drawn camera in place of `edge.sources.open.open_camera`, whose arguments it takes."""
    del color  # its frames always carry color
    if mounting is not None:
        mounting.prepare(DrawnCamera.name)
    return DrawnCamera(file, settings)


if __name__ == "__main__":
    edge.sources.open.open_camera = partial(open_drawn_camera, Path(sys.argv[1]))
    sys.argv = ["edge-emotion", *sys.argv[2:]]
    entry()
