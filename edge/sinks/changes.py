"""Tells what changed from one observation to the next, so that a log of weeks stays small."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from edge.records import Observation, Reading
from edge.sinks.lines import Line, describe, now


@dataclass(slots=True)
class _Face:
    emotion: str
    since_s: float
    seen_s: float
    source: str


class Changes:
    """Turns observations into lines: `appeared`, `changed`, `left`, and a `summary` every so often.

    describe_machine: gives what a summary says of the machine, ready for JSON.
    """

    def __init__(self, *, summary_interval_s: float, describe_machine: Callable[[], Line] = dict) -> None:
        self._interval_s = summary_interval_s
        self._describe_machine = describe_machine
        self._faces: dict[int, _Face] = {}
        self._frames = 0
        self._readings: Counter[str] = Counter()
        self._most_faces = 0
        self._summary_at_s: float | None = None

    def lines(self, observation: Observation) -> Iterator[Line]:
        """The lines that `observation` gives rise to; mostly none."""
        for track_id in [known for known in self._faces if known not in observation.present]:
            yield self._left(track_id)
        for reading in observation.readings:
            event = self._take(reading, observation)
            if event:
                place = {"source": observation.source, "frame": observation.frame_index}
                yield {"time": now(), "event": event, **place, **describe(reading)}
        yield from self._summarize(observation)

    def last_lines(self) -> Iterator[Line]:
        """The lines for the faces that are still there when the log ends."""
        for track_id in list(self._faces):
            yield self._left(track_id)

    def _take(self, reading: Reading, observation: Observation) -> str | None:
        face = self._faces.get(reading.track_id)
        if face is None:
            self._faces[reading.track_id] = _Face(
                reading.emotion, observation.position_s, observation.position_s, observation.source
            )
            return "appeared"
        face.seen_s = observation.position_s
        if face.emotion == reading.emotion:
            return None
        face.emotion = reading.emotion
        return "changed"

    def _left(self, track_id: int) -> Line:
        face = self._faces.pop(track_id)
        duration_s = round(face.seen_s - face.since_s, 2)
        return {
            "time": now(),
            "event": "left",
            "source": face.source,
            "track": track_id,
            "emotion": face.emotion,
            "duration_s": duration_s,
        }

    def _summarize(self, observation: Observation) -> Iterator[Line]:
        self._frames += 1
        self._readings.update(reading.emotion for reading in observation.readings)
        self._most_faces = max(self._most_faces, len(observation.readings))
        if self._summary_at_s is None:
            self._summary_at_s = observation.position_s + self._interval_s
        if observation.position_s < self._summary_at_s:
            return
        total = self._readings.total()
        yield {
            "time": now(),
            "event": "summary",
            "source": observation.source,
            "frames": self._frames,
            "most_faces": self._most_faces,
            "emotions": {name: round(count / total, 4) for name, count in self._readings.most_common()},
            **self._describe_machine(),
        }
        self._frames, self._most_faces = 0, 0
        self._readings.clear()
        self._summary_at_s = observation.position_s + self._interval_s
