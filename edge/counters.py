"""Counts and durations of one run."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from edge.records import Observation, PictureFault
from edge.runtime.latency import StepTimes

MINUTE_S = 60.0
"""With `privacy.counts_only` nothing changes more often than this, s."""


class Queue(Protocol):
    """Counters of a queue; `BoundedQueue` describes each figure."""

    @property
    def waiting(self) -> int:
        """Items that wait."""

    @property
    def capacity(self) -> int:
        """Items that have room."""

    @property
    def dropped(self) -> int:
        """Items that gave way to newer ones."""


@dataclass(slots=True)
class Delivery:
    """The calls of one sink, which its own thread makes; any thread may read.

    Attributes:
        queue: the queue before the sink.
        calls: number of calls begun and ended: odd while one has not returned.
    """

    queue: Queue
    calls: int = 0


@dataclass(slots=True)
class Counters:
    """Counts and durations of one run. Each step's durations are written by its own thread; any thread may read.

    Attributes:
        captured: frames read from the source.
        follow, scan, classify: durations of the steps.
        latency: from a frame in memory to its readings.
        emotions: readings by label.
        frames_with_face: frames with at least one reading.
        observations: frames, or with `privacy.counts_only` minutes, that have been counted.
        faces: in the newest frame; with `privacy.counts_only` the most in one frame of the last minute; None before the
            first.
        picture_fault: what is wrong with the camera's picture; None if nothing is.
        queues: the queue before each step, by the step's name.
        sink_queues: the queue before each sink that takes readings, by the sink's name. Sinks that take frames have
            none here, since only the newest frame is of use to them.
        deliveries: the delivery to each sink, by the sink's name.
    """

    captured: int = 0
    follow: StepTimes = field(default_factory=StepTimes)
    scan: StepTimes = field(default_factory=StepTimes)
    classify: StepTimes = field(default_factory=StepTimes)
    latency: StepTimes = field(default_factory=StepTimes)
    emotions: Counter[str] = field(default_factory=Counter)
    frames_with_face: int = 0
    observations: int = 0
    faces: int | None = None
    picture_fault: PictureFault | None = None
    queues: Mapping[str, Queue] = field(default_factory=dict)
    sink_queues: Mapping[str, Queue] = field(default_factory=dict)
    deliveries: Mapping[str, Delivery] = field(default_factory=dict)

    @property
    def dropped(self) -> int:
        """Frames that gave way to newer ones before a step."""
        return sum(queue.dropped for queue in self.queues.values())

    @property
    def undelivered(self) -> int:
        """Observations that a sink was too slow for."""
        return sum(queue.dropped for queue in self.sink_queues.values())

    def count(self, observation: Observation) -> None:
        """Count the readings of a frame, or the counts of a minute."""
        counts, readings = observation.counts, observation.readings
        if counts is not None:
            self.emotions.update(counts.emotions)
            self.frames_with_face += counts.frames_with_face
            self.faces = counts.most_faces
        else:
            self.emotions.update(reading.emotion for reading in readings)
            self.frames_with_face += bool(readings)
            self.faces = len(readings)
        self.observations += 1  # last, so that another thread never takes older faces for these
