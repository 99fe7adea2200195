"""The web server refuses requests that are too big, disconnects slow clients, and stops within a second."""

import socket
import threading
import time

import pytest
from waiting import wait_for

pytest.importorskip("waitress", reason="the live page needs waitress")

from edge.errors import SinkError
from edge.sinks import web_server
from edge.sinks.web_server import WebServer, listen

SLOW_S = 0.3
"""After this long the servers of the tests about slow clients disconnect a client, s."""

SOON_S = 10.0
"""Limit for what takes less than a second on an idle machine, s; a server that waits for a client takes longer."""


@pytest.fixture
def serve():
    """Return a function that serves an application; each server is closed after the test."""
    servers = []

    def start(application, *, slow_s=60.0, streams=()):
        listener = listen("127.0.0.1", 0, section="page")
        servers.append(WebServer(application, listener, threads=2, name="test", slow_s=slow_s, streams=streams))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def hello(environ, start_response):
    size = len(environ["wsgi.input"].read())
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"hello, {size} bytes".encode()]


def connect(server):
    connection = socket.create_connection(("127.0.0.1", server.port))
    connection.settimeout(60.0)
    return connection


def is_disconnected(connection):
    """Return whether the server closes the connection; if it has not read everything, that is a reset."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def first_line(server, request):
    """Send a request and return the first line of the response."""
    with connect(server) as connection:
        connection.sendall(request)
        return connection.makefile("rb").readline()


def test_a_small_request_gets_a_response(serve):
    """The limits do not affect an ordinary request."""
    assert b"200" in first_line(serve(hello), b"GET / HTTP/1.0\r\n\r\n")


def test_a_request_that_is_too_big_is_refused(serve):
    """A head over the limit is refused with 431, and an announced body over the limit with 413 before it is sent."""
    server = serve(hello)
    assert b"431" in first_line(server, b"GET / HTTP/1.0\r\nX-Long: " + b"x" * 40_000 + b"\r\n\r\n")
    assert b"413" in first_line(server, b"POST / HTTP/1.0\r\nContent-Length: 100000\r\n\r\n")


@pytest.mark.parametrize(
    "beginning", [b"", b"GET / HT", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nx"]
)
def test_a_client_that_does_not_finish_its_request_is_disconnected(serve, beginning):
    """A client that falls silent before the head, within it, or within the body does not hold its connection."""
    with connect(serve(hello, slow_s=SLOW_S)) as connection:
        connection.sendall(beginning)
        assert is_disconnected(connection)


def test_a_client_that_sends_byte_by_byte_is_disconnected(serve):
    """A client that never falls silent, and never finishes its request, does not hold its connection either."""
    server = serve(hello, slow_s=SLOW_S)
    stop = threading.Event()
    with connect(server) as connection:

        def trickle():
            try:
                while not stop.wait(SLOW_S / 4):
                    connection.send(b"x")
            except OSError:
                pass

        thread = threading.Thread(target=trickle)
        thread.start()
        assert is_disconnected(connection)
        stop.set()
        thread.join()


def test_a_client_that_does_not_read_its_response_is_disconnected(serve):
    """An endless response to a client that never reads ends, and its thread becomes free."""
    begun, ended = threading.Event(), threading.Event()

    def endless(_, start_response):
        start_response("200 OK", [])
        try:
            while True:
                begun.set()
                yield b"x" * (1 << 20)
        finally:
            ended.set()

    server = serve(endless)
    with connect(server) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        wait_for(begun.is_set)
        server._slow_s = SLOW_S
        wait_for(ended.is_set)


def endless(_, start_response):
    start_response("200 OK", [])
    while True:
        yield b"x" * (1 << 16)


@pytest.mark.parametrize("streams", [("/stream",), ()])
def test_a_stream_ends_only_for_a_client_that_takes_nothing(serve, streams):
    """A slow viewer keeps a stream, which is always unfinished, but no other response; one that stopped reading not."""
    server = serve(endless, streams=streams)
    with connect(server) as connection:
        connection.sendall(b"GET /stream HTTP/1.0\r\n\r\n")
        (channel,) = wait_for(lambda: list(server._server.active_channels.values()))
        wait_for(lambda: channel in server._unfinished)
        if streams:
            server._drop_slow(time.monotonic() + 1000.0)
            assert channel.connected
            channel.last_activity -= 1000.0
        wait_for(lambda: server._drop_slow(time.monotonic() + 1000.0) or not channel.connected)
        wait_for(lambda: not server._server.active_channels)


def test_a_client_that_disconnects_frees_its_thread(serve):
    """The application sees that the client has gone while it still has nothing to send."""
    gone = threading.Event()

    def patient(environ, start_response):
        start_response("200 OK", [])
        yield b"x"
        while not environ["waitress.client_disconnected"]():
            gone.wait(0.01)
        gone.set()

    with connect(serve(patient)) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        response = connection.recv(1)
        while not response.endswith(b"\r\n\r\nx"):  # an unsent part would fail the sending instead
            response += connection.recv(100)
    wait_for(gone.is_set)


def test_closing_takes_less_than_a_second_and_releases_the_port(serve, monkeypatch):
    """An idle connection and an unfinished request do not delay `close`, and it does not wait for the next poll."""
    monkeypatch.setattr(web_server, "_POLL_S", 30)
    server = serve(hello)
    with connect(server) as idle, connect(server) as unfinished:
        unfinished.sendall(b"GET / HTTP/1.1\r\n")
        began_s = time.monotonic()
        server.close()
        assert time.monotonic() - began_s < SOON_S
        assert not server.is_alive
        assert is_disconnected(idle)
        assert is_disconnected(unfinished)
    listen("127.0.0.1", server.port, section="page").close()


def test_a_port_in_use_is_reported_in_one_line(serve):
    """The error names the port, the reason and the settings to change."""
    server = serve(hello)
    with pytest.raises(
        SinkError, match=f"expected port {server.port} of 127.0.0.1, found: address already in use: set"
    ):
        listen("127.0.0.1", server.port, section="page")


def test_an_address_of_another_machine_is_reported_in_one_line():
    """The error names the reason and the settings to change."""
    with pytest.raises(SinkError, match=r"found: cannot assign requested address: set page\.port or page\.address"):
        listen("192.0.2.1", 0, section="page")


def test_a_server_that_cannot_start_releases_the_port(monkeypatch):
    """If no thread can be started, the next try can listen on the same port."""

    def raise_no_thread(*_arguments, **_options):
        raise RuntimeError("can't start new thread")

    listener = listen("127.0.0.1", 0, section="page")
    port = listener.getsockname()[1]
    monkeypatch.setattr(web_server, "create_server", raise_no_thread)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        WebServer(hello, listener, threads=2, name="test")
    listen("127.0.0.1", port, section="page").close()
