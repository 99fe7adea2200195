"""A camera that feeds a page with frames, and a client that requests its URLs."""

import http.client
import socket
import threading
from contextlib import contextmanager

from samples import make_frame_with_readings
from waiting import wait_for


class Camera:
    """Writes frames to a page from another thread, about 50 a second.

    Attributes:
        frames: number of frames that the page has taken.
    """

    def __init__(self, page, *readings, picture=None):
        self.frames = 0
        self._page, self._readings, self._picture = page, readings, picture
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._feed)
        self._thread.start()

    def wait_for_frames(self, count):
        """Wait until the page has taken `count` frames that were written after this call."""
        enough = self.frames + count + 1  # the first of them may have begun before the call
        wait_for(lambda: self.frames >= enough)

    def close(self):
        self._stop.set()
        self._thread.join()

    def _feed(self):
        while not self._stop.wait(0.02):
            self._page.write(make_frame_with_readings(*self._readings, index=self.frames, picture=self._picture))
            self.frames += 1


@contextmanager
def camera(page, *readings, picture=None):
    """Feed the page while the block runs."""
    source = Camera(page, *readings, picture=picture)
    try:
        yield source
    finally:
        source.close()


@contextmanager
def open_response(page, path, *, method="GET", receive_bytes=None, **headers):
    """Send a request and yield the response; `receive_bytes` limits what the client's socket buffers."""
    host, _, port = page.address.removeprefix("http://").rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=60)
    if receive_bytes is not None:
        connection.sock = socket.socket()
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        connection.sock.settimeout(60)
        connection.sock.connect((host, int(port)))
    try:
        connection.request(method, path, headers=headers)
        with connection.getresponse() as response:
            yield response
    finally:
        connection.close()


def get(page, path, **options):
    """Return a response's status, headers and body."""
    with open_response(page, path, **options) as response:
        return response.status, response.headers, response.read()
