"""Holds a scene's frames in memory and gives them to the pipeline like a camera or like a file."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from edge.records import Color, Frame, Gray
from edge.scenes.render import Scene, Sight
from edge.sources.opencv import luma, read_only


@dataclass(frozen=True, slots=True, eq=False)
class Film:
    """A drawn scene.

    frames: (H, W) uint8 luma each, or (H, W, 3) BGR where colour was asked for.
    numbers: which frame of the scene each one is.
    """

    scene: Scene
    frames: tuple[Gray | Color, ...]
    numbers: tuple[int, ...]


def draw(scene: Scene, *, count: int, every: int = 1, color: bool = False) -> Film:
    """Draw each `every`-th of the first `count` frames; equal pictures in a row share their memory."""
    numbers = tuple(range(0, count, every))
    frames: list[Gray | Color] = []
    shown: tuple[Sight, ...] | None = None
    for number in numbers:
        sights = scene.sights(number)
        if sights != shown or scene.light is not None:
            picture, _ = scene.frame(number)
            newest = read_only(picture if color else luma(picture))
        frames.append(newest)
        shown = sights
    return Film(scene, tuple(frames), numbers)


class FilmSource:
    """A source whose frames cost nothing: what is measured is what the pipeline does with them.

    live: like a camera, frames fall due by the clock, and those that came and went between two reads are dropped.
    loops: how often the film is shown; the index goes on counting.
    """

    def __init__(self, film: Film, *, live: bool, loops: int = 1) -> None:
        self.name = f"film:{film.scene.name}"
        self.live = live
        self.stills = False
        self.skipped = 0
        self.started_at: float | None = None
        self._frames: Sequence[Gray] = film.frames
        self._fps = film.scene.fps
        self._end = loops * len(film.frames)
        self._next = 0
        self._closed = threading.Event()

    def read(self) -> Frame | None:
        """Return the next frame that is due; None at the end and after `close`."""
        if self.started_at is None:
            self.started_at = time.monotonic()
        if self.live:
            self._await_next(self.started_at)
        index = self._next
        if index >= self._end or self._closed.is_set():
            return None
        self._next = index + 1
        captured_at = time.monotonic()
        position_s = captured_at if self.live else index / self._fps
        return Frame(self._frames[index % len(self._frames)], index, captured_at, position_s, self.name)

    def _await_next(self, started_at: float) -> None:
        now = time.monotonic()
        self._next = max(self._next, int((now - started_at) * self._fps))
        self._closed.wait(max(0.0, started_at + self._next / self._fps - now))

    def close(self) -> None:
        """End; a `read` that waits returns None."""
        self._closed.set()


def cost_of_source(film: Film) -> float:
    """CPU ms that handing over one frame costs; it is taken off the pipeline's and reported beside."""
    source = FilmSource(film, live=False)
    before = time.process_time()
    while source.read() is not None:
        pass
    return (time.process_time() - before) / len(film.frames) * 1e3
