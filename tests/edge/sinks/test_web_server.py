"""A real server and real sockets: what is too big or too slow is dropped, and the end comes within a second."""

import socket
import threading
import time

import pytest

pytest.importorskip("waitress", reason="the live page needs waitress: pip install '.[web]' in the project's folder")

from edge.errors import SinkError
from edge.sinks import web_server
from edge.sinks.web_server import Server, listen

SLOW_S = 0.3

SOON_S = 3.0
"""A second, and what a busy machine adds."""


@pytest.fixture
def serve():
    """Serve an application; each server is closed after the test."""
    servers = []

    def start(application, **options):
        servers.append(
            Server(
                application,
                listen("127.0.0.1", 0, section="page"),
                **{"threads": 2, "name": "test", "slow_s": SLOW_S} | options,
            )
        )
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def hello(environ, start_response):
    size = len(environ["wsgi.input"].read())
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"hello, {size} bytes".encode()]


def connect(server):
    line = socket.create_connection(("127.0.0.1", server.port))
    line.settimeout(5.0)
    return line


def is_dropped(line):
    """Whether the other end closes the connection; what it has not read by then makes it a reset."""
    try:
        return line.recv(1) == b""
    except ConnectionResetError:
        return True


def answer_to(server, request):
    with connect(server) as line:
        line.sendall(request)
        return line.makefile("rb").readline()


def test_a_small_request_is_answered(serve):
    assert b"200" in answer_to(serve(hello), b"GET / HTTP/1.0\r\n\r\n")


def test_a_request_that_is_too_big_is_refused(serve):
    """By its head, and by its body, of which not a byte need be sent."""
    server = serve(hello)
    assert b"431" in answer_to(server, b"GET / HTTP/1.0\r\nX-Long: " + b"x" * 40_000 + b"\r\n\r\n")
    assert b"413" in answer_to(server, b"POST / HTTP/1.0\r\nContent-Length: 100000\r\n\r\n")


@pytest.mark.parametrize(
    "beginning", [b"", b"GET / HT", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nx"]
)
def test_whoever_does_not_finish_a_request_is_dropped(serve, beginning):
    """Without a word before, in the middle of the head, or of the body."""
    with connect(serve(hello)) as line:
        line.sendall(beginning)
        assert is_dropped(line)


def test_whoever_sends_a_request_byte_by_byte_is_dropped(serve):
    """It never falls silent, and would hold its connection for ever."""
    server = serve(hello)
    stop = threading.Event()
    with connect(server) as line:

        def trickle():
            try:
                while not stop.wait(SLOW_S / 4):
                    line.send(b"x")
            except OSError:
                pass

        thread = threading.Thread(target=trickle)
        thread.start()
        assert is_dropped(line)
        stop.set()
        thread.join()


def test_whoever_does_not_take_an_answer_is_dropped(serve):
    """An answer that never ends, to a reader that never reads, holds its thread for a moment only."""
    ended = threading.Event()

    def endless(_, start_response):
        start_response("200 OK", [])
        try:
            while True:
                yield b"x" * (1 << 20)
        finally:
            ended.set()

    with connect(serve(endless)) as line:
        line.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert ended.wait(10.0)


def test_a_reader_that_has_gone_frees_its_thread(serve):
    """While the application still waits for something to say."""
    gone = threading.Event()

    def patient(environ, start_response):
        start_response("200 OK", [])
        yield b"x"
        while not environ["waitress.client_disconnected"]():
            gone.wait(0.01)
        gone.set()

    with connect(serve(patient)) as line:
        line.sendall(b"GET / HTTP/1.0\r\n\r\n")
        line.recv(1)
    assert gone.wait(5.0)


def test_the_end_comes_soon_and_frees_the_port(serve, monkeypatch):
    """With connections that stand idle, and one in the middle of a request; it does not wait for the next look."""
    monkeypatch.setattr(web_server, "_LOOK_EVERY_S", 30)
    server = serve(hello, slow_s=60.0)
    with connect(server) as idle, connect(server) as begun:
        begun.sendall(b"GET / HTTP/1.1\r\n")
        began = time.monotonic()
        server.close()
        assert time.monotonic() - began < SOON_S
        assert not server.is_alive
        assert is_dropped(idle)
        assert is_dropped(begun)
    listen("127.0.0.1", server.port, section="page").close()


def test_a_port_in_use_is_told_in_one_line(serve):
    server = serve(hello)
    with pytest.raises(
        SinkError, match=f"expected port {server.port} of 127.0.0.1, found: address already in use: set"
    ):
        listen("127.0.0.1", server.port, section="page")


def test_an_address_of_another_machine_is_told_in_one_line():
    with pytest.raises(SinkError, match=r"found: cannot assign requested address: set page\.port or page\.address"):
        listen("192.0.2.1", 0, section="page")
