"""Repeats a file or a scene without end, at its own rate, as if it were a camera."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import replace

from edge.records import Frame, TimeLine
from edge.sources.base import Source

PICTURE_S = 3.0
"""How long each picture is shown, s."""

_REPEAT_S = 0.2
"""Time after which a frame is given again while the next one is not due, s: a picture becomes a video."""

_LATE_S = 1.0
"""Delay from which the loop goes on where it is instead of catching up, s."""

_FRAME_S = 0.04
"""Duration of a video's last frame if there is only one, s."""


class LoopSource(Source):
    """Gives the frames of a source at their own times, and begins again when it ends.

    It is live: a frame that is overdue is skipped, as with a camera, and times are those of the clock. While the source
    is opened for the next round, which takes a slow machine seconds, the last frame is given again.

    Args:
        open_source: Opens the source, unpaced; called for each round.
        picture_s: How long each picture is shown, s.
    """

    live = True

    def __init__(self, open_source: Callable[[], Source], *, picture_s: float = PICTURE_S) -> None:
        """Open the source for the first round.

        Raises:
            SourceError: It cannot be opened.
        """
        self._open_source = open_source
        self._picture_s = picture_s
        self._closed = threading.Event()
        self._lock = threading.Lock()  # protects `_source`
        self._source = open_source()
        self.name = self._source.name
        self._index = 0
        self._opening: Future[Source] | None = None  # of the next round
        self._shown: Frame | None = None
        self._next: Frame | None = None
        self._round_s: float | None = None  # when the round began, monotonic clock
        self._next_s = self._duration_s = 0.0  # when `_next` is due, and the time from the frame before it
        self._pictures = 0  # in this round
        self._is_round_empty = True  # so far

    def read(self) -> Frame | None:
        """Wait for the next frame; None after `close`.

        Raises:
            SourceError: The source cannot be read, or cannot be opened again.
        """
        while not self._closed.is_set():
            if self._shown is not None and not self._has_opened():
                return None if self._closed.is_set() else self._stamp(self._shown)
            began_s, is_new = time.monotonic(), False
            while (now_s := time.monotonic()) - began_s < _REPEAT_S:
                self._next = self._next or self._fetch()
                if self._next is None or self._next_s > now_s:
                    break
                self._shown, self._next, is_new = self._next, None, True
            if self._shown is not None and (is_new or self._next_s > now_s + _REPEAT_S):
                if not is_new and self._closed.wait(_REPEAT_S):
                    return None
                return self._stamp(self._shown)
            if self._next is not None:
                self._closed.wait(self._next_s - now_s)
            elif self._opening is None:
                return None
        return None

    def _fetch(self) -> Frame | None:
        """Return the source's next frame, and compute when it is due; None at the end of a round, and after `close`."""
        if self._opening is not None:
            return None
        frame = self._source.read()
        now_s = time.monotonic()
        if self._round_s is None:
            self._round_s = now_s
        if frame is None:
            if self._is_round_empty:
                return None
            self._round_s, self._pictures = self._next_s + (self._duration_s or _FRAME_S), 0
            self._begin_again()
            return None
        self._is_round_empty = False
        due_s = self._round_s + self._position_s(frame)
        late_s = now_s - due_s
        if late_s > _LATE_S:
            self._round_s += late_s
            due_s += late_s
        if due_s > self._next_s > 0:
            self._duration_s = due_s - self._next_s
        self._next_s = due_s
        return frame

    def _position_s(self, frame: Frame) -> float:
        """Return when a frame is due after the beginning of its round, s."""
        if frame.time_line is TimeLine.MEDIA:
            return frame.media_time_s
        self._pictures += 1
        self._duration_s = self._picture_s
        return (self._pictures - 1) * self._picture_s

    def _begin_again(self) -> None:
        """Open the source for another round, on a thread of its own; do nothing after `close`."""
        self._source.close()
        opening: Future[Source] = Future()

        def open_again() -> None:
            try:
                opening.set_result(self._open_source())
            except BaseException as error:  # noqa: BLE001  # raised by `read`
                opening.set_exception(error)

        with self._lock:
            if self._closed.is_set():
                return
            self._opening = opening
        threading.Thread(target=open_again, name="loop", daemon=True).start()

    def _has_opened(self) -> bool:
        """Wait for up to `_REPEAT_S` until the next round may begin; return whether it may.

        Raises:
            SourceError: The source cannot be opened again.
        """
        if self._opening is None:
            return True
        if not wait([self._opening], _REPEAT_S).done:
            return False
        source = self._opening.result()
        self._round_s = max(self._round_s or 0.0, time.monotonic())
        with self._lock:
            self._source, self._opening, self._is_round_empty = source, None, True
            if self._closed.is_set():
                source.close()
        return True

    def _stamp(self, frame: Frame) -> Frame:
        """Return the frame as one that a camera has captured now."""
        index, now_s = self._index, time.monotonic()
        self._index += 1
        return replace(frame, index=index, captured_at=now_s, media_time_s=now_s, time_line=TimeLine.CLOCK)

    def close(self) -> None:
        """End the loop; a waiting `read` returns None."""
        self._closed.set()
        with self._lock:
            self._source.close()
            if self._opening is not None:
                self._opening.add_done_callback(_close_opened)


def _close_opened(opening: Future[Source]) -> None:
    """Close a source that was opened when nobody needed it any more."""
    if opening.exception() is None:
        opening.result().close()
