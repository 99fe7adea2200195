"""Finds TCP ports for servers that a test starts, stops and starts again on the same port."""

import random
import socket

FIRST, LAST = 15_000, 32_000
"""Below Linux's ephemeral ports, which any other connection of the machine may take while the test's server is down."""


def free_port():
    """Return a port of 127.0.0.1 that nobody listens on."""
    while True:
        port = random.randrange(FIRST, LAST)  # noqa: S311  # not a secret
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
