"""Fans each frame's readings out to every sink; each sink has its own queue and thread."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import numpy as np

from edge.counters import Counters, Delivery
from edge.pipeline.counts_only import MinuteCounter
from edge.pipeline.readings import without_faces
from edge.records import Frame, FrameWithReadings, Observation, PictureFault
from edge.runtime.queue import BoundedQueue, Closed, Policy
from edge.runtime.workers import Workers
from edge.sinks.base import Sink
from edge.sinks.supervised import SupervisedSink

T = TypeVar("T")

SINK_CAPACITY = 256
"""Observations that may wait for a slow sink: some eight seconds at 30 a second."""

FRAME_CAPACITY = 1
"""Frames that may wait for a sink that shows them: they are large, and only the newest is of use."""


class FanOut:
    """The queues between the last step and the sinks.

    A supervised sink never delays the pipeline, not even for a file: its queue drops the oldest item. With
    `counts_only` each sink gets one observation a minute, with counts and nothing else, and a black frame: the
    reduction happens here, before all sinks, so that no sink can omit it.
    """

    def __init__(
        self,
        sinks: Sequence[Sink[Observation]],
        frame_sinks: Sequence[Sink[FrameWithReadings]],
        policy: Policy,
        counters: Counters,
        *,
        servers: Sequence[Sink[None]] = (),
        counts_only: bool = False,
    ) -> None:
        """Make a queue for each sink.

        Args:
            sinks: sinks that receive each observation.
            frame_sinks: sinks that receive each frame with its observation.
            policy: policy of a full queue, for sinks that are not supervised.
            counters: count the observations.
            servers: sinks that receive no items, so that no frame wakes them; they only answer requests.
            counts_only: whether sinks receive counts for each minute instead of readings and pictures.
        """
        readings_queues = [(sink, _new_queue(sink, policy, SINK_CAPACITY)) for sink in sinks]
        frame_queues = [(sink, _new_queue(sink, policy, FRAME_CAPACITY)) for sink in frame_sinks]
        server_queues = [(server, _new_queue(server, policy, 1)) for server in servers]
        self._sinks: list[tuple[Sink[Any], BoundedQueue[Any]]] = [*readings_queues, *frame_queues, *server_queues]
        self._readings_queues = [queue for _, queue in readings_queues]
        self._frame_queues = [queue for _, queue in frame_queues]
        self._counters = counters
        self._minutes = MinuteCounter() if counts_only else None
        self._newest: Frame | None = None  # of the minute
        self._labels: tuple[object, ...] = ()  # the tracks and their labels in the newest frame
        self._picture_fault: PictureFault | None = None
        counters.sink_queues = {sink.name: queue for sink, queue in readings_queues}
        counters.deliveries = {sink.name: Delivery(queue) for sink, queue in self._sinks}

    def add_workers(self, workers: Workers) -> None:
        """Add a worker for each sink."""
        for sink, queue in self._sinks:
            delivery = self._counters.deliveries[sink.name]
            body = partial(deliver, sink, queue, delivery)
            workers.add(sink.name, body, ends=[queue], optional=isinstance(sink, SupervisedSink))

    def put(self, frame: Frame, observation: Observation) -> None:
        """Pass the newest observation and its frame on to all sinks.

        Raises:
            Closed: the thread of a sink has ended.
        """
        if self._minutes is None:
            self._put(frame, observation)
            return
        self._newest = frame
        if observation.picture_fault != self._picture_fault:  # is no secret, and does not wait for the minute's end
            self._picture_fault = observation.picture_fault
            for queue in self._readings_queues:
                queue.put(without_faces(frame, picture_fault=observation.picture_fault), rouse=True)
        if (counted := self._minutes.add(observation)) is not None:
            self._put(_blackened(frame), counted)

    def close(self) -> None:
        """Accept no more items; the sinks still receive those in their queues."""
        self._put_last_minute()
        for _, queue in self._sinks:
            queue.close()

    def _put(self, frame: Frame, observation: Observation) -> None:
        self._counters.count(observation)
        labels = observation.present, tuple((reading.track_id, reading.emotion) for reading in observation.readings)
        is_news, self._labels = labels != self._labels, labels
        for queue in self._readings_queues:
            queue.put(observation, rouse=is_news)
        for frames in self._frame_queues:
            frames.put(FrameWithReadings(frame, observation), rouse=is_news)

    def _put_last_minute(self) -> None:
        counted = self._minutes.rest() if self._minutes else None
        if counted is not None and self._newest is not None:
            with suppress(Closed):
                self._put(_blackened(self._newest), counted)


def _new_queue(sink: Sink[T], policy: Policy, capacity: int) -> BoundedQueue[T]:
    return BoundedQueue(Policy.DROP_OLDEST if isinstance(sink, SupervisedSink) else policy, capacity=capacity)


def deliver(sink: Sink[T], queue: BoundedQueue[T], delivery: Delivery | None = None) -> None:
    """Write a queue's items to its sink until the queue is closed and empty; then close the sink.

    Every sink is served by this loop.

    Args:
        sink: an open or supervised sink.
        queue: its queue.
        delivery: counts the calls, so that another thread notices one that blocks; None if nobody watches.

    Raises:
        Exception: the sink has failed; it is closed then, too.
    """
    delivery = delivery or Delivery(queue)
    try:
        while True:
            item = queue.get(timeout_s=sink.poll_s)
            delivery.calls += 1
            if item is None:
                sink.poll()
            else:
                sink.write(item)
            delivery.calls += 1
            if item is None:
                continue
            # A blocking queue gathers nothing: the pipeline would wait for it.
            if queue.policy is Policy.DROP_OLDEST and not queue.waiting:
                queue.pause(sink.patience_s)
    except Closed:
        return
    finally:
        sink.close()


def _blackened(frame: Frame) -> Frame:
    gray = np.zeros_like(frame.gray)
    gray.flags.writeable = False
    return replace(frame, gray=gray, color=None)
