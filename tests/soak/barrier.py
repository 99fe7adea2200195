"""Waits until the MQTT broker has handled what the device has sent: simulated time must not run ahead of its answer."""

import socket
from contextlib import suppress

_CONNECT = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x00\x00\x04soak"
_PING = b"\xc0\x00"
"""Source: MQTT 3.1.1, 3.1 and 3.12: no keep-alive, a clean session, the client id `soak`."""

_ROUND_TRIPS = 2
"""The broker handles what has arrived in rounds; an answer in the second one proves that the first is over."""

_TIMEOUT_S = 2.0

_real_send = socket.socket.send


class BrokerBarrier:
    """A connection of its own to the broker, for pings.

    Args:
        port: the broker's port on this machine.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._is_due = False
        self._connection: socket.socket | None = None

    def install(self) -> None:
        """Notice from now on when this process sends something to the broker."""

        def send(connection: socket.socket, *arguments: object) -> int:
            with suppress(OSError):
                if connection.family == socket.AF_INET and connection.getpeername()[1] == self._port:
                    # Else the kernel holds a small packet back until the one before is acknowledged, 40 ms later.
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self._is_due = True
            return _real_send(connection, *arguments)

        socket.socket.send = send

    def settle(self) -> None:
        """Wait until the broker has handled everything; return at once if it is away or got nothing new."""
        if not self._is_due:
            return
        self._is_due = False
        with suppress(OSError):
            self._connection = self._connection or self._connect()
            for _ in range(_ROUND_TRIPS):
                self._exchange(self._connection, _PING, 2)
            return
        if self._connection is not None:  # the broker was restarted
            self._connection.close()
            self._connection = None

    def _connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self._port), timeout=_TIMEOUT_S)
        try:
            self._exchange(connection, _CONNECT, 4)
        except OSError:
            connection.close()
            raise
        return connection

    @staticmethod
    def _exchange(connection: socket.socket, packet: bytes, answer_bytes: int) -> None:
        connection.sendall(packet)
        if len(connection.recv(answer_bytes, socket.MSG_WAITALL)) < answer_bytes:
            raise ConnectionResetError
