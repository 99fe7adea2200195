"""Serves a WSGI application with waitress on its own thread; limits what a client can take of it."""

import errno
import ipaddress
import logging
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from waitress import create_server, wasyncore
from waitress.channel import HTTPChannel

from edge.errors import SinkError, printable

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

log = logging.getLogger(__name__)

SLOW_S = 10.0
"""A client that takes longer to send a request or to read a response is disconnected, s."""

CONNECTIONS_PER_ADDRESS = 24
"""Connections that one client may hold if it keeps no thread busy. A browser opens up to six."""

REPORT_INTERVAL_S = 60.0
"""Shortest time between two log lines about failed requests, s: whoever sends bad ones must not fill the log."""

ACCEPT_RETRY_S = 0.2
"""Wait after a connection could not be accepted, s, as while the process has no file descriptor left: the connection
stays in the listener's queue, so that a server that did not wait would keep a core busy."""

CLOCK_STEP_S = 1.0
"""Change of the wall clock against the monotonic one from which on it was set, s."""

_SPARE_CONNECTIONS = 8
_IPV6_NETWORK_BITS = 64  # one client has all addresses of such a network
_GONE = (errno.EAGAIN, errno.ECONNABORTED)  # the client has left before it was accepted
_HEADER_BYTES, _BODY_BYTES = 16 << 10, 4 << 10
_POLL_S = 1
_SHUTDOWN_S = 0.5

_SEND_BYTES = 128 << 10
"""Size of a connection's send buffer in the kernel, bytes. What waits in a larger one would make a video late."""

_LIMITS = {
    "outbuf_high_watermark": 16 << 10,  # more than this waits in the application, not in memory
    "connection_limit": 1024,  # never reached: `_Admission` allows fewer
    "log_socket_errors": False,
    "max_request_header_size": _HEADER_BYTES,
    "max_request_body_size": _BODY_BYTES,
    "cleanup_interval": 1,
    "channel_request_lookahead": 1,  # keeps reading during a response, which detects that the browser has gone
}


def listen(address: str, port: int, *, section: str) -> socket.socket:
    """Return a socket that listens on a port.

    Args:
        address: address of this machine.
        port: TCP port; 0 picks a free one.
        section: section of the settings that sets both, for messages.

    Raises:
        SinkError: the port is in use or not permitted, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.create_server((address, port), family=family)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (while ")[0].lower()  # the rest repeats the address
        raise SinkError(
            f"expected port {port} of {address}, found: {reason}: set {section}.port or {section}.address to another"
        ) from error


class FaultLog(logging.Handler):
    """Reports failed requests in one counted line, at most once in `REPORT_INTERVAL_S`.

    Args:
        clock: monotonic clock, s.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(logging.ERROR)
        self._clock = clock
        self._counting = threading.Lock()
        self._count = 0
        self._reported_s = -REPORT_INTERVAL_S

    def emit(self, record: logging.LogRecord) -> None:
        """Count an error of waitress, without its traceback."""
        error = record.exc_info[1] if record.exc_info else None
        self.add(record.getMessage() if error is None else error)

    def add(self, fault: BaseException | str) -> None:
        """Count a fault, and report all that were counted if the last report was long enough ago."""
        with self._counting:
            self._count += 1
            count, now_s = self._count, self._clock()
            if now_s - self._reported_s < REPORT_INTERVAL_S:
                return
            self._count, self._reported_s = 0, now_s
        text = fault if isinstance(fault, str) else f"{type(fault).__name__}: {fault}"
        log.error("requests that could not be answered: %d; the last one: %s", count, printable(text[:200]))


_faults = FaultLog()  # one for all servers, since waitress logs for all of them in one place


class _Admission:
    """Accepts connections so that no client can hold all of them.

    A client over its share, or the one with the most connections when there are too many in all, loses its oldest
    connection that is not being answered. If it has none, the new connection is refused.

    Args:
        threads: requests handled at a time, each of which may come from the same address, that of a proxy.
    """

    def __init__(self, threads: int) -> None:
        self._per_address = max(CONNECTIONS_PER_ADDRESS, threads + _SPARE_CONNECTIONS)
        self._total = 2 * self._per_address

    def __call__(self, server: Any, conn: socket.socket, addr: tuple[Any, ...], adj: Any, map: Any) -> None:  # noqa: A002, ANN401  # waitress names the parameters, and has no types
        """Take the place of waitress's channel class, which the server calls for each new connection."""
        channels = [channel for channel in server.active_channels.values() if not channel.will_close]
        held = Counter(_client(channel.addr) for channel in channels)
        client = _client(addr)
        is_over = held[client] >= self._per_address
        if is_over or len(channels) >= self._total:
            loser = client if is_over else held.most_common(1)[0][0]
            idle = [channel for channel in channels if not channel.requests and _client(channel.addr) == loser]
            if not idle:
                conn.close()
                return
            min(idle, key=lambda channel: channel.creation_time).handle_close()
        HTTPChannel(server, conn, addr, adj, map=map)


def _client(addr: tuple[Any, ...]) -> str:
    """Return the address, of IPv6 its network, that the limits count."""
    address = ipaddress.ip_address(str(addr[0]).partition("%")[0])
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address), _IPV6_NETWORK_BITS), strict=False))


class WebServer:
    """Serves an application until `close`.

    Args:
        application: the WSGI application.
        listener: listening socket; the server closes it, also if it cannot start.
        threads: requests handled at a time.
        name: name of the server, for its thread.
        slow_s: see `SLOW_S`.
        streams: paths whose responses have no end; a client that takes nothing of one for `slow_s` is disconnected.

    Attributes:
        port: TCP port it listens on.
    """

    def __init__(
        self,
        application: "WSGIApplication",
        listener: socket.socket,
        *,
        threads: int,
        name: str,
        slow_s: float = SLOW_S,
        streams: Collection[str] = (),
    ) -> None:
        waitress = logging.getLogger("waitress")
        waitress.addHandler(_faults)  # once, however often it is added
        waitress.propagate = False
        # waitress warns of clients that disconnect or queue up; neither is a fault of the run.
        for logger in ("waitress", "waitress.queue"):
            logging.getLogger(logger).setLevel(logging.ERROR)
        self.port: int = listener.getsockname()[1]
        self._map: dict[int, Any] = {}
        self._closing = threading.Event()
        self._unfinished: dict[Any, float] = {}
        self._slow_s = slow_s
        self._streams = frozenset(streams)
        self._clock_offset_s = time.time() - time.monotonic()
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BYTES)  # its connections inherit this
            self._server = create_server(
                application,
                map=self._map,
                sockets=[listener],
                threads=threads,
                asyncore_use_poll=True,
                ident="",
                channel_timeout=max(1, round(slow_s)),  # closes connections without any traffic
                **_LIMITS,
            )
            self._server.channel_class = _Admission(threads)
            self._server.accept = self._accept
            self._listener = listener
            self._thread = threading.Thread(target=self._serve, name=f"{name} server", daemon=True)
            self._thread.start()
        except Exception:  # whatever fails, the port is released, and the error goes on
            listener.close()
            raise

    @property
    def is_alive(self) -> bool:
        """Whether the server is running."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Stop serving and release the port. Long responses must be ended by the application itself."""
        self._closing.set()
        if self._thread.is_alive():
            self._server.pull_trigger()
        self._thread.join()
        if not self._server.task_dispatcher.threads:  # a thread that hangs in a response still writes to the trigger
            self._server.trigger.close()

    def _accept(self) -> tuple[socket.socket, Any] | None:
        """Take the place of waitress's method; None if there is no connection after all."""
        try:
            return self._listener.accept()
        except OSError as error:
            if error.errno not in _GONE:
                _faults.add(error)
                self._closing.wait(ACCEPT_RETRY_S)
            return None

    def _serve(self) -> None:
        try:
            while not self._closing.is_set():
                self._follow_clock()
                wasyncore.loop(timeout=_POLL_S, use_poll=True, map=self._map, count=1)
                self._drop_slow(time.monotonic())
        finally:
            self._server.task_dispatcher.shutdown(timeout=_SHUTDOWN_S)
            for part in list(self._map.values()):
                if part is not self._server.trigger:  # threads write to it until they have ended: `close` closes it
                    wasyncore.dispatcher.close(part)

    def _follow_clock(self) -> None:
        """Count every connection as new if the wall clock was set, since waitress takes their ages from it.

        Otherwise a clock set ahead would end all of them, and with one set back none would be closed any more.
        """
        now_s = time.time()
        offset_s = now_s - time.monotonic()
        if abs(offset_s - self._clock_offset_s) < CLOCK_STEP_S:
            return
        self._clock_offset_s = offset_s
        self._server.next_channel_cleanup = 0.0
        for channel in list(self._server.active_channels.values()):
            channel.creation_time = channel.last_activity = now_s

    def _drop_slow(self, now_s: float) -> None:
        """Disconnect clients whose request or response has been unfinished for longer than `slow_s`.

        waitress itself closes connections without traffic, but not those on which a byte arrives now and then.
        """
        before, self._unfinished = self._unfinished, {}
        for channel in list(self._server.active_channels.values()):
            if channel.request is None and not channel.total_outbufs_len:
                continue
            since_s = self._unfinished[channel] = before.get(channel, now_s)
            is_slow = now_s - since_s > self._slow_s
            if is_slow and not (self._is_stream(channel) and time.time() - channel.last_activity <= self._slow_s):
                channel.handle_close()

    def _is_stream(self, channel: Any) -> bool:  # noqa: ANN401  # waitress has no types
        # A malformed request has no path.
        return any(getattr(request, "path", None) in self._streams for request in channel.requests)
