"""Targets: what clients send to the page and to the metrics, and what a broker sends."""

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import fuzz_seeds as seeds
from fuzz_base import CPU_S, Target, TryOne, refused_as

sys.path.append(str(Path(__file__).parents[1] / "edge"))  # for the samples that the tests share

from samples import HEALTHY

from edge.errors import SinkError

ANSWER_S = 0.02
"""How long to wait for a server's answer to a request that may not have one, s."""


class _Faults:
    """Collects what a web server's application raises, and where a request got to without a token."""

    def __init__(self) -> None:
        self.raised: list[BaseException] = []
        self.leaked: list[str] = []

    def watch(self, application, *, is_public):
        """Return the application, which notes what it raises and each request that is not public."""

        def watched(environ, start_response):
            if not is_public(environ["PATH_INFO"]):
                self.leaked.append(environ["PATH_INFO"])
            return application(environ, start_response)

        return watched

    def guard(self, application):
        def guarded(environ, start_response):
            try:
                return application(environ, start_response)
            except Exception as error:
                self.raised.append(error)
                raise

        return guarded

    def check(self) -> None:
        assert not self.leaked, f"served without a token: {self.leaked[0]!r}"
        if self.raised:
            raise self.raised.pop()


def _exchange(port: int, content: bytes) -> bytes:
    """Send raw bytes to a server, and return the beginning of its answer; empty if there is none at once."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=CPU_S) as client:
        client.sendall(content[: 64 << 10])
        client.settimeout(ANSWER_S)
        return client.recv(4096)
    return b""


def _check_answer(answer: bytes) -> None:
    if answer.startswith(b"HTTP/1."):
        code = answer[9:12]
        assert code < b"500" or code in {b"501", b"503"}, answer[:200]


def _page(_folder: Path) -> Iterator[TryOne]:
    from edge.sinks.page.access import PUBLIC_PATHS, AccessControl  # noqa: PLC0415
    from edge.sinks.web_server import WebServer, listen  # noqa: PLC0415

    faults = _Faults()

    def inner(_environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"in"]

    control = AccessControl(
        faults.watch(inner, is_public=PUBLIC_PATHS.fullmatch),
        token=lambda: "Zm9vYmFyYmF6cXV4Zm9vYmFy",
        hosts=(),
        render_form=str,
    )
    server = WebServer(faults.guard(control), listen("127.0.0.1", 0, section="page"), threads=4, name="fuzzed page")

    def try_one(content: bytes) -> None:
        _check_answer(_exchange(server.port, content))
        faults.check()
        assert server.is_alive

    try:
        yield try_one
    finally:
        server.close()


def _metrics(_folder: Path) -> Iterator[TryOne]:
    from edge.counters import Counters  # noqa: PLC0415
    from edge.model.bundled import BUNDLED_MODEL  # noqa: PLC0415
    from edge.model.manifest import read_model  # noqa: PLC0415
    from edge.settings.sinks import MetricsSettings  # noqa: PLC0415
    from edge.sinks.metrics.endpoint import MetricsEndpoint  # noqa: PLC0415

    manifest = read_model(BUNDLED_MODEL)[1]
    endpoint = MetricsEndpoint(
        MetricsSettings(enabled=True, port=0), status=lambda: HEALTHY, counters=Counters(), model=manifest,
        labels=manifest.labels,
    )  # fmt: skip
    endpoint.open()

    def try_one(content: bytes) -> None:
        _check_answer(_exchange(endpoint._server.port, content))
        assert not endpoint.error

    try:
        yield try_one
    finally:
        endpoint.close()


class _HostileBroker:
    """Accepts clients one after the other, reads each one's login, sends it bytes, and ends the connection."""

    def __init__(self) -> None:
        self.packets = b""
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                client = self._server.accept()[0]
            except OSError:  # closed
                return
            with client, suppress(OSError):
                client.settimeout(CPU_S)
                client.recv(4096)
                client.sendall(self.packets)
                client.shutdown(socket.SHUT_WR)
                while client.recv(4096):
                    pass

    def close(self) -> None:
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()


def _broker(_folder: Path) -> Iterator[TryOne]:
    from edge.sinks.mqtt.broker import BrokerConfig  # noqa: PLC0415
    from edge.sinks.mqtt.connection import MAX_PACKET_BYTES, Connection, Message  # noqa: PLC0415

    hostile = _HostileBroker()
    config = BrokerConfig("127.0.0.1", hostile.port, None, None, None)

    def talk() -> None:
        with Connection(config, client_id="device", will=Message("a", b"offline")) as connection:
            connection.connect()
            connection.subscribe("homeassistant/status")
            connection.publish(Message("a", b"online", expires_s=60))
            while True:  # until the broker ends the connection
                connection.step(CPU_S)
                assert all(len(message.payload) <= MAX_PACKET_BYTES for message in connection.received)

    def try_one(content: bytes) -> None:
        hostile.packets = content
        with refused_as(SinkError):
            talk()

    try:
        yield try_one
    finally:
        hostile.close()


_HTTP_WORDS = (
    b"Host: ", b"Origin: http://", b"Content-Length: ", b"Transfer-Encoding: chunked", b"\r\n", b"[::1]", b"%00", b"-1",
    b"/static/", b"/healthz", b"/token", b"HTTP/1.1", b"Authorization: ", b"Cookie: ", b"..",
)  # fmt: skip

TARGETS = (
    Target("page", seeds.page_requests, _page, _HTTP_WORDS, 100),
    Target("metrics", seeds.metrics_requests, _metrics, (*_HTTP_WORDS, b"Accept: ", b"name[]="), 50),
    Target("broker", seeds.broker_packets, _broker, (b"\x20\x03\0\0\0", b"\xff\xff\xff\x7f", b"\x31", b"\x90"), 150),
)
"""The targets of this module."""
