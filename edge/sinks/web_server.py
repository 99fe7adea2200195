"""Serves a WSGI application on a thread of its own, and ends within a second."""

import logging
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

from waitress import create_server, wasyncore

from edge.errors import SinkError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

log = logging.getLogger(__name__)

SLOW_S = 10.0
"""Who takes longer to send a request, or to take an answer, is dropped, s."""

_CONNECTIONS = 48
_HEADER_BYTES, _BODY_BYTES = 16 << 10, 4 << 10
_LOOK_EVERY_S = 1
_SHUTDOWN_S = 0.5

_LIMITS = {
    "connection_limit": _CONNECTIONS,
    "max_request_header_size": _HEADER_BYTES,
    "max_request_body_size": _BODY_BYTES,
    "cleanup_interval": 1,
    "channel_request_lookahead": 1,  # keeps reading while a request is answered, which tells that a browser has gone
}


def listen(address: str, port: int, *, section: str) -> socket.socket:
    """Open the port. section: of the settings, where address and port are set.

    Raises:
        SinkError: it is in use, not permitted, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.create_server((address, port), family=family)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (while ")[0].lower()  # which names the address once more
        raise SinkError(
            f"expected port {port} of {address}, found: {reason}: set {section}.port or {section}.address to another"
        ) from error


class Server:
    """An application that is served until `close`.

    threads: how many requests may be answered at a time. name: of its own thread. slow_s: see `SLOW_S`.
    """

    def __init__(
        self,
        application: "WSGIApplication",
        listener: socket.socket,
        *,
        threads: int,
        name: str,
        slow_s: float = SLOW_S,
    ) -> None:
        # What browsers do is their own affair: one that leaves, or asks for much at once, is no news for our log.
        for logger in ("waitress", "waitress.queue"):
            logging.getLogger(logger).setLevel(logging.ERROR)
        self.port: int = listener.getsockname()[1]
        self._map: dict[int, Any] = {}
        self._closing = threading.Event()
        self._unfinished: dict[Any, float] = {}
        self._slow_s = slow_s
        self._server = create_server(
            application,
            map=self._map,
            sockets=[listener],
            threads=threads,
            asyncore_use_poll=True,
            ident="",
            channel_timeout=max(1, round(slow_s)),  # a connection on which nothing happens
            **_LIMITS,
        )
        self._thread = threading.Thread(target=self._serve, name=f"{name} server", daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether it still serves."""
        return self._thread.is_alive()

    def close(self) -> None:
        """End, and give the port back. The application's answers must end by themselves when it is told to close."""
        self._closing.set()
        if self._thread.is_alive():
            self._server.pull_trigger()
        self._thread.join()
        if not self._server.task_dispatcher.threads:  # an answer that hangs will write to it when it does not any more
            self._server.trigger.close()

    def _serve(self) -> None:
        try:
            while not self._closing.is_set():
                wasyncore.loop(timeout=_LOOK_EVERY_S, use_poll=True, map=self._map, count=1)
                self._drop_slow(time.monotonic())
        finally:
            self._server.task_dispatcher.shutdown(timeout=_SHUTDOWN_S)
            for part in list(self._map.values()):
                if part is not self._server.trigger:  # others write to it until they have ended: `close` closes it
                    wasyncore.dispatcher.close(part)

    def _drop_slow(self, now_s: float) -> None:
        """The server drops a connection on which nothing happens; this is for one on which a byte comes now and then.

        What is unfinished is a request of which a part has come, or an answer of which a part has gone.
        """
        before, self._unfinished = self._unfinished, {}
        for channel in list(self._server.active_channels.values()):
            if channel.request is None and not channel.total_outbufs_len:
                continue
            since_s = self._unfinished[channel] = before.get(channel, now_s)
            if now_s - since_s > self._slow_s:
                channel.handle_close()
