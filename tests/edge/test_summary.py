"""A run is summed up in a few lines, each of which is there only where it has something to say."""

from pathlib import Path

import pytest

from edge.meters import Meters
from edge.summary import summarize

LOG = Path("readings.jsonl")


class Source:
    """What the summary asks of a source."""

    def __init__(self, *, stills=False, skipped=0):
        self.stills, self.skipped = stills, skipped


@pytest.fixture
def meters():
    """Of a run of four frames, three of them with a face."""
    meters = Meters(frames_with_face=3)
    for ms in (10, 20, 30, 40):
        meters.latency.add(ms / 1e3)
    meters.emotions.update(["happy", "happy", "sad", "happy"])
    return meters


def test_frames_faces_emotions_times_and_log(meters):
    """The emotions stand in order of their share, and only the steps that ran have times."""
    assert summarize(meters, Source(), LOG).splitlines() == [
        "4 frames processed, 3 of them with a face",
        "4 readings: happy 75%, sad 25%",
        "frame to reading: p50 30.0, p95 40.0, p99 40.0 ms",
        "log: readings.jsonl",
    ]


def test_every_step_that_ran_has_its_times(meters):
    """In the order in which a frame meets them."""
    for step in (meters.name, meters.scan, meters.follow):
        step.add(0.001)
    times = [line.split(":")[0] for line in summarize(meters, Source(), LOG).splitlines() if "p95" in line]
    assert times == ["follow", "scan", "name", "frame to reading"]


def test_a_run_without_a_frame():
    """Nothing is divided by nothing."""
    assert summarize(Meters(), Source(), LOG).splitlines() == [
        "0 frames processed, 0 of them with a face",
        "log: readings.jsonl",
    ]


def test_what_was_dropped_and_skipped_is_counted(meters):
    """Frames that gave way to newer ones, and pictures that could not be read."""
    meters.dropped = lambda: 7
    first, *_ = summarize(meters, Source(stills=True, skipped=2), LOG).splitlines()
    assert first == ("4 pictures processed, 3 of them with a face, 7 dropped for newer ones, 2 skipped as unreadable")
