"""A run is summarized in a few lines, and lines without content are left out."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from edge.cli.run import summarize
from edge.counters import Counters

MODEL, LOG = "edge_small, prior off", Path("readings.jsonl")


class Source:
    """A source with the attributes that the summary reads."""

    def __init__(self, *, is_still_images=False, **left_out):
        self.is_still_images, self.left_out, self.skipped = is_still_images, left_out, sum(left_out.values())


@pytest.fixture
def counters():
    """The counters of a run of four frames, three of them with a face."""
    counters = Counters(frames_with_face=3)
    for ms in (10, 20, 30, 40):
        counters.latency.add(ms / 1e3)
    counters.emotions.update(["happy", "happy", "sad", "happy"])
    return counters


def test_summary_has_frames_emotions_times_and_log(counters):
    """The emotions are sorted by their share, and only the steps that ran have times."""
    assert summarize(counters, Source(), MODEL, LOG).splitlines() == [
        "4 frames processed, 3 of them with a face",
        "4 readings: happy 75%, sad 25%",
        "frame to reading: p50 30.00, p95 40.00, p99 40.00 ms",
        "model: edge_small, prior off",
        "log: readings.jsonl",
    ]


def test_steps_are_in_the_order_of_a_frames_way(counters):
    """Every step that ran has a line, in the order in which a frame passes through the steps."""
    for step in (counters.classify, counters.scan, counters.follow):
        step.add(0.001)
    times = [line.split(":")[0] for line in summarize(counters, Source(), MODEL, LOG).splitlines() if "p95" in line]
    assert times == ["follow", "scan", "classify", "frame to reading"]


def test_run_without_a_frame():
    """Without any frame there are neither shares nor times, and no division by zero."""
    assert summarize(Counters(), Source(), MODEL, LOG).splitlines() == [
        "0 frames processed, 0 of them with a face",
        "model: edge_small, prior off",
        "log: readings.jsonl",
    ]


def test_dropped_and_skipped_frames_are_counted(counters):
    """The first line counts frames that gave way to newer ones; the last one says what could not be read."""
    counters.queues = {"follow": SimpleNamespace(dropped=7)}
    first, *_, last = summarize(counters, Source(is_still_images=True, HEIF=2, damaged=1), MODEL, LOG).splitlines()
    assert first == "4 pictures processed, 3 of them with a face, 7 dropped for newer ones"
    assert last == "4 read, 3 skipped: 2 HEIF, 1 damaged"


def test_pictures_end_with_their_count(counters):
    """A run of pictures says that none was left out; a run of frames says so only if some were."""
    assert summarize(counters, Source(is_still_images=True), MODEL, LOG).splitlines()[-1] == "4 read, 0 skipped"
    assert (
        summarize(counters, Source(**{"missing frames": 5}), MODEL, LOG).splitlines()[-1].endswith("5 missing frames")
    )
