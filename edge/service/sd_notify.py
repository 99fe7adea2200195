"""Notifies systemd of the service's state.

Source: sd_notify(3): datagrams of `KEY=VALUE` lines to the Unix socket that NOTIFY_SOCKET names.
"""

import os
import socket
import time
from collections.abc import Mapping

PINGS_PER_TIMEOUT = 4
"""Watchdog pings within one timeout. systemd recommends at least two."""


class Notifier:
    """Sends notifications to the socket that the environment names; does nothing if it names none.

    Args:
        environment: the process's environment variables, as systemd sets them.

    Attributes:
        watchdog_s: the watchdog's timeout, s; 0 without a watchdog.
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
        """Whether systemd listens."""
        return self._socket is not None

    def ready(self) -> None:
        """Notify that the service has started."""
        self._send("READY=1")

    def reloading(self) -> None:
        """Notify that the settings are being reloaded; `ready` ends that."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def status(self, text: str) -> None:
        """Set the line that `systemctl status` shows."""
        self._send(f"STATUS={' '.join(text.split())}")

    def ping(self) -> None:
        """Ping the watchdog, if a ping is due."""
        now_s = time.monotonic()
        if self.watchdog_s and now_s - self._pinged_at >= self.watchdog_s / PINGS_PER_TIMEOUT:
            self._pinged_at = now_s
            self._send("WATCHDOG=1")

    def extend_start(self, seconds: float) -> None:
        """Ask for this much more time to start, from now on, s."""
        self._send(f"EXTEND_TIMEOUT_USEC={seconds * 1e6:.0f}")

    def stopping(self) -> None:
        """Notify that the service is about to end."""
        self._send("STOPPING=1")

    def _send(self, line: str) -> None:
        if self._socket is None:
            return
        try:
            self._socket.sendto(line.encode(), socket.MSG_DONTWAIT, self._address)
        except OSError:
            # systemd is being replaced, or busy: the next status follows soon, and a lost ping has three more after it.
            return

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()


def _watchdog_s(environment: Mapping[str, str]) -> float:
    """Return the watchdog's timeout, s; 0 if there is none, or it is meant for another process."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    microseconds = environment.get("WATCHDOG_USEC", "")
    return int(microseconds) / 1e6 if microseconds.isascii() and microseconds.isdigit() else 0.0
