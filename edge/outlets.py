"""Hands what is said of each frame to every sink, on a thread for each."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TypeVar

import numpy as np

from edge.meters import Meters
from edge.minutes import Minutes
from edge.records import Frame, Observation, Shown
from edge.runtime.crew import Crew
from edge.runtime.guard import Guard, await_more
from edge.runtime.handover import Closed, HandOver, Policy
from edge.sinks.base import Sink, Taker, Viewer

T = TypeVar("T")

SINK_CAPACITY = 256
"""Observations that may wait for a slow sink: some eight seconds at 30 a second."""

VIEWER_CAPACITY = 1
"""Pictures are large, and only the newest is of use."""


class Outlets:
    """The sinks' and the viewers' ends. What is guarded never holds anything up, not even a file: newest wins there.

    sinks: are given each observation. viewers: are given each picture with its observation.
    policy: for those that are not guarded. meters: count what is told. servers: are given nothing at all, so that no
        frame wakes them.
    counts_only: all of them are told counts by emotion and minute and nothing else, and a black picture. It is done
        here, before any of them, so that none can forget it.
    """

    def __init__(
        self,
        sinks: Sequence[Sink | Guard[Observation]],
        viewers: Sequence[Viewer | Guard[Shown]],
        policy: Policy,
        meters: Meters,
        *,
        servers: Sequence[Guard[None]] = (),
        counts_only: bool = False,
    ) -> None:
        self._sinks = [(sink, _new_outlet(sink, policy, SINK_CAPACITY)) for sink in sinks]
        self._viewers = [(viewer, _new_outlet(viewer, policy, VIEWER_CAPACITY)) for viewer in viewers]
        self._servers = [(server, HandOver[None](Policy.NEWEST_WINS)) for server in servers]
        self._policy = policy
        self._meters = meters
        self._minutes = Minutes() if counts_only else None
        self._newest: Frame | None = None  # of the minute
        self._names: tuple[object, ...] = ()  # who is there, and what was said of each, in the newest frame
        meters.outlets = {sink.name: outlet for sink, outlet in self._sinks}

    @property
    def dropped(self) -> int:
        """Observations that a sink was too slow for."""
        return sum(outlet.dropped for _, outlet in self._sinks)

    def enlist(self, crew: Crew) -> None:
        """Add a worker for each."""
        for sink, outlet in self._sinks:
            crew.add(sink.name, partial(self._deliver, sink, outlet), ends=[outlet])
        for viewer, window in self._viewers:
            crew.add(viewer.name, partial(self._deliver, viewer, window), ends=[window])
        for server, inbox in self._servers:
            crew.add(server.name, partial(server.deliver, inbox), ends=[inbox])

    def put(self, frame: Frame, observation: Observation) -> None:
        """Give everybody the newest.

        Raises:
            Closed: one of them takes no more.
        """
        if self._minutes is None:
            self._tell(frame, observation)
            return
        self._newest = frame
        if (told := self._minutes.add(observation)) is not None:
            self._tell(_blackened(frame), told)

    def _tell(self, frame: Frame, observation: Observation) -> None:
        self._meters.count(observation)
        names = observation.present, tuple((reading.track_id, reading.emotion) for reading in observation.readings)
        is_news, self._names = names != self._names, names
        for _, outlet in self._sinks:
            outlet.put(observation, rouse=is_news)
        for _, window in self._viewers:
            window.put(Shown(frame, observation), rouse=is_news)

    def close(self) -> None:
        """Let nothing more in; what is there is still delivered."""
        self._tell_rest()
        for _, outlet in self._sinks:
            outlet.close()
        for _, window in self._viewers:
            window.close()
        for _, inbox in self._servers:
            inbox.close()

    def _deliver(self, taker: Taker[T] | Guard[T], outlet: HandOver[T]) -> None:
        if isinstance(taker, Guard):
            taker.deliver(outlet)
            return
        try:
            while True:
                taker.write(outlet.get())
                if self._policy is Policy.NEWEST_WINS:  # else the pipeline would wait for it
                    await_more(taker, outlet)
        finally:
            taker.close()

    def _tell_rest(self) -> None:
        told = self._minutes.rest() if self._minutes else None
        if told is not None and self._newest is not None:
            with suppress(Closed):
                self._tell(_blackened(self._newest), told)


def _new_outlet(taker: Taker[T] | Guard[T], policy: Policy, capacity: int) -> HandOver[T]:
    return HandOver(Policy.NEWEST_WINS if isinstance(taker, Guard) else policy, capacity=capacity)


def _blackened(frame: Frame) -> Frame:
    gray = np.zeros_like(frame.gray)
    gray.flags.writeable = False
    return replace(frame, gray=gray, color=None)
