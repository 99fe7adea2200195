"""Complete sample records (reading, observation, frame, status), so that a test states only the fields it is about."""

import time

import msgspec
import numpy as np

from edge.model.manifest import Measurement
from edge.records import Box, Frame, FrameWithReadings, Observation, Reading, TimeLine
from edge.status import Status

FACE = Box(200, 140, 160, 160)

HEALTHY = Status(
    version="1.2.3",
    pid=4711,
    state="running",
    since="2026-11-20T12:00:00Z",
    uptime_s=7384.0,
    source="/dev/video0",
    frames=1234,
    fps=29.8,
    latency_ms_p50=3.41,
    latency_ms_p95=8.99,
    faces=2,
    dropped=5,
    undelivered=0,
    reopens=1,
    log="/var/log/edge-emotion/readings.jsonl",
    log_dropped=0,
    temperature_c=61.5,
    throttled=[],
    core_v=0.85,
)
"""A run in which all is well."""


def opened(sink):
    """Open a sink, and return it."""
    sink.open()
    return sink


def make_status(**changes):
    """Return `HEALTHY` with `changes`."""
    return msgspec.structs.replace(HEALTHY, **changes)


def make_reading(
    emotion="happy",
    *,
    track_id=1,
    box=FACE,
    confidence=0.8,
    probabilities=None,
    frame_index=0,
    captured_at=0.0,
    latency_s=0.01,
    unclear=None,
):
    """Return one face's reading; by default its probabilities have its emotion only."""
    probabilities = {emotion: confidence} if probabilities is None else probabilities
    return Reading(track_id, box, emotion, confidence, probabilities, frame_index, captured_at, latency_s, unclear)


def make_observation(
    *faces,
    frame_index=0,
    source="camera",
    captured_at=0.0,
    media_time_s=0.0,
    present=None,
    counts=None,
    time_line=TimeLine.CLOCK,
):
    """Return a frame's observation.

    Args:
        faces: readings, or names of emotions: these become readings with the track ids 1, 2, …
        present: track ids; by default those of the readings.
    """
    readings = tuple(
        make_reading(face, track_id=number, frame_index=frame_index) if isinstance(face, str) else face
        for number, face in enumerate(faces, start=1)
    )
    present = tuple(reading.track_id for reading in readings) if present is None else present
    return Observation(frame_index, source, captured_at, media_time_s, readings, present, counts, time_line)


def make_frame_with_readings(*faces, index=0, picture=None, captured_at=None, source="camera"):
    """Return a frame and its observation, by default captured now.

    Args:
        faces: as for `make_observation`.
        picture: (H, W, 3) uint8 BGR; by default 640x480 in one grey, which changes with `index`.
    """
    if picture is None:
        picture = np.full((480, 640, 3), 7 * index % 256, np.uint8)
    at = time.monotonic() if captured_at is None else captured_at
    frame = Frame(picture[..., 1], index, at, at, source, picture)
    observation = make_observation(*faces, frame_index=index, source=source, captured_at=at, media_time_s=at)
    return FrameWithReadings(frame, observation)


EVERYDAY = Measurement(
    kind="everyday",
    dataset="street",
    faces=9,
    accuracy=0.9,
    balanced_accuracy=0.9,
    calibration_error=None,
    counts={"happy": 5, "sad": 4},
    predicted={"happy": 6, "sad": 2, "fear": 0, "angry": 1},
    precision={"happy": 0.968, "sad": 0.5, "fear": 0.0, "angry": 0.0},
    recall={"happy": 1.0, "sad": 0.3},
    date="2026-11-28",
)
"""A model's figures in everyday use: fear was never predicted, angry once and wrongly, and sad is mostly missed."""
