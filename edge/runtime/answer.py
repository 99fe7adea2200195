"""Answers whoever connects to a unix socket."""

import logging
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)

SEND_TIMEOUT_S = 2.0
"""A caller who does not read is let go after this long: the next one waits for it."""


class Answerer:
    """A stream socket at `path`: each caller is sent what `answer` returns, then the connection is closed.

    On a thread of its own, a daemon. Every user of the machine may ask.
    """

    def __init__(self, path: Path, answer: Callable[[], bytes]) -> None:
        """Take the place of a socket that an earlier run has left there.

        Raises:
            OSError: the socket cannot be made there.
        """
        self._path = path
        self._answer = answer
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            path.unlink(missing_ok=True)
            self._socket.bind(str(path))
            path.chmod(0o666)
            self._socket.listen(8)
        except OSError:
            self._socket.close()
            raise
        self._closing = False
        self._thread = threading.Thread(target=self._serve, name="status", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                caller, _ = self._socket.accept()
            except OSError as error:
                if not self._closing:
                    log.warning("the status can no longer be asked for: %s", error)
                return
            with caller:
                self._tell(caller)

    def _tell(self, caller: socket.socket) -> None:
        caller.settimeout(SEND_TIMEOUT_S)
        try:
            caller.sendall(self._answer())
        except OSError:
            return  # the caller has gone, or does not read
        except Exception:  # told with its traceback; the next caller is answered all the same
            log.exception("the status cannot be told")

    def close(self) -> None:
        """End the thread, and take the socket away. May be called twice."""
        if self._closing:
            return
        self._closing = True
        self._socket.shutdown(socket.SHUT_RDWR)  # wakes accept(), which a mere close() would not
        self._thread.join(SEND_TIMEOUT_S)
        self._socket.close()
        with suppress(OSError):
            self._path.unlink()
