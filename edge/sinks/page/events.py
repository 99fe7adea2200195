"""Streams the run's status and faces to browsers as server-sent events (SSE)."""

import threading
import time
from collections.abc import Callable, Iterator

import msgspec

from edge.records import Observation, Reading
from edge.sinks.page.timeline import KEEP_S, Segment, Timeline
from edge.status import Status

INTERVAL_S = 0.5
"""Time between two events, s."""

STREAM_LIFE_S = 60.0
"""A stream ends after this long, s, and the browser opens the next one at once: a connection that stands but is not
read by anybody does not hold a server thread for ever."""

MAX_AGE_S = 2.0
"""Age after which the faces of an observation are no longer sent, s."""


class FaceInfo(msgspec.Struct):
    """A face as the page's script receives it.

    Attributes:
        face: track id.
        emotion: label, or `uncertain`.
        confidence: 0 to 1.
        unclear: why the face was not classified, or None.
        box: x, y, width, height, px of the frame.
    """

    face: int
    emotion: str
    confidence: float
    unclear: str | None
    box: tuple[int, int, int, int]


class PageEvent(msgspec.Struct):
    """Payload of one event.

    Attributes:
        run: id of this process; differs after a restart.
        page: version of the page; a browser that shows another one loads it again.
        now: monotonic clock, s.
        status: the run's status.
        watchers: number of viewers that watch the video.
        faces: faces in the newest frame; None if there is no such frame, as while the camera is lost; always empty with
            `privacy.counts_only`.
        stretches: segments of the time line that are new or have grown since the previous event.
    """

    run: str
    page: str
    now: float
    status: Status
    watchers: int
    faces: list[FaceInfo] | None
    stretches: list[Segment]


class EventFeed:
    """Builds events for a limited number of streams.

    Args:
        status: returns the run's current status.
        viewers: returns the number of viewers that watch the video.
        timeline: time line to fill and to send.
        max_streams: streams that may be open at a time.
        page: version of the page.
        clock: monotonic clock, s.
    """

    def __init__(
        self,
        status: Callable[[], Status],
        viewers: Callable[[], int],
        timeline: Timeline,
        *,
        max_streams: int,
        page: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._status = status
        self._viewers = viewers
        self._timeline = timeline
        self._page = page
        self._clock = clock
        self._run = f"{time.time():.3f}"
        self._newest: Observation | None = None
        self._slots = threading.BoundedSemaphore(max_streams)
        self._closed = threading.Event()

    def put(self, observation: Observation) -> None:
        """Take the newest frame's observation."""
        self._newest = observation
        self._timeline.add(observation)

    def reserve_slot(self) -> bool:
        """Reserve a stream slot; return False if all are in use. Release it with `release_slot`."""
        return self._slots.acquire(blocking=False)

    def release_slot(self) -> None:
        """Release a slot reserved by `reserve_slot`."""
        self._slots.release()

    def stream(self) -> Iterator[bytes]:
        """Yield events until `STREAM_LIFE_S` has passed or the feed is closed."""
        yield b"retry: 1000\n\n"
        ends_s, sent_s = self._clock() + STREAM_LIFE_S, float("-inf")
        while self._clock() < ends_s:
            now_s = self._clock()
            yield b"data: " + msgspec.json.encode(self._event(now_s, sent_s)) + b"\n\n"
            sent_s = now_s - INTERVAL_S  # an observation may arrive after an event that is newer than its frame
            if self._closed.wait(INTERVAL_S):
                return

    def close(self) -> None:
        """End all streams."""
        self._closed.set()

    def _event(self, now_s: float, sent_s: float) -> PageEvent:
        newest = self._newest
        is_current = newest is not None and (newest.counts is not None or now_s - newest.captured_at <= MAX_AGE_S)
        faces = describe_faces(newest.readings) if newest is not None and is_current else None
        segments = self._timeline.since(max(sent_s, now_s - KEEP_S))
        return PageEvent(self._run, self._page, now_s, self._status(), self._viewers(), faces, segments)


def describe_faces(readings: tuple[Reading, ...]) -> list[FaceInfo]:
    """Return each reading as the page's script receives it."""
    return [
        FaceInfo(reading.track_id, reading.emotion, round(reading.confidence, 3), reading.unclear, reading.box.xywh)
        for reading in readings
    ]
