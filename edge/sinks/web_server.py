"""Serves a WSGI application with waitress on its own thread; drops slow clients, and stops within a second."""

import logging
import socket
import threading
import time
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from waitress import create_server, wasyncore

from edge.errors import SinkError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

SLOW_S = 10.0
"""A client that takes longer to send a request or to read a response is disconnected, s."""

_CONNECTIONS = 48
_HEADER_BYTES, _BODY_BYTES = 16 << 10, 4 << 10
_POLL_S = 1
_SHUTDOWN_S = 0.5

_SEND_BYTES = 128 << 10
"""Size of a connection's send buffer in the kernel, bytes. What waits in a larger one would make a video late."""

_LIMITS = {
    "outbuf_high_watermark": 16 << 10,  # more than this waits in the application, not in memory
    "connection_limit": _CONNECTIONS,
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
        # waitress warns of clients that disconnect or queue up; neither is a fault of the run.
        for logger in ("waitress", "waitress.queue"):
            logging.getLogger(logger).setLevel(logging.ERROR)
        self.port: int = listener.getsockname()[1]
        self._map: dict[int, Any] = {}
        self._closing = threading.Event()
        self._unfinished: dict[Any, float] = {}
        self._slow_s = slow_s
        self._streams = frozenset(streams)
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

    def _serve(self) -> None:
        try:
            while not self._closing.is_set():
                wasyncore.loop(timeout=_POLL_S, use_poll=True, map=self._map, count=1)
                self._drop_slow(time.monotonic())
        finally:
            self._server.task_dispatcher.shutdown(timeout=_SHUTDOWN_S)
            for part in list(self._map.values()):
                if part is not self._server.trigger:  # threads write to it until they have ended: `close` closes it
                    wasyncore.dispatcher.close(part)

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
        return any(request.path in self._streams for request in channel.requests)
