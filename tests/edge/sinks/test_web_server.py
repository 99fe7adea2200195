"""The web server refuses requests that are too big, disconnects slow clients, and stops within a second."""

import logging
import socket
import struct
import threading
import time
from contextlib import suppress

import pytest
from descriptors import no_descriptors
from waiting import LIMIT_S, wait_for

pytest.importorskip("waitress", reason="the live page needs waitress")

from edge.errors import SinkError
from edge.sinks import web_server
from edge.sinks.web_server import CONNECTIONS_PER_ADDRESS, REPORT_INTERVAL_S, FaultLog, WebServer, listen

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


@pytest.fixture
def set_clock(monkeypatch):
    """Return a function that sets the wall clock ahead by so many seconds, or back."""
    real = time.time

    def set_clock(seconds):
        monkeypatch.setattr(time, "time", lambda: real() + seconds)

    return set_clock


def test_a_clock_that_is_set_back_leaves_no_idle_connection(serve, set_clock):
    """Otherwise connections of clients that have gone would stay until the clock shows the old time again."""
    server = serve(hello, slow_s=SLOW_S)
    with connect(server) as connection:
        wait_for(lambda: channels_of(server))
        set_clock(-3e7)
        assert is_disconnected(connection)


def test_a_clock_that_is_set_ahead_ends_no_connection(serve, set_clock):
    """A viewer's connection outlives the moment in which a time server sets the clock."""
    server = serve(hello)
    with connect(server) as connection:
        (channel,) = wait_for(lambda: channels_of(server))
        set_clock(3e7)
        wait_for(lambda: channel.last_activity > time.time() - 1e7 or not channel.connected)
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.0 200")


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


def test_a_malformed_request_that_waits_does_not_end_the_server(serve):
    """While all threads are busy, a request without a path waits like any other, and is answered or dropped."""
    release = threading.Event()

    def is_malformed(channel):
        return bool(channel.requests) and channel.requests[0].error is not None

    def busy(_, start_response):
        start_response("200 OK", [])
        release.wait(60.0)
        return [b"done"]

    server = serve(busy, streams=("/stream",))
    with connect(server) as first, connect(server) as second, connect(server) as malformed:
        for connection in (first, second):
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        wait_for(lambda: sum(bool(channel.requests) for channel in channels_of(server)) == 2)  # threads
        malformed.sendall(b"G\0T / HTTP/1.1\r\n\r\nGET /")
        (waiting,) = wait_for(
            lambda: [each for each in channels_of(server) if each.requests and each.requests[0].error]
        )
        waiting.total_outbufs_len = 1  # as if its client took nothing of an earlier response
        server._unfinished[waiting] = 0.0
        server._drop_slow(time.monotonic() + 1000.0)
        release.set()
    assert server.is_alive


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


def channels_of(server):
    return list(server._server.active_channels.values())


@pytest.mark.parametrize("beginning", [b"", b"GET / HTTP/1.1\r\nX: "], ids=["idle", "unfinished"])
def test_one_client_cannot_hold_all_connections(serve, beginning):
    """With many more connections than it may have, a client still gets an answer on a new one at once."""
    server = serve(hello)
    held = [connect(server) for _ in range(4 * CONNECTIONS_PER_ADDRESS)]
    try:
        for connection in held:
            with suppress(OSError):  # the server has closed it to make room
                connection.sendall(beginning)
        assert b"200" in first_line(server, b"GET / HTTP/1.0\r\n\r\n")
        assert len(channels_of(server)) <= CONNECTIONS_PER_ADDRESS
    finally:
        for connection in held:
            connection.close()


def connect_from(server, address):
    return socket.create_connection(("127.0.0.1", server.port), source_address=(address, 0))


def test_many_clients_do_not_push_out_one_with_few_connections(serve):
    """When all connections are in use, the client with the most of them loses one."""
    server = serve(hello)
    with connect_from(server, "127.0.0.2") as modest:
        wait_for(lambda: len(channels_of(server)) == 1)
        greedy = [connect_from(server, f"127.0.1.{1 + number % 4}") for number in range(4 * CONNECTIONS_PER_ADDRESS)]
        try:
            assert b"200" in first_line(server, b"GET / HTTP/1.0\r\n\r\n")
            modest.settimeout(60.0)
            modest.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert modest.makefile("rb").readline().startswith(b"HTTP/1.0 200")
        finally:
            for connection in greedy:
                connection.close()


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_an_ipv6_network_counts_as_one_client(address, client):
    """Whoever has one address of such a network has all of them."""
    assert web_server._client((address, 1, 0, 0)) == client


@pytest.fixture
def faults(monkeypatch, clock):
    """Return the servers' fault log, which has reported nothing yet, with a clock that the test moves."""
    faults = FaultLog(lambda: clock.now_s)
    monkeypatch.setattr(web_server, "_faults", faults)
    monkeypatch.setattr(logging.getLogger("waitress"), "handlers", [])
    return faults


def reports_of(caplog):
    """Return the lines that reach the service's log; pytest also captures what waitress keeps to itself."""
    records = [record for record in caplog.records if record.name != "waitress"]
    assert not any(record.exc_info for record in records)
    return [record.getMessage() for record in records]


def test_failed_requests_make_one_counted_line_a_minute(faults, clock, caplog):
    """However many requests fail, a minute has one line, without a traceback and without foreign control characters."""
    for _ in range(100):
        faults.add(ValueError("bad\nrequest"))
    clock.advance(REPORT_INTERVAL_S)
    faults.add(ValueError("another"))
    assert reports_of(caplog) == [
        r"requests that could not be answered: 1; the last one: ValueError: bad\nrequest",
        "requests that could not be answered: 100; the last one: ValueError: another",
    ]


@pytest.mark.usefixtures("faults")
def test_an_application_that_fails_is_reported_without_a_traceback(serve, caplog):
    """Each client gets a 500 without details, and the log a single line."""

    def fail(_environ, _start_response):
        raise ValueError("secret detail")

    server = serve(fail)
    for _ in range(5):
        with connect(server) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            response = connection.makefile("rb").read()
        assert response.startswith(b"HTTP/1.0 500")
        assert b"secret detail" not in response
    assert reports_of(caplog) == ["requests that could not be answered: 1; the last one: ValueError: secret detail"]


@pytest.mark.usefixtures("faults")
def test_clients_that_leave_at_once_write_no_traceback(serve, caplog):
    """Malformed requests whose sender resets the connection leave at most one line in the log."""
    server = serve(hello)
    for _ in range(200):
        with connect(server) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.sendall(b"G\0T / HTTP/1.1\r\nContent-Length: -1\r\n\r\n")
    assert b"200" in first_line(server, b"GET / HTTP/1.0\r\n\r\n")
    wait_for(lambda: not channels_of(server))
    assert len(reports_of(caplog)) <= 1


@pytest.mark.usefixtures("faults")
def test_what_waitress_reports_is_counted_too(serve, caplog):
    """An error that waitress itself logs, with a traceback, becomes a counted line."""
    serve(hello)
    for _ in range(3):
        logging.getLogger("waitress").error("Socket error", exc_info=OSError("gone"))
    assert reports_of(caplog) == ["requests that could not be answered: 1; the last one: OSError: gone"]
    assert not logging.getLogger("waitress").propagate


class CountingListener(socket.socket):
    """A listener that notes when a connection is accepted, or cannot be.

    Attributes:
        accepted_s: times, s.
    """

    def accept(self):
        self.accepted_s.append(time.perf_counter())
        return super().accept()


@pytest.mark.usefixtures("faults")
def test_a_server_without_descriptors_waits_and_goes_on(caplog):
    """A connection that cannot be accepted keeps no core busy, is reported once, and is answered later."""
    listener = CountingListener(fileno=listen("127.0.0.1", 0, section="page").detach())
    listener.accepted_s = []
    server = WebServer(hello, listener, threads=1, name="test")
    with socket.socket() as client:
        client.settimeout(LIMIT_S)
        with no_descriptors():
            client.connect(("127.0.0.1", server.port))
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            wait_for(lambda: len(listener.accepted_s) >= 3)
        assert client.recv(100).startswith(b"HTTP/1.0 200")
    server.close()
    first_s, _, third_s = listener.accepted_s[:3]
    assert third_s - first_s >= 2 * web_server.ACCEPT_RETRY_S
    assert reports_of(caplog) == [
        "requests that could not be answered: 1; the last one: OSError: [Errno 24] Too many open files"
    ]
