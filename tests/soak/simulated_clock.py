"""A clock for a whole process: time stands still while a thread works, and jumps to the next deadline when all wait.

So a week fits into minutes without a timeout that expires only because the machine is slow: however long a step takes,
it takes no time at all. `install` puts the clock in place of Python's own. From then on each wait of `threading`,
`queue.SimpleQueue` and `select.select` ends at its time on this clock, and `time` and `datetime` show it.

Threads that wait for the outside world in other ways (`EXTERNAL`) are not counted: time goes on while they work.
"""

import heapq
import itertools
import os
import queue
import select
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, tzinfo
from functools import partial

EXTERNAL = ("signals", "status", "page server", "metrics server")
"""Names of threads that wait in the kernel for a signal or a client."""

_real_sleep, _real_monotonic = time.sleep, time.monotonic
_real_select, _real_clock_gettime = select.select, time.clock_gettime
_real_start, _real_join = threading.Thread.start, threading.Thread.join
_new_lock = threading.Lock


class SimulatedClock:
    """The time of a process.

    Args:
        now_s: time on the monotonic clock at the start, s.
        wall_offset_s: difference between the wall clock (Unix time) and the monotonic one, s.
        settle: called before each jump; waits until programs outside have reacted to what they were sent.
        publish: called with the new time, s, after each jump.

    Attributes:
        now_s: the present time on the monotonic clock, s.
        wall_offset_s: see above; a change is a step of the wall clock.
        pace: most seconds to pass in a real second, for clients that run in real time; 0 for no limit.
    """

    def __init__(
        self,
        now_s: float,
        wall_offset_s: float,
        *,
        settle: Callable[[], None] = lambda: None,
        publish: Callable[[float], None] = lambda _: None,
    ) -> None:
        self.now_s = now_s
        self.wall_offset_s = wall_offset_s
        self.pace = 0.0
        self._settle, self._publish = settle, publish
        # Reentrant: a signal handler may wake a waiter while the main thread is in here.
        self._lock = threading.RLock()
        self._working = {threading.get_ident()}  # threads whose work stops the time, also while they wait
        self._busy = 1  # how many of them do not wait
        self._deadlines: list[tuple[float, int, Waiter]] = []
        self._order = itertools.count()
        self._sockets: dict[Waiter, tuple[list[object], list[object]]] = {}

    def install(self) -> None:
        """Put this clock in place of Python's own; call this from the main thread, before other modules are loaded."""
        time.monotonic = threading._time = lambda: self.now_s
        time.monotonic_ns = lambda: int(self.now_s * 1e9)
        time.time = lambda: self.now_s + self.wall_offset_s
        time.clock_gettime = lambda clock: self.now_s if clock == time.CLOCK_BOOTTIME else _real_clock_gettime(clock)
        time.sleep = self.sleep
        # All of `threading` waits in `Condition.wait`, which makes a lock with this function for each wait.
        threading._allocate_lock = partial(Waiter, self)
        threading.Thread.start = _as_method(self._start)
        threading.Thread.join = _as_method(self._join)
        queue.SimpleQueue = partial(_Queue, self)
        select.select = self._select

    def install_datetime(self) -> None:
        """Let `datetime.now` show this clock in all modules of the product that are loaded by now."""
        clock = self

        class SimulatedDatetime(datetime):
            """Shows the simulated clock."""

            @classmethod
            def now(cls, tz: tzinfo | None = None) -> datetime:
                """Return the time on the wall clock."""
                return datetime.fromtimestamp(clock.now_s + clock.wall_offset_s, tz)

        for name, module in list(sys.modules.items()):
            if name.startswith("edge.") and getattr(module, "datetime", None) is datetime:
                module.datetime = SimulatedDatetime

    def sleep(self, seconds: float) -> None:
        """Wait for that long."""
        waiter = Waiter(self)
        waiter.acquire()
        waiter.acquire(timeout=max(0.0, seconds))

    def wait(self, waiter: "Waiter", timeout_s: float | None) -> bool:
        """Wait until the waiter is released; return False if the time is up first."""
        with self._lock:
            if waiter.is_open():
                return True
            self._begin(waiter, timeout_s)
        waiter.pass_gate()
        return not waiter.has_expired

    def release(self, waiter: "Waiter") -> None:
        """End a wait, or the next one if none is under way."""
        with self._lock:
            if waiter.has_expired:
                return
            self._end(waiter)
            waiter.open_gate()

    def _begin(self, waiter: "Waiter", timeout_s: float | None) -> None:
        waiter.is_waiting, waiter.is_counted = True, threading.get_ident() in self._working
        if timeout_s is not None:
            heapq.heappush(self._deadlines, (self.now_s + timeout_s, next(self._order), waiter))
        self._rest(waiter.is_counted)

    def _end(self, waiter: "Waiter") -> None:
        if waiter.is_waiting:
            waiter.is_waiting = False
            self._busy += waiter.is_counted

    def _rest(self, is_counted: bool) -> None:
        self._busy -= is_counted
        if is_counted and not self._busy:
            self._jump()

    def _jump(self) -> None:
        """Let the waits with the next deadline end, unless a thread that waits for a socket can go on."""
        self._settle()
        if self._has_input():
            return
        while self._deadlines and not self._deadlines[0][2].is_waiting:
            heapq.heappop(self._deadlines)
        if not self._deadlines:
            return  # only the outside world can go on
        due_s = max(self.now_s, self._deadlines[0][0])
        if self.pace:
            _real_sleep((due_s - self.now_s) / self.pace)
        self.now_s = due_s
        self._publish(due_s)
        while self._deadlines and self._deadlines[0][0] <= due_s:
            _, _, waiter = heapq.heappop(self._deadlines)
            if waiter.is_waiting:
                waiter.has_expired = True
                self._end(waiter)
                waiter.open_gate()

    def _has_input(self) -> bool:
        return any(any(_real_select(readers, writers, [], 0)) for readers, writers in self._sockets.values())

    def _start(self, thread: threading.Thread) -> None:
        is_counted = thread.name not in EXTERNAL
        if is_counted:
            ended = threading.Event()
            thread.run, thread.has_ended = partial(self._run, thread.run, ended), ended
        with self._lock:
            self._busy += 1  # this thread waits until the new one has started, which takes no time
        has_started = False
        try:
            _real_start(thread)
            has_started = True
        finally:
            with self._lock:
                self._busy -= not (is_counted and has_started)

    def _run(self, run: Callable[[], None], ended: threading.Event) -> None:
        self._working.add(threading.get_ident())
        try:
            run()
        finally:
            ended.set()
            with self._lock:
                self._working.discard(threading.get_ident())
                self._rest(True)

    def _join(self, thread: threading.Thread, timeout: float | None = None) -> None:
        ended: threading.Event | None = getattr(thread, "has_ended", None)
        if ended is None or ended.wait(timeout):
            _real_join(thread, timeout if ended is None else None)

    def _select(
        self,
        readers: Sequence[object],
        writers: Sequence[object],
        others: Sequence[object],
        timeout: float | None = None,
    ) -> tuple[list[object], list[object], list[object]]:
        ready = _real_select(readers, writers, others, 0)
        if any(ready) or timeout == 0:
            return ready
        with SocketWaiter(self) as waiter:
            with self._lock:
                self._sockets[waiter] = list(readers), list(writers)
                self._begin(waiter, timeout)
            found, writable, exceptional = _real_select([*readers, waiter], writers, others)
            with self._lock:
                del self._sockets[waiter]
                self._end(waiter)
        return [reader for reader in found if reader is not waiter], writable, exceptional


def _as_method(function: Callable[..., None]) -> Callable[..., None]:
    """Return a function that, as an attribute of a class, gets the instance as its first argument."""

    def method(instance: threading.Thread, *arguments: object, **named: object) -> None:
        function(instance, *arguments, **named)

    return method


class Waiter:
    """Takes the place of the lock in which a thread waits; acquired twice, as `Condition.wait` does, it blocks.

    Attributes:
        is_waiting: whether a thread waits in it.
        is_counted: whether that thread's work stops the time.
        has_expired: whether the wait ended because its time was up.
    """

    def __init__(self, clock: SimulatedClock) -> None:
        self.is_waiting = self.is_counted = self.has_expired = False
        self._clock = clock
        self._gate = _new_lock()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Acquire the lock; if it is taken, wait for `timeout` s on the simulated clock, or for ever if negative."""
        if self._gate.acquire(blocking=False):
            return True
        return blocking and timeout != 0 and self._clock.wait(self, None if timeout < 0 else timeout)

    def release(self) -> None:
        """Release the lock."""
        self._clock.release(self)

    def is_open(self) -> bool:
        """Return whether the lock was free; it is taken then."""
        return self._gate.acquire(blocking=False)

    def open_gate(self) -> None:
        """Let the thread go on."""
        if self._gate.locked():
            self._gate.release()

    def pass_gate(self) -> None:
        """Wait for `open_gate`."""
        self._gate.acquire()


class SocketWaiter(Waiter):
    """Ends a wait for sockets, since `select` sees it as a file that becomes readable."""

    def __enter__(self) -> "SocketWaiter":
        self._file = os.eventfd(0)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def fileno(self) -> int:
        """Return the file to wait for."""
        return self._file

    def open_gate(self) -> None:
        """Let the thread go on."""
        os.eventfd_write(self._file, 1)


class _Queue(queue.SimpleQueue[object]):
    """A queue for one consumer, whose `put` may be called from a signal handler, as that of the original."""

    def __new__(cls, _clock: SimulatedClock) -> "_Queue":
        return super().__new__(cls)

    def __init__(self, clock: SimulatedClock) -> None:
        self._clock = clock
        self._waiter = Waiter(clock)

    def put(self, item: object, block: bool = True, timeout: float | None = None) -> None:  # noqa: ARG002  # as in the original
        """Append an item, and end a wait for it."""
        super().put(item)
        self._waiter.release()

    def get(self, block: bool = True, timeout: float | None = None) -> object:
        """Return the next item; raise `queue.Empty` if there is none in time."""
        self._waiter = Waiter(self._clock)
        self._waiter.acquire()
        if block and self.empty():
            self._waiter.acquire(timeout=-1 if timeout is None else timeout)
        return super().get(block=False)
