"""An HTTP camera on 127.0.0.1 that sends what a test tells it to: pictures, garbage, or nothing."""

import base64
import itertools
import socket
import threading
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
from waiting import wait_for

HEADERS = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n--frame\r\n"


def jpeg(level, *, size=(64, 48)):
    """Return an evenly gray JPEG."""
    return cv2.imencode(".jpg", np.full((size[1], size[0]), level, np.uint8))[1].tobytes()


def damaged_jpegs(*, size=(64, 48)):
    """Return JPEGs from which a viewer makes a picture with wrong pixels: a part is missing, or was changed."""
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0]), np.uint8)
    whole = cv2.imencode(".jpg", noise)[1].tobytes()
    middle = len(whole) // 2
    with_markers = cv2.imencode(".jpg", noise, [cv2.IMWRITE_JPEG_RST_INTERVAL, 2])[1].tobytes()
    return {
        "a lost end": whole[:middle] + whole[-2:],
        "wrong bytes": whole[:middle] + b"\xff\0" * 40 + whole[middle + 80 :],
        "a lost part": with_markers.replace(b"\xff\xd1", b"\xff\xd4", 1),
    }


class MjpegServer:
    """Serves a Motion JPEG at `url`.

    Args:
        port: The port.
        secret: `user:password` that requests must present; empty for none.
        headers: What a connection gets first; empty for nothing at all.

    Attributes:
        connections: The open connections that have been answered.
        requests: Number of requests so far.
    """

    def __init__(self, port, *, secret="", headers=HEADERS):  # no password
        self.url = f"http://127.0.0.1:{port}/video?channel=1"
        self.connections = []
        self.requests = 0
        self._accepted = []
        self._secret = secret
        self._headers = headers
        self._listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._accepted.append(connection)
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection):
        request = b""
        while not request.endswith(b"\r\n\r\n"):
            if not (received := connection.recv(4096)):
                return
            request += received
        self.requests += 1
        if self._secret and base64.b64encode(self._secret.encode()) not in request:
            connection.sendall(
                b'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm="camera"\r\nContent-Length: 0\r\n'
                b"Connection: close\r\n\r\n"
            )
            connection.close()
            return
        connection.sendall(self._headers)
        self.connections.append(connection)

    def send(self, content):
        """Send bytes to all; a connection that the client has closed is forgotten."""
        for connection in list(self.connections):
            try:
                connection.sendall(content)
            except OSError:
                self.connections.remove(connection)

    def show(self, picture):
        """Send a JPEG to all."""
        self.send(b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n--frame\r\n" % (len(picture), picture))

    def show_always(self, *pictures, rate_hz=100):
        """Send JPEGs in turn, again and again; return a function that ends that."""
        ended = threading.Event()

        def run():
            following = itertools.cycle(pictures)
            while not ended.wait(1 / rate_hz):
                self.show(next(following))

        thread = threading.Thread(target=run, daemon=True)
        thread.start()

        def end():
            ended.set()
            thread.join()

        return end

    def await_client(self):
        """Wait until a client is connected."""
        wait_for(lambda: self.connections)

    def await_read(self):
        """Wait until the clients have taken everything that was sent from their sockets.

        Source: proc(5), /proc/net/tcp: the remote address and the bytes that wait to be sent and to be read, in hex.
        """
        remote = f":{self._listener.getsockname()[1]:04X}"

        def is_read():
            rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
            return all(
                row[4] == "00000000:00000000" for row in rows if row[1].endswith(remote) or row[2].endswith(remote)
            )

        wait_for(is_read)

    def close(self):
        """Go away: no connection stays open, and none is accepted."""
        for end in (self._listener, *self._accepted):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self.connections.clear()
