"""The hook: runs a program of the user's when a face appears, changes or leaves, with the reading as its input."""

import logging
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from edge.errors import SinkError
from edge.records import Observation
from edge.settings.sinks import HookSettings
from edge.sinks.base import Sink
from edge.sinks.hook.program import Program
from edge.sinks.log.events import ChangeEvents
from edge.sinks.log.lines import Line, counts_line

log = logging.getLogger(__name__)

CAPACITY = 32
"""Events that may wait for the program; beyond it the oldest is dropped and counted."""

LINGER_S = 0.4
"""How long the program may go on when the run is stopped, s."""

_JOIN_S = 0.2
"""How long a killed program may take to end when the run is stopped, s."""


class Hook(Sink[Observation]):
    """Runs the program for one event at a time, on a thread of its own.

    Args:
        settings: the `[hook]` section.
        is_stopping: whether the run has been stopped, so that closing may not take long.
    """

    name = "hook"
    patience_s = 2.0  # an event does not wait

    def __init__(self, settings: HookSettings, *, is_stopping: Callable[[], bool]) -> None:
        self._settings = settings
        self._is_stopping = is_stopping

    def open(self) -> None:
        """Find the program, and start the thread that runs it.

        Raises:
            SinkError: there is no such program, or it may not be executed.
        """
        self._changes = ChangeEvents(summary_interval_s=float("inf"))
        self._runner = Runner(find_program(self._settings.command), self._settings)

    @property
    def error(self) -> str:
        """How the program failed last; empty once it has succeeded again."""
        return self._runner.failure

    @property
    def note(self) -> str:
        """How often the program ran, and how often it failed."""
        runner = self._runner
        return f"{Path(self._settings.command[0]).name} ran {runner.runs} times, failed {runner.failures} times"

    @property
    def stored(self) -> int:
        """Events that wait for the program."""
        return self._runner.waiting

    @property
    def lost(self) -> int:
        """Events dropped because too many waited."""
        return self._runner.dropped

    def write(self, observation: Observation) -> None:
        """Pass the events that an observation causes on to the program."""
        counts = observation.counts
        self._put(self._changes.lines(observation) if counts is None else [counts_line(observation, counts)])

    def close(self) -> None:
        """Let the program finish the events that wait; if the run was stopped, only for a moment."""
        self._put(self._changes.last_lines())
        self._runner.close(is_stopping=self._is_stopping)

    def _put(self, lines: Iterable[Line]) -> None:
        for line in lines:
            if line["event"] in {*self._settings.events, "counts"}:
                self._runner.put(msgspec.json.encode(line) + b"\n")


def find_program(command: Sequence[str]) -> list[str]:
    """Return the command with the path of its program, for which PATH is searched.

    Raises:
        SinkError: there is no such program, or it may not be executed.
    """
    name = command[0]
    path = shutil.which(Path(name).expanduser() if name.startswith("~") else name)
    if path is None:
        raise SinkError(f"hook.command: expected a program that may be executed, found none: {name!r}: check the path")
    return [path, *command[1:]]


class Runner:
    """Runs a program for each event in a queue, one after the other and not too often.

    Args:
        command: the program and its arguments.
        settings: the limits.

    Attributes:
        runs: how often the program ran.
        failures: how often it failed: ended with an error, could not be started or exceeded its time.
        failure: how it failed last; empty once it has succeeded again.
        dropped: events that were dropped because too many waited, or because the run was stopped.
    """

    def __init__(self, command: Sequence[str], settings: HookSettings) -> None:
        self.runs = self.failures = self.dropped = 0
        self.failure = ""
        self._command = command
        self._settings = settings
        self._events: deque[bytes] = deque()
        self._program: Program | None = None
        self._closing = self._aborted = False
        self._changed = threading.Condition()  # protects all of the above but `command` and `settings`
        self._thread = threading.Thread(target=self._run, name="hook program", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Events that wait."""
        return len(self._events)

    def put(self, event: bytes) -> None:
        """Append an event; drop the oldest if too many wait."""
        with self._changed:
            if len(self._events) == CAPACITY:
                self._events.popleft()
                self.dropped += 1
            self._events.append(event)
            self._changed.notify_all()

    def close(self, *, is_stopping: Callable[[], bool]) -> None:
        """Run the program for the events that wait, without a pause; once the run is stopping, give up soon."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        began_s = None
        while self._thread.is_alive():
            if is_stopping():
                began_s = began_s or time.monotonic()
                if time.monotonic() - began_s >= LINGER_S:
                    self._abort()
                    return
            self._thread.join(LINGER_S / 8)

    def _abort(self) -> None:
        with self._changed:
            self._aborted = True
            self.dropped += len(self._events)
            self._events.clear()
            program = self._program
        if program is not None:
            program.kill()
        self._thread.join(_JOIN_S)

    def _run(self) -> None:
        next_s = 0.0
        while (event := self._next(next_s)) is not None:
            next_s = time.monotonic() + self._settings.min_interval_s
            self._run_once(event)

    def _next(self, due_s: float) -> bytes | None:
        """Wait for the next event and until `due_s`; return None when all is done."""
        with self._changed:
            self._changed.wait_for(lambda: self._events or self._closing)
            while not self._closing and (left_s := due_s - time.monotonic()) > 0:
                self._changed.wait(left_s)
            return self._events.popleft() if self._events else None

    def _run_once(self, event: bytes) -> None:
        try:
            program = Program(self._command, event)
        except OSError as error:
            self._count(f"cannot be started: {error.strerror}")
            return
        with self._changed:
            self._program = program
            is_late = self._aborted
        if is_late:
            program.kill()
        outcome = program.wait(limit_s=self._settings.timeout_s)
        with self._changed:
            self._program = None
        if not outcome.is_killed:
            self._count(outcome.failure)

    def _count(self, failure: str) -> None:
        failure = f"{self._command[0]}: {failure}" if failure else ""
        if failure and failure != self.failure:  # repeating it with every event would fill the log
            log.warning("hook: %s", failure)
        self.failure = failure
        self.failures += bool(failure)
        self.runs += 1
