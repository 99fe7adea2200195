"""Keeps a Ctrl-C that a library swallows, until somebody asks."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""A service manager's stop is a Ctrl-C."""

_kept: list[int] = []
"""Signals that came. A handler has no other place to leave them."""


@contextmanager
def kept_interrupts() -> Iterator[None]:
    """Inside, Ctrl-C and SIGTERM raise KeyboardInterrupt at once, and again from `check_interrupt`.

    Where Python calls back out of C code, as it does while TensorFlow traces a graph, the first one can be lost.
    """
    before = {number: signal.signal(number, _keep) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _kept.clear()


def check_interrupt() -> None:
    """Stop here where a signal came before.

    Raises:
        KeyboardInterrupt: it did.
    """
    if was_interrupted():
        raise KeyboardInterrupt


def was_interrupted() -> bool:
    """Tell whether a signal came inside `kept_interrupts`."""
    return bool(_kept)


def _keep(number: int, _frame: FrameType | None) -> None:
    _kept.append(number)
    raise KeyboardInterrupt
