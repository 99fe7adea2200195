"""Listens for a key on the terminal, without waiting for Enter."""

import os
import select
import sys
import termios
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


@contextmanager
def on_key(key: str, action: Callable[[], None]) -> Iterator[None]:
    """Call `action` on a thread of its own when `key` is pressed, while the `with` block runs.

    Does nothing if standard input is no terminal. Restores the terminal's mode.
    """
    if not sys.stdin.isatty():
        yield
        return
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    wake_reader, wake_writer = os.pipe()
    listener = threading.Thread(target=_listen, args=(terminal, wake_reader, key, action), name="keys", daemon=True)
    tty.setcbreak(terminal)
    try:
        listener.start()
        yield
    finally:
        os.write(wake_writer, b"\0")
        listener.join()
        with suppress(termios.error):  # the terminal may have gone
            termios.tcsetattr(terminal, termios.TCSADRAIN, before)
        os.close(wake_reader)
        os.close(wake_writer)


def _listen(terminal: int, wake_reader: int, key: str, action: Callable[[], None]) -> None:
    while True:
        ready, _, _ = select.select([terminal, wake_reader], [], [])
        if wake_reader in ready:
            return
        typed = os.read(terminal, 64)
        if not typed:
            return  # the terminal has gone
        if key.encode() in typed:
            action()
