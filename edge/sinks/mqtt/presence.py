"""Puts together what a broker is told beside the readings: that we are here, and how it goes."""

import time
from collections import Counter
from collections.abc import Callable, Sequence

import msgspec

from edge.records import Observation
from edge.sinks.lines import Line, now
from edge.sinks.mqtt.discovery import NOBODY, UNCERTAIN
from edge.sinks.mqtt.session import Message
from edge.sinks.mqtt.tally import Tally
from edge.sinks.mqtt.topics import Topics
from edge.status import Status


class Presence:
    """`take` is called by one thread, the rest by another.

    device: the discovery message; None is none. labels: what is answered with.
    status: how the run is at this moment. interval_s: the state is told this often, and at once when it has changed.
    """

    def __init__(
        self,
        topics: Topics,
        *,
        device: dict[str, object] | None,
        labels: Sequence[str],
        status: Callable[[], Status],
        interval_s: float,
    ) -> None:
        self._topics = topics
        self._device = device
        self._labels = labels
        self._status = status
        self._interval_s = interval_s
        self._tally = Tally(interval_s)
        self._minute: Counter[str] | None = None
        self._told: tuple[object, ...] = ()
        self._told_s = float("-inf")

    def take(self, observation: Observation) -> None:
        """Count what was seen."""
        if observation.counts is not None:  # nothing else may be told, and there is no other for a minute
            self._minute = Counter(observation.counts.emotions)
        self._tally.add(reading.emotion for reading in observation.readings)

    def greeting(self) -> list[Message]:
        """What is told whenever the broker, or Home Assistant, is there again."""
        messages = [Message(self._topics.availability, b"online", retain=True)]
        if self._device is not None:
            messages.insert(0, Message(self._topics.config, msgspec.json.encode(self._device), retain=True))
        return [*messages, self._tell(self._state())]

    def news(self) -> Message | None:
        """The state, where it is due."""
        state = self._state()
        if _core(state) == self._told and time.monotonic() - self._told_s < self._interval_s:
            return None
        return self._tell(state)

    def _tell(self, state: Line) -> Message:
        self._told, self._told_s = _core(state), time.monotonic()
        return Message(self._topics.state, msgspec.json.encode(state), retain=True)

    def _state(self) -> Line:
        status = self._status()
        counts = self._tally.counts() if self._minute is None else self._minute
        total = counts.total()
        shares = {name: round(100 * counts[name] / total, 1) if total else None for name in (*self._labels, UNCERTAIN)}
        return {
            "time": now(),
            "state": status.state,
            "faces": status.faces,
            "dominant": counts.most_common(1)[0][0] if total else NOBODY,
            "uncertain": shares.pop(UNCERTAIN),
            "shares": shares,
            "fps": status.fps,
            "temperature_c": status.temperature_c,
            "problem": "OFF" if status.is_well else "ON",
            "camera_error": status.camera_error,
        }


def _core(state: Line) -> tuple[object, ...]:
    """What is told at once when it changes; the rest changes all the time."""
    return state["state"], state["faces"], state["dominant"], state["problem"]
