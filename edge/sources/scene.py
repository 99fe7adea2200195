"""A camera that shows a drawn scene: for trying things out where there is no camera, and for tests."""

import threading
import time

from edge.errors import CameraError
from edge.records import Frame
from edge.scenes.render import Scene
from edge.sources.opencv import luma, read_only


class SceneSource:
    """Gives the frames of a scene, then None.

    scene: what is shown; `scene.frame(frame.index)` gives the true boxes of a frame.
    live: like a camera, it does not wait for the reader: its frames fall due by the monotonic clock at the scene's
        rate from the first read on, and the indices of those that came and went between two reads are missing.
        Else each frame is given once, as soon as it is asked for.
    color: frames carry colour, too.
    fail_at: the camera breaks at this frame: `read` raises CameraError.
    hang_at: the camera falls silent at this frame: `read` does not return before `close`.
    """

    def __init__(
        self,
        scene: Scene,
        *,
        live: bool,
        color: bool = False,
        fail_at: int | None = None,
        hang_at: int | None = None,
    ) -> None:
        self.name = f"scene:{scene.name}"
        self.live = live
        self.stills = False
        self.skipped = 0
        self.scene = scene
        self._color = color
        self._fail_at = fail_at
        self._hang_at = hang_at
        self._closed = threading.Event()
        self._started_at: float | None = None
        self._next_index = 0

    def read(self) -> Frame | None:
        """Wait for the next frame; None after the last one and after `close`.

        Raises:
            CameraError: at the frame `fail_at`.
        """
        if self.live:
            self._await_next()
        index = self._next_index
        if self._hang_at is not None and index >= self._hang_at:
            self._closed.wait()
        if self._closed.is_set() or index >= self.scene.frame_count:
            return None
        if self._fail_at is not None and index >= self._fail_at:
            raise CameraError(f"{self.name}: expected frame {index}, found the camera gone: it was told to fail here")
        self._next_index = index + 1
        color, _ = self.scene.frame(index)
        gray = read_only(luma(color))
        captured_at = time.monotonic()
        position_s = captured_at if self.live else index / self.scene.fps
        return Frame(gray, index, captured_at, position_s, self.name, read_only(color) if self._color else None)

    def _await_next(self) -> None:
        """Wait until the next frame is due, or take the newest that already is."""
        now = time.monotonic()
        if self._started_at is None:
            self._started_at = now
        newest_due = int((now - self._started_at) * self.scene.fps)
        self._next_index = max(self._next_index, newest_due)
        self._closed.wait(max(0.0, self._started_at + self._next_index / self.scene.fps - now))

    def close(self) -> None:
        """End the scene; a `read` that waits returns None. May be called twice, and from another thread."""
        self._closed.set()
