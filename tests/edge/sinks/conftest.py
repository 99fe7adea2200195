"""Fixtures for the tests of the sinks."""

import time

import pytest


class ManualClock:
    """A monotonic clock that stands still until a test moves it.

    Attributes:
        now_s: its time, s.
    """

    def __init__(self):
        self.now_s = 1000.0

    def advance(self, seconds):
        self.now_s += seconds


@pytest.fixture
def clock(monkeypatch):
    """Replace the monotonic clock by one that the test moves."""
    clock = ManualClock()
    monkeypatch.setattr(time, "monotonic", lambda: clock.now_s)
    return clock
