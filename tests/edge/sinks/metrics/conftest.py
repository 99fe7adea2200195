"""Fixtures of the metrics' tests: a run's status and counters, and an endpoint that serves them."""

import pytest
from metrics_client import MODEL, STATUS
from samples import opened

from edge.counters import Counters, Delivery
from edge.runtime.queue import BoundedQueue, Policy
from edge.settings.sinks import MetricsSettings
from edge.sinks.metrics.endpoint import MetricsEndpoint


def full(capacity, *, dropped):
    """Return a full queue that has dropped this many items."""
    queue = BoundedQueue(Policy.DROP_OLDEST, capacity=capacity)
    for item in range(capacity + dropped):
        queue.put(item)
    return queue


@pytest.fixture
def counters():
    counters = Counters()
    counters.captured = 1240
    counters.frames_with_face = 1000
    counters.emotions.update({"happy": 900, "uncertain": 90})
    for seconds in (0.0004, 0.003, 0.3, 7.0):
        counters.latency.add(seconds)
    counters.scan.add(0.02)
    counters.queues = {"follow": full(1, dropped=2), "classify": full(1, dropped=1), "scan": full(1, dropped=0)}
    counters.sink_queues = {"log": full(4, dropped=0), "mqtt": full(4, dropped=9)}
    counters.deliveries = {name: Delivery(queue) for name, queue in counters.sink_queues.items()}
    return counters


class RunStatus:
    """The status that the endpoint reads; a test may change it."""

    value = STATUS

    def __call__(self):
        return self.value


@pytest.fixture
def run_status():
    return RunStatus()


@pytest.fixture
def open_endpoint(run_status, counters):
    """Return a function that opens an endpoint for the run, by default at any free port; all are closed at the end."""
    endpoints = []

    def open_one(settings=None, *, labels=MODEL.labels, counts_only=False):
        endpoint = MetricsEndpoint(
            settings or MetricsSettings(enabled=True, port=0),
            status=run_status,
            counters=counters,
            model=MODEL,
            labels=labels,
            counts_only=counts_only,
        )
        endpoints.append(opened(endpoint))
        return endpoint

    yield open_one
    for endpoint in endpoints:
        endpoint.close()


@pytest.fixture
def endpoint(open_endpoint):
    return open_endpoint()
