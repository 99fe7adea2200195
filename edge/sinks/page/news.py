"""Tells browsers how the run is, as server-sent events."""

import threading
import time
from collections.abc import Callable, Iterator

import msgspec

from edge.records import Observation, Reading
from edge.sinks.page.timeline import KEEP_S, Stretch, Timeline
from edge.status import Status

EVERY_S = 0.5

LIFE_S = 60.0
"""A stream ends after this long, and the browser asks for the next one at once: one that is read by nobody, though its
connection stands, does not hold a thread for ever, s."""

OLD_S = 2.0
"""What was said of faces longer ago than this is not said any more, s."""


class Face(msgspec.Struct):
    """What is said of a face. box: x, y, width, height, px of the frame. unclear: why it was not classified."""

    face: int
    emotion: str
    confidence: float
    unclear: str | None
    box: tuple[int, int, int, int]


class Bulletin(msgspec.Struct):
    """One event. run: differs after a restart. now: monotonic clock, s. faces: in the newest frame.

    stretches: of the time line, those that are new or have grown since the event before.
    """

    run: str
    now: float
    status: Status
    watchers: int
    faces: list[Face]
    stretches: list[Stretch]


class News:
    """What there is to tell, for any number of listeners.

    status: how the run is. watchers: how many watch. listeners: how many streams there may be.
    """

    def __init__(
        self,
        status: Callable[[], Status],
        watchers: Callable[[], int],
        timeline: Timeline,
        *,
        listeners: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._status = status
        self._watchers = watchers
        self._timeline = timeline
        self._clock = clock
        self._run = f"{time.time():.3f}"
        self._newest: Observation | None = None
        self._places = threading.BoundedSemaphore(listeners)
        self._closed = threading.Event()

    def put(self, observation: Observation) -> None:
        """Take what is said of the newest frame."""
        self._newest = observation
        self._timeline.add(observation)

    def take_place(self) -> bool:
        """Whether there is room for one more listener, who then has it until `leave_place`."""
        return self._places.acquire(blocking=False)

    def leave_place(self) -> None:
        """Make room for another one."""
        self._places.release()

    def stream(self) -> Iterator[bytes]:
        """Events until `LIFE_S` have passed or the page is closed. The server ends it where nobody listens any more."""
        yield b"retry: 1000\n\n"
        ends_s, told_s = self._clock() + LIFE_S, float("-inf")
        while self._clock() < ends_s:
            now_s = self._clock()
            yield b"data: " + msgspec.json.encode(self._bulletin(now_s, told_s)) + b"\n\n"
            told_s = now_s - EVERY_S  # a frame that was captured before may be told of after
            if self._closed.wait(EVERY_S):
                return

    def close(self) -> None:
        """End all streams."""
        self._closed.set()

    def _bulletin(self, now_s: float, told_s: float) -> Bulletin:
        newest = self._newest
        faces = [] if newest is None or now_s - newest.captured_at > OLD_S else describe_faces(newest.readings)
        stretches = self._timeline.since(max(told_s, now_s - KEEP_S))
        return Bulletin(self._run, now_s, self._status(), self._watchers(), faces, stretches)


def describe_faces(readings: tuple[Reading, ...]) -> list[Face]:
    """What a page is told of each face."""
    return [
        Face(reading.track_id, reading.emotion, round(reading.confidence, 3), reading.unclear, reading.box.xywh)
        for reading in readings
    ]
