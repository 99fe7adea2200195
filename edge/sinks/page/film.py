"""Shows the newest picture to all who watch; it is made once for them, and only while somebody does."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from edge.records import Shown

LEASE_S = 3.0
"""Who has not asked for so long watches no more, s."""

WAIT_S = 1.0
"""A question is answered after this long at the latest, so that nobody holds a thread of the server, s."""

OLD_S = 1.0
"""A picture is shown no later than this, s: one from before the camera was lost would look as if it were new."""


class FullError(Exception):
    """As many as may watch do so already."""


@dataclass(frozen=True, slots=True)
class Still:
    """One picture. number: differs from that of the one before. image: JPEG, or empty. made_at: monotonic clock, s."""

    number: int
    image: bytes
    shown: Shown
    made_at: float


class Film:
    """The newest picture. One thread puts frames in; any number of watchers ask for the next one.

    A watcher asks again and again, instead of being sent a stream: a slow one gets fewer pictures, not late ones, and
    one that has gone holds nothing.

    make_image: a frame to JPEG. fps: pictures a second at most. watchers: how many may watch. wait_s: see `WAIT_S`.
    made: pictures so far.
    """

    def __init__(
        self,
        make_image: Callable[[Shown], bytes],
        *,
        fps: float,
        watchers: int,
        wait_s: float = WAIT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.made = 0
        self._make_image = make_image
        self._interval_s = 1 / fps
        self._most = watchers
        self._wait_s = wait_s
        self._clock = clock
        self._due_s = 0.0
        self._news = threading.Condition()  # protects all below
        self._leases: dict[str, float] = {}
        self._newest: Still | None = None
        self._closed = False

    @property
    def watchers(self) -> int:
        """How many watch at the moment."""
        with self._news:
            return self._lapse()

    @property
    def idle_s(self) -> float | None:
        """How long no frame is needed, s; None where nobody watches."""
        return max(0.0, self._due_s - self._clock()) if self._leases else None

    def put(self, shown: Shown) -> None:
        """Take a frame; it is passed over where nobody watches, or where the last one was a moment ago."""
        now_s = self._clock()
        if not self._leases or now_s < self._due_s or not self.watchers:
            return
        self._due_s = max(self._due_s + self._interval_s, now_s)
        image = self._make_image(shown)
        with self._news:
            self.made += 1
            self._newest = Still(self.made, image, shown, now_s)
            self._news.notify_all()

    def next(self, watcher: str, after: int) -> Still | None:
        """Wait for a picture that is not number `after`; None where there is none for a while.

        watcher: any name; who asks under it counts as one.

        Raises:
            FullError: too many others watch.
        """
        with self._news:
            self._lapse()
            if watcher not in self._leases and len(self._leases) >= self._most:
                raise FullError
            self._leases[watcher] = self._clock() + LEASE_S
            self._news.wait_for(lambda: self._closed or self._has_news(after), self._wait_s)
            return self._newest if self._has_news(after) else None

    def close(self) -> None:
        """Let everybody go who waits."""
        with self._news:
            self._closed = True
            self._news.notify_all()

    def _has_news(self, after: int) -> bool:
        newest = self._newest
        return newest is not None and newest.number != after and self._clock() - newest.made_at < OLD_S

    def _lapse(self) -> int:
        """Forget who watches no more; returns how many do."""
        now_s = self._clock()
        for watcher in [name for name, until_s in self._leases.items() if until_s < now_s]:
            del self._leases[watcher]
        if not self._leases:
            self._newest = None
        return len(self._leases)
