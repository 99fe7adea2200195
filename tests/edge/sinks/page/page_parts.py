"""Frames, readings and a status, as the page is given them."""

import threading
import time
from contextlib import contextmanager

import numpy as np

from edge.records import Box, Frame, Observation, Reading, Shown
from edge.status import Status

FACE = Box(200, 140, 160, 160)


def make_reading(emotion="happy", *, face=1, box=FACE, confidence=0.8, unclear=None):
    return Reading(face, box, emotion, confidence, {emotion: confidence}, 0, 0.0, 0.01, unclear)


def make_shown(*readings, index=0, picture=None, captured_at=None):
    """A frame of 640x480; where no picture is given, it is grey, and each another one."""
    if picture is None:
        picture = np.full((480, 640, 3), 7 * index % 256, np.uint8)
    at = time.monotonic() if captured_at is None else captured_at
    frame = Frame(picture[..., 1], index, at, at, "camera", picture)
    present = tuple(reading.track_id for reading in readings)
    return Shown(frame, Observation(index, "camera", at, at, readings, present))


def make_status(**changes):
    known = {
        "version": "1", "pid": 1, "state": "running", "since": "2026-01-01T00:00:00Z", "uptime_s": 1.0,
        "source": "camera", "frames": 1, "fps": 30.0, "latency_ms_p50": 2.0, "latency_ms_p95": 3.0, "faces": 1,
        "dropped": 0, "undelivered": 0, "reopens": 0, "log": "log", "log_dropped": 0, "temperature_c": None,
        "throttled": None, "core_v": None,
    }  # fmt: skip
    return Status(**known | changes)


@contextmanager
def camera(page, *readings, picture=None):
    """Feeds the page with frames, as fast as a camera would."""
    stop = threading.Event()

    def feed():
        index = 0
        while not stop.wait(0.02):
            page.write(make_shown(*readings, index=index, picture=picture))
            index += 1

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
