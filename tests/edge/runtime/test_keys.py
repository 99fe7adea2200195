"""`on_key` reacts to one key on a terminal, ignores others, and restores the terminal."""

import contextlib
import os
import pty
import sys
import termios
import threading

import pytest
from waiting import LIMIT_S, wait_for

from edge.runtime.keys import on_key


def listening():
    return any(thread.name == "keys" for thread in threading.enumerate())


def open_files():
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  # opening the folder counts itself each time


class Terminal:
    """A pseudo-terminal: `stdin` reads what is written to `keyboard`; `hang_up` closes it like a closed window."""

    def __init__(self):
        self.keyboard, child = pty.openpty()
        self.stdin = os.fdopen(child, "r")

    def attributes(self):
        return termios.tcgetattr(self.stdin)

    def hang_up(self):
        keyboard, self.keyboard = self.keyboard, None
        os.close(keyboard)

    def close(self):
        self.stdin.close()
        if self.keyboard is not None:
            self.hang_up()


@pytest.fixture
def terminal():
    terminal = Terminal()
    yield terminal
    terminal.close()


@pytest.fixture
def on_terminal(terminal, monkeypatch):
    """Listens on the terminal for the key `q`."""

    def listen(action):
        monkeypatch.setattr(sys, "stdin", terminal.stdin)
        return on_key("q", action)

    return listen


def test_the_key_acts_without_enter(terminal, on_terminal):
    """Each press of the key calls the action at once, alone or between other keys."""
    pressed = threading.Semaphore(0)
    with on_terminal(pressed.release):
        for typed in (b"q", b"abqab"):
            os.write(terminal.keyboard, typed)
            assert pressed.acquire(timeout=LIMIT_S)


def test_other_keys_do_nothing(terminal, on_terminal, monkeypatch):
    """Other keys are read and ignored."""
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
def test_terminal_threads_and_files_are_restored(terminal, on_terminal, error):
    """After the block, even with an error, the terminal's attributes are restored, and no thread or file is left."""
    before, files = terminal.attributes(), open_files()
    with contextlib.suppress(KeyError), on_terminal(lambda: None):
        assert terminal.attributes() != before
        assert listening()
        if error:
            raise error
    assert terminal.attributes() == before
    assert not listening()
    assert open_files() == files


def test_a_pipe_is_not_read(monkeypatch):
    """If standard input is no terminal, `on_key` starts no thread and reads nothing."""
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
    """When the terminal is closed, the listening thread ends, and the block goes on."""
    with on_terminal(pytest.fail):
        terminal.hang_up()
        wait_for(lambda: not listening())
