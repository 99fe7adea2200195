"""Handles SIGTERM, SIGINT and SIGHUP from the first line of the program to its last, in whatever state it is.

It imports nothing but the standard library's smallest modules, because it is loaded before all others.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

END_WITHIN_S = 1.8
"""Time after the first signal after which the process is ended whatever its threads do, s."""

STUCK = 5
"""Exit code of a process that did not end by itself: that of `StuckError`."""


class Stopped(KeyboardInterrupt):
    """A signal ended the program before there was anything to stop in good order.

    Attributes:
        number: the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class Signals:
    """The process's handling of the three signals; there is one, `SIGNALS`.

    The first signal asks the program to stop: it raises `Stopped` in the main thread, or calls what `on_stop` was
    given. Later ones change nothing. A thread of its own, which the kernel wakes even while the main thread is stuck in
    a driver, ends the process after `END_WITHIN_S`, and runs a reload.

    Attributes:
        received: the signal that asked the program to stop; None before it.
        has_raised: whether that raised `Stopped`. Whatever the program ends with then, the signal is the reason: numpy,
            for example, turns every exception that comes while it is imported into an ImportError.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self.has_raised = False
        self._is_installed = False
        self._on_stop: Callable[[], None] | None = None
        self._lock = threading.Lock()  # protects the two below; no signal handler takes it
        self._on_reload: Callable[[], bool] | None = None
        self._is_reload_due = False
        self._hang_up_reloads = False
        self._pipe = -1
        self._thread: threading.Thread | None = None
        self._finished = threading.Event()

    def install(self, *, hang_up_reloads: bool = False) -> None:
        """Install the handlers; call this from the main thread, as early as possible.

        SIGHUP stays ignored if it was ignored before, as by nohup.

        Args:
            hang_up_reloads: whether SIGHUP reloads the settings, as a service does, instead of ending the program.
        """
        self._is_installed, self._hang_up_reloads = True, hang_up_reloads
        reader, self._pipe = os.pipe()
        os.set_blocking(self._pipe, False)
        signal.set_wakeup_fd(self._pipe, warn_on_full_buffer=False)
        for number in STOP_SIGNALS:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._handle)
        self._thread = threading.Thread(target=self._guard, args=(reader,), name="signals", daemon=True)
        self._thread.start()

    @contextmanager
    def on_stop(self, stop: Callable[[], None], *, reload: Callable[[], bool] | None = None) -> Iterator[None]:
        """Let signals stop a run in good order while the `with` block runs.

        A signal that came earlier takes effect at once. If no handlers are installed, they are for the block only.

        Args:
            stop: called in the main thread; must not raise.
            reload: called on a thread of its own; returns whether the run ends for a new one, which the next SIGHUP
                waits for. None if there is nothing to reload.
        """
        if not self._is_installed:
            before = {number: signal.signal(number, lambda *_: stop()) for number in STOP_SIGNALS}
            try:
                yield
            finally:
                for number, handler in before.items():
                    signal.signal(number, handler)
            return
        self._on_stop = stop
        if self.received is not None:
            stop()
        with self._lock:
            self._on_reload, is_due = reload, self._is_reload_due
        if is_due:
            os.write(self._pipe, bytes([signal.SIGHUP]))
        try:
            yield
        finally:
            with self._lock:
                self._on_reload = None
            self._on_stop = None

    @property
    def is_alone(self) -> bool:
        """Whether no threads run except the main one and that of this object."""
        return all(thread in {threading.main_thread(), self._thread} for thread in threading.enumerate())

    def finish(self) -> None:
        """Ignore all further signals: the program has ended, and Python is about to."""
        self._finished.set()
        if self._is_installed:
            for number in STOP_SIGNALS:
                signal.signal(number, signal.SIG_IGN)

    def exit_code(self, command: str) -> int:
        """Return the exit code of a program that `Stopped` ended: 0 for a run, which a signal ends in good order."""
        return 0 if command == "run" else 128 + (self.received or signal.SIGINT)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP and self._hang_up_reloads:
            return  # the other thread does it
        is_first, self.received = self.received is None, self.received or number
        if not is_first:
            return
        if self._on_stop is None:
            self.has_raised = True
            raise Stopped(number)
        self._on_stop()

    def _guard(self, reader: int) -> None:
        """Reload on SIGHUP, and see to it that the process ends after another signal.

        The kernel writes the number of each signal to the pipe.
        """
        while (number := os.read(reader, 1)[0]) == signal.SIGHUP and self._hang_up_reloads:
            self.reload()
        if number in STOP_SIGNALS and not self._finished.wait(END_WITHIN_S):
            with suppress(OSError):
                os.write(2, b"error: expected the program to end within %g s, found it busy: ended\n" % END_WITHIN_S)
            os._exit(STUCK)

    def reload(self) -> None:
        """Do what SIGHUP does: reload, or note that it is due if no run goes on that could."""
        with self._lock:
            reload = self._on_reload
            self._is_reload_due = reload is None
        if reload is None or not reload():
            return
        with self._lock:
            if self._on_reload is reload:  # what the ending run would read now, the next one would not get
                self._on_reload = None


SIGNALS = Signals()
