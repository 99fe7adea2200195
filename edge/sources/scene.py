"""Shows a drawn scene as if it were a camera or a video: to try things without a camera, and for tests."""

import threading
import time

from edge.errors import CameraError
from edge.records import Frame, TimeLine
from edge.scenes.render import Scene
from edge.sources.base import Source, luma, read_only


class SceneSource(Source):
    """Gives the frames of a scene, and can be made to fail or hang at a given frame.

    Args:
        scene: The scene to show; `scene.frame(frame.index)` gives the true boxes of a frame.
        live: Whether frames become due by the monotonic clock at the scene's rate, starting with the first read, and
            are skipped when they are overdue, as with a camera; otherwise every frame is returned at once.
        color: Whether frames also carry color.
        fail_at: Index of the frame at which `read` raises CameraError.
        hang_at: Index of the frame at which `read` blocks until `close`.
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
        self.scene = scene
        self._color = color
        self._fail_at = fail_at
        self._hang_at = hang_at
        self._closed = threading.Event()
        self._started_at: float | None = None
        self._next_index = 0

    def read(self) -> Frame | None:
        """Return the next frame, waiting until it is due; None at the end and after `close`.

        Raises:
            CameraError: The scene has reached the frame `fail_at`.
        """
        if self.live:
            self._await_next()
        index = self._next_index
        if self._hang_at is not None and index >= self._hang_at:
            self._closed.wait()
        if self._closed.is_set() or index >= self.scene.frame_count:
            return None
        if self._fail_at is not None and index >= self._fail_at:
            raise CameraError(f"{self.name}: expected frame {index}, found the camera gone: simulated failure")
        self._next_index = index + 1
        color, _ = self.scene.frame(index)
        gray = read_only(luma(color))
        captured_at = time.monotonic()
        media_time_s = captured_at if self.live else index / self.scene.fps
        kept = read_only(color) if self._color else None
        time_line = TimeLine.CLOCK if self.live else TimeLine.MEDIA
        return Frame(gray, index, captured_at, media_time_s, self.name, kept, time_line=time_line)

    def _await_next(self) -> None:
        """Wait until the next frame is due, or skip to the newest one that is overdue."""
        now = time.monotonic()
        if self._started_at is None:
            self._started_at = now
        newest_due = int((now - self._started_at) * self.scene.fps)
        self._next_index = max(self._next_index, newest_due)
        self._closed.wait(max(0.0, self._started_at + self._next_index / self.scene.fps - now))

    def close(self) -> None:
        """End the scene; a waiting `read` returns None."""
        self._closed.set()
