"""Every client that connects gets the status, one after the other, and none can block the service."""

import errno
import os
import socket
import stat
import threading

import pytest
from waiting import LIMIT_S

from edge.service import status_server
from edge.service.status_server import StatusServer


@pytest.fixture
def path(tmp_path):
    return tmp_path / "status.sock"


def query(path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(LIMIT_S)
        client.connect(str(path))
        return b"".join(iter(lambda: client.recv(4096), b""))


def test_each_client_gets_the_current_status(path):
    """The status is computed for each client, and the connection is closed after it."""
    statuses = iter([b"first", b"second"])
    server = StatusServer(path, lambda: next(statuses))
    assert [query(path), query(path)] == [b"first", b"second"]
    server.close()


def test_every_user_may_connect(path):
    """All users may use the socket, although the service runs as a user of its own."""
    server = StatusServer(path, bytes)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666
    server.close()


def test_close_removes_the_socket_and_ends_the_thread(path):
    """Closing twice is harmless, and afterwards neither socket nor thread is left."""
    server = StatusServer(path, lambda: b"here")
    server.close()
    server.close()
    assert not path.exists()
    assert "status" not in {thread.name for thread in threading.enumerate()}


def test_close_without_the_socket_file(path):
    """The thread ends although the socket's file was removed."""
    server = StatusServer(path, lambda: b"here")
    path.unlink()
    server.close()
    assert "status" not in {thread.name for thread in threading.enumerate()}


def test_socket_of_a_killed_process_is_replaced(path):
    """A socket that an earlier run has left behind does not keep the server from starting."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
        left.bind(str(path))
    server = StatusServer(path, lambda: b"new")
    assert query(path) == b"new"
    server.close()


def test_client_that_does_not_read_is_disconnected(path, monkeypatch):
    """A client that does not read is dropped after `SEND_TIMEOUT_S`, and the next one gets the whole status."""
    monkeypatch.setattr(status_server, "SEND_TIMEOUT_S", 0.1)

    def status():
        monkeypatch.setattr(status_server, "SEND_TIMEOUT_S", LIMIT_S)  # for the next client, on a busy machine
        return b"x" * (1 << 20)

    server = StatusServer(path, status)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as deaf:
        deaf.connect(str(path))
        assert len(query(path)) == 1 << 20
    server.close()


def test_a_client_that_cannot_be_accepted_is_served_later(path, monkeypatch, caplog):
    """A process without a free file descriptor does not stop serving for good; the log says so once."""
    monkeypatch.setattr(status_server, "RETRY_S", 0.01)
    failures = iter([OSError(errno.EMFILE, os.strerror(errno.EMFILE))] * 3)
    real_accept = socket.socket.accept

    def accept(listener):
        for failure in failures:
            raise failure
        return real_accept(listener)

    monkeypatch.setattr(socket.socket, "accept", accept)
    server = StatusServer(path, lambda: b"here")
    assert query(path) == b"here"
    assert [record.getMessage() for record in caplog.records] == [
        "the status cannot be served at the moment: [Errno 24] Too many open files; trying again"
    ]
    server.close()


def test_status_that_fails_affects_one_client_only(path, caplog):
    """An exception in the status is logged with its traceback, and the next client gets its status."""

    def fail_once():
        if not caplog.records:
            raise LookupError("ours")
        return b"fine"

    server = StatusServer(path, fail_once)
    assert query(path) == b""
    assert query(path) == b"fine"
    assert "the status cannot be sent" in caplog.text
    server.close()


def test_socket_that_cannot_be_created_is_an_error(path):
    """A path in a missing folder raises, and no thread is left."""
    with pytest.raises(OSError, match="No such file"):
        StatusServer(path / "deeper", bytes)
    assert "status" not in {thread.name for thread in threading.enumerate()}
