"""Reduces observations to events, so that a log of several weeks stays small.

`ChangeEvents` reports what happens to faces, `RunEvents` what happens to the run itself, and `PictureEvents` what is
wrong with the camera's picture.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from edge import __version__
from edge.device.run_clock import RunClock
from edge.records import Observation, PictureFault, Reading
from edge.sinks.log.lines import NO_FACTS, Line, RunFacts, reading_fields, time_fields

GAP_S = 10.0
"""Shortest time without a frame that is reported as a gap, s: as long as a camera may be silent before it is lost."""

CLOCK_STEP_S = 60.0
"""Smallest step of the wall clock that is reported, s: small corrections are normal."""


@dataclass(slots=True)
class _VisibleFace:
    emotion: str
    first_seen_s: float
    last_seen_s: float
    source: str


class ChangeEvents:
    """Turns observations into the events `appeared`, `changed` and `left`, and a `summary` at regular intervals."""

    def __init__(self, *, summary_interval_s: float, describe_machine: Callable[[], Line] = dict) -> None:
        """Start with no face visible.

        Args:
            summary_interval_s: time between two summaries, s; infinity for none.
            describe_machine: returns the keys that a summary adds about the device, ready for JSON.
        """
        self._interval_s = summary_interval_s
        self._describe_machine = describe_machine
        self._faces: dict[int, _VisibleFace] = {}
        self._newest: Observation | None = None
        self._frames = 0
        self._readings: Counter[str] = Counter()
        self._most_faces = 0
        self._summary_at_s: float | None = None

    def lines(self, observation: Observation) -> Iterator[Line]:
        """Yield the events of an observation; most observations have none."""
        self._newest = observation
        for track_id in [known for known in self._faces if known not in observation.present]:
            yield self._left(track_id, observation)
        for reading in observation.readings:
            event = self._update(reading, observation)
            if event:
                place = {"source": observation.source, "frame": observation.frame_index}
                yield {**time_fields(observation), "event": event, **place, **reading_fields(reading)}
        yield from self._summarize(observation)

    def last_lines(self) -> Iterator[Line]:
        """Yield `left` for each face that is still visible when the log ends."""
        if self._newest is not None:
            for track_id in list(self._faces):
                yield self._left(track_id, self._newest)

    def _update(self, reading: Reading, observation: Observation) -> str | None:
        """Record the reading; return the name of the event that it causes."""
        seen_s = observation.media_time_s
        face = self._faces.get(reading.track_id)
        if face is None:
            self._faces[reading.track_id] = _VisibleFace(reading.emotion, seen_s, seen_s, observation.source)
            return "appeared"
        face.last_seen_s = seen_s
        if face.emotion == reading.emotion:
            return None
        face.emotion = reading.emotion
        return "changed"

    def _left(self, track_id: int, observation: Observation) -> Line:
        face = self._faces.pop(track_id)
        return {
            **time_fields(observation),
            "event": "left",
            "source": face.source,
            "track": track_id,
            "emotion": face.emotion,
            "duration_s": round(face.last_seen_s - face.first_seen_s, 2),
        }

    def _summarize(self, observation: Observation) -> Iterator[Line]:
        self._frames += 1
        self._readings.update(reading.emotion for reading in observation.readings)
        self._most_faces = max(self._most_faces, len(observation.readings))
        if self._summary_at_s is None:
            self._summary_at_s = observation.media_time_s + self._interval_s
        if observation.media_time_s < self._summary_at_s:
            return
        total = self._readings.total()
        yield {
            **time_fields(observation),
            "event": "summary",
            "source": observation.source,
            "frames": self._frames,
            "most_faces": self._most_faces,
            "emotions": {name: round(count / total, 4) for name, count in self._readings.most_common()},
            **self._describe_machine(),
        }
        self._frames, self._most_faces = 0, 0
        self._readings.clear()
        self._summary_at_s = observation.media_time_s + self._interval_s


class RunEvents:
    """Turns observations into the events `started`, `gap` and `clock`, and `stopped` at the end.

    Args:
        run_facts: keys of `started` besides the version.
        clock: the run's clock, which tells a pause of the process from a silent camera; None for a new one.
    """

    def __init__(self, run_facts: RunFacts = NO_FACTS, clock: RunClock | None = None) -> None:
        self._run_facts = run_facts
        self._clock = clock or RunClock()
        self._newest: Observation | None = None
        self._clock_offset_s = _clock_offset_s()

    def lines(self, observation: Observation) -> Iterator[Line]:
        """Yield the events that precede an observation; most observations have none."""
        before, self._newest = self._newest, observation
        stepped_s = _clock_offset_s() - self._clock_offset_s
        if abs(stepped_s) >= CLOCK_STEP_S:
            self._clock_offset_s += stepped_s
            yield _run_line("clock", observation, stepped_s=round(stepped_s, 1))
        if before is None:
            yield _run_line("started", observation, version=__version__, **self._run_facts)
        elif (silent_s := observation.captured_at - before.captured_at) >= GAP_S:
            paused_s = self._clock.paused_between(before.captured_at, observation.captured_at)
            reason = "camera" if silent_s - paused_s >= GAP_S else "paused"
            yield _run_line("gap", observation, duration_s=round(silent_s, 1), reason=reason)

    def last_lines(self) -> Iterator[Line]:
        """Yield `stopped` when the log ends, unless there was no frame at all."""
        if self._newest is not None:
            yield _run_line("stopped", self._newest)


class PictureEvents:
    """Turns observations into the event `picture`, when a fault of the camera's picture begins and when it ends."""

    def __init__(self) -> None:
        self._fault: PictureFault | None = None
        self._since_s = 0.0

    def lines(self, observation: Observation) -> Iterator[Line]:
        """Yield the events of an observation; most observations have none."""
        fault, before = observation.picture_fault, self._fault
        if fault == before:
            return
        lasted_s, self._fault, self._since_s = observation.captured_at - self._since_s, fault, observation.captured_at
        duration = {} if before is None else {"duration_s": round(lasted_s, 1)}
        yield _run_line("picture", observation, fault=fault, **duration)


def _run_line(event: str, observation: Observation, **more: object) -> Line:
    return {**time_fields(observation), "event": event, "source": observation.source, **more}


def _clock_offset_s() -> float:
    """Return the difference between the wall clock and the monotonic clock, s."""
    return datetime.now(UTC).timestamp() - time.monotonic()
