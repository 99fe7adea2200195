"""What a run counts."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from edge.runtime.timings import StepTimes


@dataclass(slots=True)
class Meters:
    """Counts and times. Each step's times are written by its own thread.

    latency: from a frame in memory to its readings. emotions: readings by name.
    faces: in the newest frame. dropped: frames that gave way to newer ones. undelivered: frames whose readings a sink
    was too slow for.
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
