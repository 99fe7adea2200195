"""The camera's picture for other programs: an endless stream of JPEG pictures, and a single one."""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import cv2
import numpy as np

from edge.sinks.page.frames import FrameFeed
from edge.status import State, Status

SNAPSHOT_WAIT_S = 5.0
"""Longest time that a request for a single picture waits for one, s. A run without faces reads few frames a second."""

BOUNDARY = "picture"
"""Separates the pictures of a stream."""

STREAM_TYPE = f"multipart/x-mixed-replace; boundary={BOUNDARY}"

_NOTICE_SIZE = 640, 480
"""Width and height of the picture that says why there is none, px."""


class PictureSource:
    """Streams and snapshots of the newest frames; each takes one of the page's viewer places.

    Args:
        frames: encoded frames.
        status: returns the run's current status.
        clock: monotonic clock, s.
    """

    def __init__(
        self, frames: FrameFeed, status: Callable[[], Status], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._frames = frames
        self._status = status
        self._clock = clock

    def snapshot(self, *, annotated: bool) -> bytes | None:
        """Return the next frame as JPEG; None if none arrives in time.

        Args:
            annotated: whether to draw boxes and captions.

        Raises:
            TooManyViewersError: all viewer places are taken.
        """
        viewer = _new_name()
        with self._frames.join(viewer, annotated=annotated):
            deadline_s = self._clock() + SNAPSHOT_WAIT_S
            while not self._frames.is_closed and self._clock() < deadline_s:
                frame = self._frames.next(viewer, 0, annotated=annotated)
                if frame is not None:
                    return frame.picture(annotated=annotated)
        return None

    def stream(self, *, annotated: bool, is_gone: Callable[[], bool]) -> tuple[Iterator[bytes], Callable[[], None]]:
        """Return the parts of a stream, and a function that frees its place.

        While the camera delivers no frames, the stream shows the run's state: the last picture would look current.

        Args:
            annotated: whether to draw boxes and captions.
            is_gone: tells whether the client has disconnected; asked before each part.

        Raises:
            TooManyViewersError: all viewer places are taken.
        """
        viewer = _new_name()
        place = ExitStack()
        place.enter_context(self._frames.join(viewer, annotated=annotated))
        return self._parts(viewer, annotated=annotated, is_gone=is_gone), place.close

    def _parts(self, viewer: str, *, annotated: bool, is_gone: Callable[[], bool]) -> Iterator[bytes]:
        yield f"--{BOUNDARY}\r\n".encode()
        number = 0
        while not self._frames.is_closed and not is_gone():
            frame = self._frames.next(viewer, number, annotated=annotated)
            if frame is not None:
                number = frame.number
                yield _part(frame.picture(annotated=annotated) or b"")
            elif (state := self._status().state) != "running":
                yield _part(draw_notice(state))


def draw_notice(state: State) -> bytes:
    """Return a dark picture that says what the run is doing, as JPEG."""
    width, height = _NOTICE_SIZE
    picture = np.full((height, width, 3), 32, np.uint8)
    scale, stroke_px, color = 1.5, 2, (224, 224, 224)
    (text_width, text_height), _ = cv2.getTextSize(state, cv2.FONT_HERSHEY_SIMPLEX, scale, stroke_px)
    origin = (width - text_width) // 2, (height + text_height) // 2
    cv2.putText(picture, state, origin, cv2.FONT_HERSHEY_SIMPLEX, scale, color, stroke_px, cv2.LINE_AA)
    return cv2.imencode(".jpg", picture)[1].tobytes()


def _part(image: bytes) -> bytes:
    """Return a picture with its head, and the boundary behind it, which makes a program show it at once."""
    head = f"Content-Type: image/jpeg\r\nContent-Length: {len(image)}\r\n\r\n"
    return head.encode() + image + f"\r\n--{BOUNDARY}\r\n".encode()


def _new_name() -> str:
    return secrets.token_hex(8)
