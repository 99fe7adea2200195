"""Whoever connects is answered, one after the other, and nobody can hold the service up."""

import socket
import stat
import threading

import pytest

from edge.runtime import answer
from edge.runtime.answer import Answerer


@pytest.fixture
def path(tmp_path):
    return tmp_path / "status.sock"


def ask(path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        caller.settimeout(5)
        caller.connect(str(path))
        return b"".join(iter(lambda: caller.recv(4096), b""))


def test_each_caller_gets_a_new_answer(path):
    """And then the end of the stream."""
    answers = iter([b"first", b"second"])
    server = Answerer(path, lambda: next(answers))
    assert [ask(path), ask(path)] == [b"first", b"second"]
    server.close()


def test_every_user_may_ask(path):
    """The service runs as a user of its own."""
    server = Answerer(path, bytes)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666
    server.close()


def test_closing_takes_the_socket_away_and_ends_the_thread(path):
    """Twice does no harm; and who asks then learns that nobody is there."""
    server = Answerer(path, lambda: b"here")
    server.close()
    server.close()
    assert not path.exists()
    assert "status" not in {thread.name for thread in threading.enumerate()}


def test_it_ends_though_its_socket_was_removed(path):
    """By somebody who tidies up."""
    server = Answerer(path, lambda: b"here")
    path.unlink()
    server.close()
    assert "status" not in {thread.name for thread in threading.enumerate()}


def test_a_socket_that_was_left_behind_is_replaced(path):
    """By a process that was killed."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
        left.bind(str(path))
    server = Answerer(path, lambda: b"new")
    assert ask(path) == b"new"
    server.close()


def test_a_caller_who_does_not_read_is_let_go(path, monkeypatch):
    """The next one is answered."""
    monkeypatch.setattr(answer, "SEND_TIMEOUT_S", 0.2)
    server = Answerer(path, lambda: b"x" * (1 << 20))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as deaf:
        deaf.connect(str(path))
        assert len(ask(path)) == 1 << 20
    server.close()


def test_an_answer_that_fails_costs_one_caller_only(path, caplog):
    """It is logged with its traceback, and the next one is answered."""

    def fail_once():
        if not caplog.records:
            raise LookupError("ours")
        return b"fine"

    server = Answerer(path, fail_once)
    assert ask(path) == b""
    assert ask(path) == b"fine"
    assert "the status cannot be told" in caplog.text
    server.close()


def test_a_place_where_no_socket_can_be_made(path):
    """Is an error, and leaves no thread behind."""
    with pytest.raises(OSError, match="No such file"):
        Answerer(path / "deeper", bytes)
    assert "status" not in {thread.name for thread in threading.enumerate()}
