"""Feeds the newest frame to the viewers as JPEG: encoded once for all of them, and only while somebody watches."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from edge.records import FrameWithReadings

LEASE_S = 3.0
"""Seconds without a request after which a viewer is considered gone."""

WAIT_S = 1.0
"""Longest time that a request waits for a new frame, s, so that no viewer holds a server thread for longer."""

MAX_AGE_S = 1.0
"""Age after which a frame is no longer served, s: one from before the camera was lost would look current."""


class TooManyViewersError(Exception):
    """The maximum number of viewers is already watching."""


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """A frame ready for the viewers.

    Attributes:
        number: number of this frame; differs from that of the frame before.
        image: JPEG data without boxes; empty if the privacy settings allow no picture; None if no viewer wants it.
        annotated: JPEG data with boxes and captions; None if no viewer wants it.
        source: the frame and its readings.
        encoded_at: monotonic clock, s.
    """

    number: int
    image: bytes | None
    annotated: bytes | None
    source: FrameWithReadings
    encoded_at: float

    def picture(self, *, annotated: bool) -> bytes | None:
        """Return the JPEG data with or without boxes."""
        return self.annotated if annotated else self.image


@dataclass(slots=True)
class _Lease:
    """A viewer's place: until when it is taken (monotonic clock, s), and whether the viewer wants boxes."""

    until_s: float
    annotated: bool


class FrameFeed:
    """Holds the newest encoded frame. One thread puts frames in; any number of viewers request the next one.

    The page's viewers poll instead of being sent a stream: a slow one gets fewer frames, not late ones, and one that
    has gone holds no resources. Other programs may `join` for as long as they are connected.

    Args:
        encode: turns a frame into JPEG data.
        encode_annotated: turns a frame into JPEG data with boxes and captions.
        fps: frames encoded per second at most.
        max_viewers: viewers that may watch at a time.
        wait_s: see `WAIT_S`.
        clock: monotonic clock, s.

    Attributes:
        encoded: number of frames encoded so far.
    """

    def __init__(
        self,
        encode: Callable[[FrameWithReadings], bytes],
        *,
        fps: float,
        max_viewers: int,
        encode_annotated: Callable[[FrameWithReadings], bytes] | None = None,
        wait_s: float = WAIT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.encoded = 0
        self._encode = encode
        self._encode_annotated = encode_annotated or encode
        self._interval_s = 1 / fps
        self._max_viewers = max_viewers
        self._wait_s = wait_s
        self._clock = clock
        self._due_s = 0.0
        self._changed = threading.Condition()  # protects everything below
        self._leases: dict[str, _Lease] = {}
        self._newest: EncodedFrame | None = None
        self._closed = False

    @property
    def viewers(self) -> int:
        """Number of viewers that are watching."""
        with self._changed:
            return self._expire_leases()

    @property
    def idle_s(self) -> float | None:
        """Seconds until the next frame is needed, or None while nobody watches."""
        return max(0.0, self._due_s - self._clock()) if self._leases else None

    def put(self, frame: FrameWithReadings) -> None:
        """Encode a frame, unless nobody watches or the previous one is less than a frame interval old."""
        now_s = self._clock()
        if not self._leases or now_s < self._due_s or not self.viewers:
            return
        self._due_s = max(self._due_s + self._interval_s, now_s)
        with self._changed:
            wanted = {lease.annotated for lease in self._leases.values()}
        image = self._encode(frame) if False in wanted else None
        annotated = self._encode_annotated(frame) if True in wanted else None
        with self._changed:
            self.encoded += 1
            self._newest = EncodedFrame(self.encoded, image, annotated, frame, now_s)
            self._changed.notify_all()

    def next(self, viewer: str, after: int, *, annotated: bool = False) -> EncodedFrame | None:
        """Wait for a frame other than number `after`; return None if none arrives within `wait_s`.

        Args:
            viewer: any name; all requests with the same name count as one viewer.
            after: number of the frame that the viewer has.
            annotated: whether the viewer wants boxes and captions.

        Raises:
            TooManyViewersError: the maximum number of other viewers is watching.
        """
        with self._changed:
            self._take_place(viewer, self._clock() + LEASE_S, annotated=annotated)
            self._changed.wait_for(lambda: self._closed or self._has_newer(after, annotated=annotated), self._wait_s)
            return self._newest if self._has_newer(after, annotated=annotated) else None

    @contextmanager
    def join(self, viewer: str, *, annotated: bool) -> Iterator[None]:
        """Hold a place for a viewer while the block runs.

        Args:
            viewer: a name that nobody else has.
            annotated: whether the viewer wants boxes and captions.

        Raises:
            TooManyViewersError: the maximum number of other viewers is watching.
        """
        with self._changed:
            self._take_place(viewer, math.inf, annotated=annotated)
        try:
            yield
        finally:
            with self._changed:
                self._leases.pop(viewer, None)
                self._expire_leases()

    @property
    def is_closed(self) -> bool:
        """Whether no frame will come any more."""
        return self._closed

    def close(self) -> None:
        """Answer all waiting requests."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _take_place(self, viewer: str, until_s: float, *, annotated: bool) -> None:
        self._expire_leases()
        lease = self._leases.get(viewer)
        if lease is not None:
            lease.until_s = max(lease.until_s, until_s)
        elif len(self._leases) < self._max_viewers:
            self._leases[viewer] = _Lease(until_s, annotated)
        else:
            raise TooManyViewersError

    def _has_newer(self, after: int, *, annotated: bool) -> bool:
        newest = self._newest
        if newest is None or newest.number == after or newest.picture(annotated=annotated) is None:
            return False
        return self._clock() - newest.encoded_at < MAX_AGE_S

    def _expire_leases(self) -> int:
        """Forget viewers that are gone; return how many are left."""
        now_s = self._clock()
        for viewer in [name for name, lease in self._leases.items() if lease.until_s < now_s]:
            del self._leases[viewer]
        if not self._leases:
            self._newest = None
        return len(self._leases)
