"""A thread that runs one step until its end, and keeps the error it may end with."""

import threading
from collections.abc import Callable, Iterable
from typing import Protocol

from edge.runtime.handover import Closed


class Closable(Protocol):
    """An end of a hand-over."""

    def close(self) -> None:
        """Let nothing more in."""


class Worker(threading.Thread):
    """Runs `body` on a thread of its own.

    When the body returns, meets a closed hand-over or fails, its ends are closed, so that its neighbours end as well:
    nothing dies silently and nothing waits for the dead. The thread is a daemon: a read that never returns must not
    keep the process alive.

    error: what the body failed with, else None.
    ended: whether the body is over; the thread itself may live on for a moment.
    """

    def __init__(
        self, name: str, body: Callable[[], None], *, ends: Iterable[Closable], on_end: Callable[[], None]
    ) -> None:
        super().__init__(name=name, daemon=True)
        self.error: BaseException | None = None
        self.ended = False
        self._body = body
        self._ends = tuple(ends)
        self._on_end = on_end

    def run(self) -> None:
        """Run the body; called by `start`."""
        try:
            self._body()
        except Closed:
            pass  # a neighbour has ended: so does this one
        except BaseException as error:  # noqa: BLE001  # nothing is swallowed: the crew raises it again
            self.error = error
        finally:
            for end in self._ends:
                end.close()
            self.ended = True
            self._on_end()
