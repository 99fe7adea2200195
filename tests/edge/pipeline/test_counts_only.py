"""With `privacy.counts_only` every sink receives counts by emotion and minute, and nothing else."""

import threading

import numpy as np
import pytest
from samples import make_observation

from edge.counters import Counters
from edge.pipeline.counts_only import MinuteCounter
from edge.pipeline.fanout import FanOut
from edge.records import Frame, MinuteCounts
from edge.runtime.queue import Policy
from edge.runtime.workers import Workers
from edge.sinks.base import Sink


def observation(index, *emotions):
    """Return the observation of a frame, one frame per second."""
    return make_observation(*emotions, frame_index=index, captured_at=float(index), media_time_s=float(index))


class Collect(Sink):
    """A sink that keeps its items."""

    def __init__(self, name):
        self.name, self.items, self.closed = name, [], threading.Event()

    def write(self, item):
        self.items.append(item)

    def close(self):
        self.closed.set()


def test_a_minute_is_counted_when_it_has_ended():
    """Readings by emotion, frames and faces are counted; the frame that ends a minute belongs to the next one."""
    minutes = MinuteCounter()
    counted = [minutes.add(observation(second, "happy", *["sad"] * (second == 3))) for second in range(60)]
    assert counted == [None] * 60
    ended = minutes.add(observation(60))
    assert ended.counts == MinuteCounts(
        duration_s=59.0, frames=60, frames_with_face=60, most_faces=2, emotions={"happy": 60, "sad": 1}
    )
    assert (ended.readings, ended.present) == ((), ())
    assert minutes.rest().counts == MinuteCounts(0.0, 1, 0, 0, {})


def test_the_last_minute_is_counted_once_at_the_end():
    """Faces seen in the seconds before the end are counted, and counted only once."""
    minutes = MinuteCounter()
    assert minutes.rest() is None
    minutes.add(observation(0, "happy"))
    assert minutes.rest().counts.emotions == {"happy": 1}
    assert minutes.rest() is None


def test_a_gap_ends_a_minute_without_being_counted():
    """If a camera is away for an hour, the minute before the gap has the duration up to its last frame."""
    minutes = MinuteCounter()
    minutes.add(observation(0, "happy"))
    minutes.add(observation(20, "happy"))
    assert minutes.add(observation(3600, "sad")).counts.duration_s == 20.0


@pytest.fixture
def workers():
    return Workers()


def deliver(fan_out, workers, frames):
    """Run a fan-out on `frames` frames, one a second, with a face in each, until its sinks are closed."""

    def work():
        for index in range(frames):
            pixels = np.full((4, 6), 77, np.uint8)
            frame = Frame(pixels, index, float(index), float(index), "camera", np.full((4, 6, 3), 99, np.uint8))
            fan_out.put(frame, observation(index, "happy"))

    workers.add("classify", work, ends=[fan_out])
    fan_out.add_workers(workers)
    workers.run(stop=lambda: None, check=lambda: None, check_every_s=0.5)


def test_no_sink_receives_more_than_counts(workers):
    """The fan-out itself removes readings, tracks and pixels, so that no sink can output them by mistake."""
    log, page, counters = Collect("log"), Collect("page"), Counters()
    deliver(FanOut([log], [page], Policy.BLOCK, counters, counts_only=True), workers, 130)
    assert [item.counts.emotions for item in log.items] == [{"happy": 60}, {"happy": 60}, {"happy": 10}]
    assert all(item.readings == () == item.present for item in log.items)
    assert page.items
    for shown in page.items:
        assert shown.observation.counts is not None
        assert shown.observation.readings == () == shown.observation.present
        assert not shown.frame.gray.any()
        assert shown.frame.color is None
    assert (counters.emotions, counters.frames_with_face, counters.faces) == ({"happy": 130}, 130, 1)


def test_counters_change_only_with_the_minute():
    """A client that queries status or metrics every second learns no more than the log contains."""
    counters = Counters()
    fan_out = FanOut([], [], Policy.BLOCK, counters, counts_only=True)
    pixels = np.zeros((4, 6), np.uint8)
    for index in range(60):
        fan_out.put(Frame(pixels, index, 0.0, float(index), "camera"), observation(index, "happy"))
    assert (counters.emotions, counters.frames_with_face, counters.faces) == ({}, 0, None)
    fan_out.put(Frame(pixels, 60, 0.0, 60.0, "camera"), observation(60))
    assert (counters.emotions, counters.frames_with_face, counters.faces) == ({"happy": 60}, 60, 1)


def test_without_counts_only_sinks_receive_everything(workers):
    """By default every frame arrives with its readings and its picture."""
    log, page, counters = Collect("log"), Collect("page"), Counters()
    deliver(FanOut([log], [page], Policy.BLOCK, counters), workers, 5)
    assert [len(item.readings) for item in log.items] == [1] * 5
    assert page.items[-1].frame.gray.all()
    assert (counters.emotions, counters.frames_with_face, counters.faces) == ({"happy": 5}, 5, 1)


def test_the_queue_of_each_sink_is_known_by_name():
    """Status and metrics can report which sink is slow; frames dropped for a viewer are not among them."""
    counters = Counters()
    fan_out = FanOut([Collect("log")], [Collect("page")], Policy.DROP_OLDEST, counters)
    frame = Frame(np.zeros((4, 6), np.uint8), 0, 0.0, 0.0, "camera")
    fan_out.put(frame, observation(0))
    fan_out.put(frame, observation(1))
    queues = {name: (queue.waiting, queue.capacity, queue.dropped) for name, queue in counters.sink_queues.items()}
    assert queues == {"log": (2, 256, 0)}
