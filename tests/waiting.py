"""Waits for what another thread or process does: for a condition, never for a length of time."""

import os
import threading
import time

LIMIT_S = 60.0 * float(os.environ.get("EDGE_TEST_PATIENCE", "1"))
"""How long a test waits for what a working program does at once, s; even a very busy machine is faster.

EDGE_TEST_PATIENCE, a factor, allows for an emulated processor.
"""

POLL_S = 0.005


def wait_for(condition, *, limit_s=LIMIT_S):
    """Wait until `condition()` is true and return its value; fail after `limit_s`."""
    deadline_s = time.monotonic() + limit_s
    while not (value := condition()):
        assert time.monotonic() < deadline_s, f"still false after {limit_s:g} s"
        threading.Event().wait(POLL_S)
    return value
