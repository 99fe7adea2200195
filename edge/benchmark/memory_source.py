"""Renders a scene's frames ahead of time and feeds them to the pipeline from memory."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from edge.records import Color, Frame, Gray
from edge.scenes.render import FaceAnnotation, Scene
from edge.sources.base import Source, luma, read_only


@dataclass(frozen=True, slots=True, eq=False)
class SceneFrames:
    """Rendered frames of a scene.

    Attributes:
        scene: the scene.
        frames: the images, (H, W) uint8 luma, or (H, W, 3) uint8 BGR if rendered in color; read-only.
        indices: the scene's frame index of each image.
    """

    scene: Scene
    frames: tuple[Gray | Color, ...]
    indices: tuple[int, ...]


def render_frames(scene: Scene, *, count: int, every: int = 1, color: bool = False) -> SceneFrames:
    """Render every `every`-th of the first `count` frames; consecutive equal images share their memory."""
    indices = tuple(range(0, count, every))
    frames: list[Gray | Color] = []
    previous: tuple[FaceAnnotation, ...] | None = None
    for index in indices:
        annotations = scene.annotations(index)
        if annotations != previous or scene.light is not None:
            image, _ = scene.frame(index)
            newest = read_only(image if color else luma(image))
        frames.append(newest)
        previous = annotations
    return SceneFrames(scene, tuple(frames), indices)


class MemorySource(Source):
    """A source that takes its frames from memory, so that a measurement covers the pipeline and not the source.

    Args:
        rendered: the frames.
        live: whether frames become due by the clock at the scene's rate, like a camera's, and are skipped when they
            are overdue; otherwise every frame is returned at once.
        loops: number of times to show the frames; the frame index keeps counting.
    """

    def __init__(self, rendered: SceneFrames, *, live: bool, loops: int = 1) -> None:
        self.name = f"film:{rendered.scene.name}"
        self.live = live
        self.is_still_images = False
        self._frames: Sequence[Gray] = rendered.frames
        self._fps = rendered.scene.fps
        self._end = loops * len(rendered.frames)
        self._next = 0
        self._started_at: float | None = None
        self._closed = threading.Event()

    def read(self) -> Frame | None:
        """Return the next frame, waiting until it is due; None at the end and after `close`."""
        if self.live:
            self._await_next()
        index = self._next
        if index >= self._end or self._closed.is_set():
            return None
        self._next = index + 1
        captured_at = time.monotonic()
        media_time_s = captured_at if self.live else index / self._fps
        return Frame(self._frames[index % len(self._frames)], index, captured_at, media_time_s, self.name)

    def _await_next(self) -> None:
        """Wait until the next frame is due, or skip to the newest one that is overdue."""
        now = time.monotonic()
        if self._started_at is None:
            self._started_at = now
        self._next = max(self._next, int((now - self._started_at) * self._fps))
        self._closed.wait(max(0.0, self._started_at + self._next / self._fps - now))

    def close(self) -> None:
        """End the stream; a waiting `read` returns None."""
        self._closed.set()


def source_cost_ms(rendered: SceneFrames) -> float:
    """Return the CPU time, ms, that `MemorySource` itself takes per frame, to subtract from the pipeline's."""
    source = MemorySource(rendered, live=False)
    before = time.process_time()
    while source.read() is not None:
        pass
    return (time.process_time() - before) / len(rendered.frames) * 1e3
