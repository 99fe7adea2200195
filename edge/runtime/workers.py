"""The threads of a run: each runs one step; they start, fail and end together."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable
from typing import Protocol

from edge.errors import StuckError
from edge.runtime.queue import Closed

log = logging.getLogger(__name__)

JOIN_TIMEOUT_S = 0.8
"""How long all workers together may take to end after a stop, s: so a stop takes less than a second."""

FINISH_S = 10.0
"""How long optional workers may take to deliver the rest when all others have ended by themselves, s."""


class Closable(Protocol):
    """What a worker closes when it ends: its queues, or the fan-out."""

    def close(self) -> None:
        """Accept nothing more."""


class Worker(threading.Thread):
    """Runs one step on a thread of its own.

    When the step returns, finds its queue closed, or fails, the worker closes its queues, so that its neighbours end as
    well: no thread dies unnoticed, and none waits for a dead one. The thread is a daemon: a read that never returns
    must not keep the process alive.

    Attributes:
        error: what the step failed with, else None.
        ended: whether the step has ended; the thread itself may live on for a moment.
        optional: whether the run is complete without it, so that it may be left behind.
        abandoned: whether another worker has taken over the step, and the queues with it.
    """

    def __init__(
        self,
        name: str,
        body: Callable[[], None],
        *,
        ends: Iterable[Closable],
        on_end: Callable[[], None],
        optional: bool = False,
    ) -> None:
        """Prepare the thread.

        Args:
            name: the thread's name.
            body: the step.
            ends: closed when the step ends.
            on_end: called when the step has ended.
            optional: whether the run is complete without it.
        """
        super().__init__(name=name, daemon=True)
        self.error: BaseException | None = None
        self.ended = False
        self.abandoned = False
        self.optional = optional
        self.body = body
        self.ends = tuple(ends)
        self._on_end = on_end

    def run(self) -> None:
        """Run the step; `start` calls this on the new thread."""
        try:
            self.body()
        except Closed:
            pass  # a neighbour has ended, and so does this worker
        except BaseException as error:  # noqa: BLE001  # nothing is swallowed: `Workers.run` raises it again
            self.error = error
        finally:
            self.ended = True
            if not self.abandoned:
                for end in self.ends:
                    end.close()
                self._on_end()


class Workers:
    """All workers of one run, as the main thread handles them."""

    def __init__(self) -> None:
        self._workers: list[Worker] = []
        # A SimpleQueue, since its put() may be called from a signal handler: an Event's lock could deadlock there.
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._stop_asked = False
        self._finished_s: float | None = None  # when all workers but optional ones had ended

    def add(self, name: str, body: Callable[[], None], *, ends: Iterable[Closable], optional: bool = False) -> None:
        """Add a worker that runs `body` and closes `ends` when the body has ended; see `Worker` for `optional`."""
        self._workers.append(Worker(name, body, ends=ends, on_end=self._wake_up, optional=optional))

    def replace(self, name: str) -> None:
        """Abandon the worker of that name, whose thread hangs, and start its step once more on a new thread.

        Only `check` may call this. The abandoned thread is not waited for; if it ever ends, nobody notices.
        """
        number = next(number for number, worker in enumerate(self._workers) if worker.name == name)
        hung = self._workers[number]
        hung.abandoned = True
        self._workers[number] = Worker(name, hung.body, ends=hung.ends, on_end=self._wake_up)
        self._workers[number].start()

    def ask_stop(self) -> None:
        """End the run in good order; may be called from any thread and from a signal handler."""
        self._stop_asked = True
        self._wake_up()

    def run(self, *, stop: Callable[[], None], check: Callable[[], None], check_every_s: float) -> None:
        """Run until every worker has ended, one has failed, or a stop is asked for; then raise the first error.

        Args:
            stop: makes the workers end; must not wait for them.
            check: called about every `check_every_s` seconds; raises when something is wrong.
            check_every_s: s.

        Raises:
            StuckError: a worker that is not optional did not end in time.
            Exception: what a worker or `check` failed with.
        """
        failure: BaseException | None = None
        try:
            for worker in self._workers:
                worker.start()  # fails where the system gives no further thread: then those before it are stopped
            while not self._over():
                try:
                    self._wake.get(timeout=check_every_s)
                except queue.Empty:
                    check()
        except Exception as error:  # noqa: BLE001  # raised again below, after the workers have ended
            failure = error
        if failure is not None or self._stop_asked or self._failed():
            stop()
        stuck = self._join()
        failure = failure or next((worker.error for worker in self._workers if worker.error), None)
        if failure is not None:
            raise failure
        if stuck:
            raise StuckError(f"expected every thread to end within {JOIN_TIMEOUT_S} s, still busy: {', '.join(stuck)}")

    def _wake_up(self) -> None:
        self._wake.put(None)

    def _over(self) -> bool:
        if self._stop_asked or self._failed():
            return True
        if not all(worker.ended or worker.optional for worker in self._workers):
            return False
        now_s = time.monotonic()
        self._finished_s = now_s if self._finished_s is None else self._finished_s
        return all(worker.ended for worker in self._workers) or now_s - self._finished_s >= FINISH_S

    def _failed(self) -> bool:
        return any(worker.error is not None for worker in self._workers)

    def _join(self) -> list[str]:
        """Wait for all workers under one deadline; return the names of those that are still alive.

        Optional ones are left behind: a broker that does not respond must not make a run fail that is complete.
        """
        deadline = time.monotonic() + JOIN_TIMEOUT_S
        for worker in self._workers:
            if worker.ident is not None:  # it was started
                worker.join(max(0.0, deadline - time.monotonic()))
        alive = [worker for worker in self._workers if worker.is_alive()]
        for worker in alive:
            if worker.optional:
                log.warning("%s: did not end within %g s: left behind", worker.name, JOIN_TIMEOUT_S)
        return [worker.name for worker in alive if not worker.optional]
