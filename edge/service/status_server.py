"""Serves the status at a Unix socket."""

import logging
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)

SEND_TIMEOUT_S = 2.0
"""A client that does not read is disconnected after this long, because the next client waits for it."""

RETRY_S = 0.5
"""Wait after a client could not be accepted, s, as while the process has no file descriptor left."""


class StatusServer:
    """Sends each client that connects the current status, then closes the connection.

    It runs on a daemon thread of its own. Every user of the machine may connect.

    Args:
        path: the socket's path; a socket that an earlier run has left there is replaced.
        status: returns the content to send; called on the server's thread.

    Raises:
        OSError: the socket cannot be created there.
    """

    def __init__(self, path: Path, status: Callable[[], bytes]) -> None:
        self._path = path
        self._status = status
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            path.unlink(missing_ok=True)
            self._socket.bind(str(path))
            path.chmod(0o666)
            self._socket.listen(8)
        except OSError:
            self._socket.close()
            raise
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="status", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        is_failing = False
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError as error:
                if self._closing.is_set():
                    return
                if not is_failing:
                    log.warning("the status cannot be served at the moment: %s; trying again", error)
                is_failing = True
                self._closing.wait(RETRY_S)
                continue
            is_failing = False
            with client:
                self._send(client)

    def _send(self, client: socket.socket) -> None:
        client.settimeout(SEND_TIMEOUT_S)
        try:
            client.sendall(self._status())
        except OSError:
            return  # the client has disconnected, or does not read
        except Exception:  # a fault in the status must not end the server
            log.exception("the status cannot be sent")

    def close(self) -> None:
        """End the thread and remove the socket. May be called more than once."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._socket.shutdown(socket.SHUT_RDWR)  # wakes accept(), which close() alone would not
        self._thread.join(SEND_TIMEOUT_S)
        self._socket.close()
        with suppress(OSError):
            self._path.unlink()
