"""Starts workers together, watches over them, ends them together."""

import queue
import time
from collections.abc import Callable, Iterable

from edge.errors import StuckError
from edge.runtime.worker import Closable, Worker

JOIN_TIMEOUT_S = 0.8
"""How long workers have to end once they are told to: a stop takes less than a second."""


class Crew:
    """The workers of one run, seen from the main thread."""

    def __init__(self) -> None:
        self._workers: list[Worker] = []
        # A SimpleQueue, since its put() may be called from a signal handler: an Event's lock could deadlock there.
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._stop_asked = False

    def add(self, name: str, body: Callable[[], None], *, ends: Iterable[Closable]) -> None:
        """Add a worker that runs `body` and closes `ends` when it is over."""
        self._workers.append(Worker(name, body, ends=ends, on_end=self.wake))

    def wake(self) -> None:
        """Let the main thread look around; may be called from any thread and from a signal handler."""
        self._wake.put(None)

    def ask_stop(self) -> None:
        """End the run in good order; may be called from any thread and from a signal handler."""
        self._stop_asked = True
        self.wake()

    def run(self, *, stop: Callable[[], None], check: Callable[[], None], check_every_s: float) -> None:
        """Run until every worker has ended, one has failed, or a stop is asked for; then raise the first error.

        Args:
            stop: tells the workers to end; it must not wait for them.
            check: is called about every `check_every_s` seconds, and raises when something is wrong.
            check_every_s: s.

        Raises:
            StuckError: a worker did not end in time.
            Exception: what a worker or `check` failed with.
        """
        failure: BaseException | None = None
        for worker in self._workers:
            worker.start()
        try:
            while not self._over():
                try:
                    self._wake.get(timeout=check_every_s)
                except queue.Empty:
                    check()
        except Exception as error:  # noqa: BLE001  # raised again below, when the workers have been told
            failure = error
        if failure is not None or self._stop_asked or self._failed():
            stop()
        stuck = self._join()
        failure = failure or next((worker.error for worker in self._workers if worker.error), None)
        if failure is not None:
            raise failure
        if stuck:
            raise StuckError(f"expected every thread to end within {JOIN_TIMEOUT_S} s, still busy: {', '.join(stuck)}")

    def _over(self) -> bool:
        return self._stop_asked or self._failed() or all(worker.ended for worker in self._workers)

    def _failed(self) -> bool:
        return any(worker.error is not None for worker in self._workers)

    def _join(self) -> list[str]:
        """Wait for all workers under one deadline; return the names of those that are still alive."""
        deadline = time.monotonic() + JOIN_TIMEOUT_S
        for worker in self._workers:
            worker.join(max(0.0, deadline - time.monotonic()))
        return [worker.name for worker in self._workers if worker.is_alive()]
