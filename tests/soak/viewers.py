"""Browsers at the live page: one that watches, one that reads the events, and one that stops reading."""

import socket
import threading
from contextlib import suppress

PATHS = ("/stream.mjpeg", "/events")

_TIMEOUT_S = 60.0


class Viewers:
    """Connects on construction.

    Args:
        port: the page's port.
    """

    def __init__(self, port: int) -> None:
        self._received = dict.fromkeys(PATHS, 0)
        self._connections = [_request(port, path) for path in (*PATHS, PATHS[0])]  # nobody reads from the last one
        self._threads = [
            threading.Thread(target=self._read, args=(path, connection), daemon=True)
            for path, connection in zip(PATHS, self._connections, strict=False)
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> dict[str, int]:
        """Disconnect; return how many bytes arrived from each path."""
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for connection in self._connections:
            connection.close()
        return self._received

    def _read(self, path: str, connection: socket.socket) -> None:
        with suppress(OSError):
            while content := connection.recv(1 << 16):
                self._received[path] += len(content)


def _request(port: int, path: str) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT_S)
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
    return connection
