"""What a run counts."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from edge.records import Observation
from edge.runtime.timings import StepTimes


class Queue(Protocol):
    """What is told of a hand-over: `HandOver` says what each means."""

    @property
    def waiting(self) -> int:
        """Items."""

    @property
    def capacity(self) -> int:
        """Items."""

    @property
    def dropped(self) -> int:
        """Items."""


@dataclass(slots=True)
class Meters:
    """Counts and times. Each step's times are written by its own thread.

    latency: from a frame in memory to its readings. emotions: readings by name.
    faces: in the newest frame; with `privacy.counts_only` the most in one of the last minute's.
    dropped: frames that gave way to newer ones. undelivered: frames whose readings a sink was too slow for.
    queues: before each step, by its name. outlets: before each sink, by its name;
    viewers have none, since only the newest picture is of use to them.
    """

    captured: int = 0
    captured_at: float = 0.0
    follow: StepTimes = field(default_factory=StepTimes)
    scan: StepTimes = field(default_factory=StepTimes)
    name: StepTimes = field(default_factory=StepTimes)
    latency: StepTimes = field(default_factory=StepTimes)
    emotions: Counter[str] = field(default_factory=Counter)
    frames_with_face: int = 0
    faces: int = 0
    dropped: Callable[[], int] = lambda: 0
    undelivered: Callable[[], int] = lambda: 0
    queues: Mapping[str, Queue] = field(default_factory=dict)
    outlets: Mapping[str, Queue] = field(default_factory=dict)

    def count(self, observation: Observation) -> None:
        """Count what is told of a frame, or of a minute."""
        counts, readings = observation.counts, observation.readings
        if counts is not None:
            self.emotions.update(counts.emotions)
            self.frames_with_face += counts.frames_with_face
            self.faces = counts.most_faces
            return
        self.faces = len(readings)
        if readings:
            self.emotions.update(reading.emotion for reading in readings)
            self.frames_with_face += 1
