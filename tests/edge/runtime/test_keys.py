"""One key on a terminal does something, the others do not, and the terminal is left as it was found."""

import contextlib
import os
import pty
import sys
import termios
import threading
import time

import pytest

from edge.runtime.keys import on_key


def wait_for(condition):
    """Wait until another thread has made `condition` true."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)


def listening():
    return any(thread.name == "keys" for thread in threading.enumerate())


def open_files():
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  # counts, and opens one itself, as before


class Terminal:
    """A terminal: what is typed on `keyboard` is read from `stdin`. `go` closes its other end, as a window does."""

    def __init__(self):
        self.keyboard, child = pty.openpty()
        self.stdin = os.fdopen(child, "r")

    def attributes(self):
        return termios.tcgetattr(self.stdin)

    def go(self):
        keyboard, self.keyboard = self.keyboard, None
        os.close(keyboard)

    def close(self):
        self.stdin.close()
        if self.keyboard is not None:
            self.go()


@pytest.fixture
def terminal():
    terminal = Terminal()
    yield terminal
    terminal.close()


@pytest.fixture
def on_terminal(terminal, monkeypatch):
    """Listen on the terminal for `q`."""

    def listen(action):
        monkeypatch.setattr(sys, "stdin", terminal.stdin)
        return on_key("q", action)

    return listen


def test_the_key_acts_without_enter(terminal, on_terminal):
    """As often as it is pressed, alone or between others."""
    pressed = threading.Semaphore(0)
    with on_terminal(pressed.release):
        for typed in (b"q", b"abqab"):
            os.write(terminal.keyboard, typed)
            assert pressed.acquire(timeout=10)


def test_other_keys_do_nothing(terminal, on_terminal, monkeypatch):
    """They are read, and only the key acts."""
    pressed, typed, read = [], [], os.read

    def noted(file, count):
        typed.append(read(file, count))
        return typed[-1]

    monkeypatch.setattr("edge.runtime.keys.os.read", noted)
    with on_terminal(lambda: pressed.append("q")):
        os.write(terminal.keyboard, b"xyzQ\n")
        wait_for(lambda: b"".join(typed) == b"xyzQ\n")
        os.write(terminal.keyboard, b"q")
        wait_for(lambda: b"".join(typed) == b"xyzQ\nq")
    assert pressed == ["q"]


@pytest.mark.parametrize("error", [None, KeyError("in the block")])
def test_terminal_threads_and_files_are_left_as_they_were(terminal, on_terminal, error):
    """However the block ends."""
    before, files = terminal.attributes(), open_files()
    with contextlib.suppress(KeyError), on_terminal(lambda: None):
        assert terminal.attributes() != before
        assert listening()
        if error:
            raise error
    assert terminal.attributes() == before
    assert not listening()
    assert open_files() == files


def test_without_a_terminal_nothing_is_listened_to(monkeypatch):
    """A pipe or a file is somebody else's input."""
    reader, writer = os.pipe()
    with os.fdopen(reader) as stdin, os.fdopen(writer, "w") as keyboard:
        monkeypatch.setattr(sys, "stdin", stdin)
        keyboard.write("q")
        keyboard.flush()
        with on_key("q", pytest.fail):
            assert not listening()
        keyboard.close()
        assert stdin.read() == "q"


def test_a_terminal_that_goes_away_ends_the_listening(terminal, on_terminal):
    """A closed window or a lost connection: nothing spins, and the block goes on to its end."""
    with on_terminal(pytest.fail):
        terminal.go()
        wait_for(lambda: not listening())
