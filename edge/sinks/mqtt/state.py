"""Builds the retained messages that describe the device: availability, Home Assistant discovery, and current state."""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence

import msgspec

from edge.labels import UNCERTAIN
from edge.records import Observation
from edge.sinks.log.lines import Line, timestamp
from edge.sinks.mqtt.connection import Message
from edge.sinks.mqtt.discovery import NOBODY
from edge.sinks.mqtt.topics import Topics
from edge.status import Status


class _StateOrigin(msgspec.Struct):
    """The part of a state that tells which process has published it."""

    run: str = ""


class DeviceState:
    """Decides when the device's state is due, and builds its messages.

    One thread calls `add`; another one calls `birth_messages` and `due_message`.

    Args:
        topics: where the messages go.
        describe: returns the discovery message for Home Assistant; None to send none.
        labels: emotions that the run predicts, in order.
        status: returns the run's current status.
        interval_s: longest time between two state messages; a change is sent at once. Shares cover the same time.
        run: identifies this process in the state, so that another device with the same topics is noticed.
        expires_s: age at which a broker deletes the state, so that nobody takes it for the present one, s; None for
            never.
        clock: monotonic clock, s.
    """

    def __init__(
        self,
        topics: Topics,
        *,
        describe: Callable[[Status], dict[str, object]] | None,
        labels: Sequence[str],
        status: Callable[[], Status],
        interval_s: float,
        run: str = "",
        expires_s: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._topics = topics
        self._describe = describe
        self._labels = labels
        self._status = status
        self._interval_s = interval_s
        self._clock = clock
        self._run = run
        self._expires_s = expires_s
        self._emotion: str | None = None  # of the newest frame with a face
        self._recent = SlidingCounter(interval_s, clock=clock)
        self._last_minute: Counter[str] | None = None
        self._sent_core: tuple[object, ...] = ()
        self._sent_at = float("-inf")

    def add(self, observation: Observation) -> None:
        """Count the emotions of an observation."""
        if observation.counts is not None:  # with privacy.counts_only a minute's counts are all that may be published
            self._last_minute = Counter(observation.counts.emotions)
        if observation.readings:
            nearest_first = sorted(observation.readings, key=lambda reading: -reading.box.area)
            emotions = Counter(reading.emotion for reading in nearest_first)
            self._emotion = emotions.most_common(1)[0][0]  # of several equally frequent ones that of the nearest face
            self._recent.add(emotions.elements())

    def birth_messages(self) -> list[Message]:
        """Return what to publish, in this order, whenever the broker or Home Assistant has come online.

        The state replaces the one that the broker may have kept from before a crash. With `online` before it, that old
        state would count for a moment, and automations would act on it.
        """
        status = self._status()
        messages = [self._message(self._state(status))]
        if self._describe is not None:
            messages.append(Message(self._topics.config, msgspec.json.encode(self._describe(status)), retain=True))
        return [*messages, Message(self._topics.availability, b"online", retain=True)]

    def last_messages(self) -> list[Message]:
        """Return what to publish, in this order, when the run ends: nothing is known from then on."""
        status = msgspec.structs.replace(self._status(), state="stopping", faces=None, fps=None)
        return [self._message(self._state(status)), Message(self._topics.availability, b"offline", retain=True)]

    def is_own(self, payload: bytes) -> bool:
        """Return whether a state was published by this process, and not by another device with the same topics."""
        try:
            return not payload or msgspec.json.decode(payload, type=_StateOrigin).run == self._run
        except (msgspec.DecodeError, RecursionError):  # no device's state
            return True

    def due_message(self) -> Message | None:
        """Return the state if it has changed or its interval has passed, else None."""
        state = self._state(self._status())
        if _core(state) == self._sent_core and self._clock() - self._sent_at < self._interval_s:
            return None
        return self._message(state)

    def _message(self, state: Line) -> Message:
        self._sent_core, self._sent_at = _core(state), self._clock()
        return Message(self._topics.state, msgspec.json.encode(state), retain=True, expires_s=self._expires_s)

    def _state(self, status: Status) -> Line:
        if status.faces is None:  # what was seen before is not known to be true any more
            self._emotion = self._last_minute = None
            self._recent.clear()
        counts = self._recent.counts() if self._last_minute is None else self._last_minute
        total = counts.total()
        shares = {name: round(100 * counts[name] / total, 1) if total else None for name in (*self._labels, UNCERTAIN)}
        return {
            "time": timestamp(),
            "run": self._run,
            "state": status.state,
            "faces": status.faces,
            "emotion": self._emotion if status.faces else _nobody(status),
            "dominant": counts.most_common(1)[0][0] if status.faces and total else _nobody(status),
            "uncertain": shares.pop(UNCERTAIN),
            "shares": shares,
            "fps": status.fps,
            "temperature_c": status.temperature_c,
            "problem": "ON" if status.has_camera_problem else "OFF",
            "camera_error": status.camera_error,
        }


def _nobody(status: Status) -> str | None:
    """Return the emotion while no face is known to be in view: None if there may be one."""
    return None if status.faces is None else NOBODY


def _core(state: Line) -> tuple[object, ...]:
    """Return the fields whose change is published at once; the others change all the time."""
    return tuple(state[key] for key in ("state", "faces", "emotion", "dominant", "problem"))


class SlidingCounter:
    """Counts emotions over the last seconds. Any thread may use it.

    Args:
        window_s: length of the window, s; whole seconds are dropped at its end.
        clock: monotonic clock, s.
    """

    def __init__(self, window_s: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._window_s = window_s
        self._clock = clock
        self._seconds: deque[tuple[int, Counter[str]]] = deque()
        self._lock = threading.Lock()  # protects the deque and its counters

    def add(self, emotions: Iterable[str]) -> None:
        """Count emotions at the current time."""
        with self._lock:
            now_s = int(self._clock())
            if not self._seconds or self._seconds[-1][0] != now_s:
                self._seconds.append((now_s, Counter()))
            self._seconds[-1][1].update(emotions)
            self._trim()

    def clear(self) -> None:
        """Forget all emotions counted so far."""
        with self._lock:
            self._seconds.clear()

    def counts(self) -> Counter[str]:
        """Return how often each emotion was counted within the window."""
        with self._lock:
            self._trim()
            return sum((counter for _, counter in self._seconds), Counter[str]())

    def _trim(self) -> None:
        while self._seconds and self._seconds[0][0] <= self._clock() - self._window_s - 1:
            self._seconds.popleft()
