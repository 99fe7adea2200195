"""Tells systemd how the service is.

Source: sd_notify(3): datagrams of `KEY=VALUE` lines to the unix socket that NOTIFY_SOCKET names.
"""

import os
import socket
import time
from collections.abc import Mapping

PINGS_A_LIMIT = 4
"""A sign of life is sent this often within the watchdog's limit; half of it is what systemd advises at most."""


class Notifier:
    """Sends what it is told to the socket of the environment; does nothing where there is none.

    watchdog_s: how long systemd waits for a sign of life, s; 0 where it does not.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        path = environment.get("NOTIFY_SOCKET", "")
        # A leading @ stands for the zero byte of a name in the abstract namespace.
        self._address = "\0" + path[1:] if path.startswith("@") else path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) if path else None
        self.watchdog_s = _watchdog_s(environment) if path else 0.0
        self._pinged_at = float("-inf")

    @property
    def is_service(self) -> bool:
        """Whether there is somebody to tell."""
        return self._socket is not None

    def ready(self) -> None:
        """The service does what it is for."""
        self._send("READY=1")

    def status(self, words: str) -> None:
        """One line for `systemctl status`."""
        self._send(f"STATUS={' '.join(words.split())}")

    def ping(self) -> None:
        """A sign of life for the watchdog, if one is due."""
        now_s = time.monotonic()
        if self.watchdog_s and now_s - self._pinged_at >= self.watchdog_s / PINGS_A_LIMIT:
            self._pinged_at = now_s
            self._send("WATCHDOG=1")

    def extend_start(self, seconds: float) -> None:
        """The start takes longer, and is under way: allow it this much from now on, s."""
        self._send(f"EXTEND_TIMEOUT_USEC={seconds * 1e6:.0f}")

    def stopping(self) -> None:
        """The service is about to end."""
        self._send("STOPPING=1")

    def _send(self, line: str) -> None:
        if self._socket is None:
            return
        try:
            self._socket.sendto(line.encode(), socket.MSG_DONTWAIT, self._address)
        except OSError:
            # systemd is being replaced, or busy: the next line comes soon, and a lost ping has three more behind it.
            return

    def close(self) -> None:
        """Give the socket back."""
        if self._socket is not None:
            self._socket.close()


def _watchdog_s(environment: Mapping[str, str]) -> float:
    """The watchdog's limit, where it is meant for this very process."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    microseconds = environment.get("WATCHDOG_USEC", "")
    return int(microseconds) / 1e6 if microseconds.isascii() and microseconds.isdigit() else 0.0
