"""With `privacy.counts_only` nothing but counts by emotion and minute is told, whoever is told."""

import threading

import numpy as np
import pytest

from edge.meters import Meters
from edge.minutes import Minutes
from edge.outlets import Outlets
from edge.records import Box, Counts, Frame, Observation, Reading
from edge.runtime.crew import Crew
from edge.runtime.handover import Policy


def reading(track_id, emotion, index):
    return Reading(track_id, Box(10, 20, 50, 50), emotion, 0.8, {emotion: 0.8}, index, float(index), 0.01)


def observation(index, *emotions, fps=1.0):
    readings = tuple(reading(number, emotion, index) for number, emotion in enumerate(emotions, start=7))
    return Observation(index, "camera", float(index), index / fps, readings, tuple(item.track_id for item in readings))


class Collect:
    """A sink or viewer that keeps what it is given."""

    def __init__(self, name):
        self.name, self.items, self.closed = name, [], threading.Event()

    def write(self, item):
        self.items.append(item)

    def close(self):
        self.closed.set()


def test_a_minute_is_summed_up_when_it_is_over():
    """Readings by emotion, frames, and the most faces in one of them; the frame that ends it belongs to the next."""
    minutes = Minutes()
    told = [minutes.add(observation(second, "happy", *["sad"] * (second == 3))) for second in range(60)]
    assert told == [None] * 60
    ended = minutes.add(observation(60))
    assert ended.counts == Counts(
        duration_s=59.0, frames=60, frames_with_face=60, most_faces=2, emotions={"happy": 60, "sad": 1}
    )
    assert (ended.readings, ended.present) == ((), ())
    assert minutes.rest().counts == Counts(0.0, 1, 0, 0, {})


def test_the_last_minute_is_told_at_the_end_and_once():
    """What is seen in the seconds before the end is not lost."""
    minutes = Minutes()
    assert minutes.rest() is None
    minutes.add(observation(0, "happy"))
    assert minutes.rest().counts.emotions == {"happy": 1}
    assert minutes.rest() is None


def test_a_gap_ends_a_minute_without_being_counted():
    """A camera that was away for an hour: the minute before it tells of the time that was seen."""
    minutes = Minutes()
    minutes.add(observation(0, "happy"))
    minutes.add(observation(20, "happy"))
    assert minutes.add(observation(3600, "sad")).counts.duration_s == 20.0


@pytest.fixture
def crew():
    return Crew()


def deliver(outlets, crew, frames):
    """Put so many frames, one a second, with a face in each; then close."""

    def work():
        for index in range(frames):
            pixels = np.full((4, 6), 77, np.uint8)
            frame = Frame(pixels, index, float(index), float(index), "camera", np.full((4, 6, 3), 99, np.uint8))
            outlets.put(frame, observation(index, "happy"))

    crew.add("name", work, ends=[outlets])
    outlets.enlist(crew)
    crew.run(stop=lambda: None, check=lambda: None, check_every_s=0.5)


def test_no_sink_and_no_viewer_is_told_more_than_counts(crew):
    """It is done before them all: neither a reading nor a track nor a pixel is left for one to forget about."""
    log, page, meters = Collect("log"), Collect("page"), Meters()
    deliver(Outlets([log], [page], Policy.BLOCKING, meters, counts_only=True), crew, 130)
    assert [item.counts.emotions for item in log.items] == [{"happy": 60}, {"happy": 60}, {"happy": 10}]
    assert all(item.readings == () == item.present for item in log.items)
    assert page.items
    for shown in page.items:
        assert shown.observation.counts is not None
        assert shown.observation.readings == () == shown.observation.present
        assert not shown.frame.gray.any()
        assert shown.frame.color is None
    assert (meters.emotions, meters.frames_with_face, meters.faces) == ({"happy": 130}, 130, 1)


def test_meters_move_only_with_the_minute():
    """Whoever asks for status or metrics every second learns no more than the log."""
    meters = Meters()
    outlets = Outlets([], [], Policy.BLOCKING, meters, counts_only=True)
    pixels = np.zeros((4, 6), np.uint8)
    for index in range(60):
        outlets.put(Frame(pixels, index, 0.0, float(index), "camera"), observation(index, "happy"))
    assert (meters.emotions, meters.frames_with_face, meters.faces) == ({}, 0, 0)
    outlets.put(Frame(pixels, 60, 0.0, 60.0, "camera"), observation(60))
    assert (meters.emotions, meters.frames_with_face, meters.faces) == ({"happy": 60}, 60, 1)


def test_by_default_all_is_told(crew):
    """Every frame with its readings and its picture."""
    log, page, meters = Collect("log"), Collect("page"), Meters()
    deliver(Outlets([log], [page], Policy.BLOCKING, meters), crew, 5)
    assert [len(item.readings) for item in log.items] == [1] * 5
    assert page.items[-1].frame.gray.all()
    assert (meters.emotions, meters.frames_with_face, meters.faces) == ({"happy": 5}, 5, 1)


def test_each_outlet_is_seen_by_its_name():
    """So that status and metrics can tell which sink is slow; a viewer's older pictures are no loss."""
    meters = Meters()
    outlets = Outlets([Collect("log")], [Collect("page")], Policy.NEWEST_WINS, meters)
    frame = Frame(np.zeros((4, 6), np.uint8), 0, 0.0, 0.0, "camera")
    outlets.put(frame, observation(0))
    outlets.put(frame, observation(1))
    queues = {name: (queue.waiting, queue.capacity, queue.dropped) for name, queue in meters.outlets.items()}
    assert queues == {"log": (2, 256, 0)}
