"""The settings decide which optional sinks a run has, and how items reach patient sinks and servers."""

import socket
import threading
from contextlib import nullcontext

import numpy as np
import pytest
from samples import make_observation
from waiting import LIMIT_S, wait_for

from edge.backoff import Backoff
from edge.counters import Counters
from edge.errors import StuckError
from edge.model.bundled import BUNDLED_MODEL
from edge.model.manifest import read_manifest
from edge.pipeline.fanout import FanOut, deliver
from edge.pipeline.sinks import SinkContext, new_optional_sinks
from edge.records import Frame, Observation
from edge.runtime import workers as workers_module
from edge.runtime.queue import BoundedQueue, Policy
from edge.runtime.workers import Workers
from edge.settings.schema import Settings
from edge.settings.sinks import DisplaySettings, MetricsSettings
from edge.sinks.base import Sink
from edge.sinks.supervised import SupervisedSink

GUARD = "edge.sinks.supervised"


@pytest.fixture
def context():
    def status():
        raise AssertionError("unexpected query")

    model = read_manifest(BUNDLED_MODEL.with_suffix(".json"))
    return SinkContext(status, Counters(), model, model.labels)


def test_by_default_nothing_is_opened(context):
    """Without settings there is no optional sink."""
    sinks = new_optional_sinks(Settings(), context)
    assert sinks.all == []


def test_a_display_gets_readings_and_no_picture(context):
    """A display gets observations; a missing bus is an error of the sink and not of the run."""
    (guard,) = new_optional_sinks(Settings(display=DisplaySettings(device="ssd1306", i2c_port=250)), context).readings
    inbox = BoundedQueue[Observation](Policy.DROP_OLDEST)
    thread = threading.Thread(target=deliver, args=(guard, inbox), daemon=True)
    thread.start()
    wait_for(lambda: guard.error)
    inbox.close()
    thread.join(LIMIT_S)
    assert guard.name == "display"
    assert guard.error == "expected the display's bus /dev/i2c-250, found none: sudo raspi-config nonint do_i2c 0"


class Clock(Sink):
    """A server: it gets no items."""

    def __init__(self, opened, closed):
        self._opened, self._closed = opened, closed

    def open(self):
        self._opened.set()

    def write(self, item):
        raise AssertionError(item)

    def close(self):
        self._closed.set()


def test_a_server_is_opened_without_a_frame_and_ends_with_the_run():
    """A server gets no items, so that it costs nothing until a request comes; it is closed at the end of the run."""
    opened, closed, workers = threading.Event(), threading.Event(), Workers()
    server = SupervisedSink("clock", lambda: Clock(opened, closed))
    fan_out = FanOut([], [], Policy.BLOCK, Counters(), servers=[server])
    fan_out.add_workers(workers)
    workers.add("classify", lambda: opened.wait(LIMIT_S), ends=[fan_out])
    workers.run(stop=lambda: None, check=lambda: None, check_every_s=0.5)
    assert opened.is_set()
    assert closed.is_set()


class Hanging(Sink):
    """A sink whose `open` or `close` does not return before the test releases it."""

    name = "hanging"

    def __init__(self):
        self.hangs, self.released = threading.Event(), threading.Event()

    def close(self):
        self.hangs.set()
        self.released.wait(LIMIT_S)

    open = close


@pytest.mark.parametrize("is_optional", [True, False])
def test_only_an_optional_sink_may_hang_when_the_run_ends(monkeypatch, is_optional):
    """A broker that does not respond makes no complete run fail, but a log that cannot be closed does."""
    monkeypatch.setattr(workers_module, "JOIN_TIMEOUT_S", 0.1)
    hanging, workers = Hanging(), Workers()
    sink = SupervisedSink("hanging", lambda: hanging) if is_optional else hanging
    fan_out = FanOut([sink], [], Policy.BLOCK, Counters())
    fan_out.add_workers(workers)

    def classify():
        if is_optional:
            hanging.hangs.wait(LIMIT_S)
        workers.ask_stop()

    workers.add("classify", classify, ends=[fan_out])
    try:
        with nullcontext() if is_optional else pytest.raises(StuckError, match="hanging"):
            workers.run(stop=fan_out.close, check=lambda: None, check_every_s=0.5)
    finally:
        hanging.released.set()


class Patient(Sink):
    """A sink that lets items of a camera gather for longer than a test lasts."""

    name = "log"
    patience_s = 1000

    def __init__(self):
        self.items = []

    def write(self, item):
        self.items.append(item)

    def close(self):
        self.items.append("closed")


def put_two(sink, policy, *, limit_s=LIMIT_S):
    """Put an observation and, when it has arrived, another one; wait `limit_s` for that, then close."""
    fan_out, workers = FanOut([sink], [], policy, Counters()), Workers()
    frame = Frame(np.zeros((4, 6), np.uint8), 0, 0.0, 0.0, "camera")

    def work():
        for number in (1, 2):
            fan_out.put(frame, make_observation())
            wait_for(lambda: len(sink.items) == number, limit_s=limit_s if number == 2 else LIMIT_S)  # noqa: B023  # called at once

    workers.add("classify", work, ends=[fan_out])
    fan_out.add_workers(workers)
    workers.run(stop=lambda: None, check=lambda: None, check_every_s=0.5)


def test_items_of_a_camera_gather_for_a_patient_sink():
    """An item without news does not wake a patient sink; it arrives at the end of the run."""
    sink = Patient()
    with pytest.raises(AssertionError):
        put_two(sink, Policy.DROP_OLDEST, limit_s=0.1)
    assert len(sink.items) == 3


def test_news_reach_a_patient_sink_at_once():
    """A face that appears, changes its emotion or leaves wakes a patient sink."""
    sink = Patient()
    fan_out, workers = FanOut([sink], [], Policy.DROP_OLDEST, Counters()), Workers()
    frame = Frame(np.zeros((4, 6), np.uint8), 0, 0.0, 0.0, "camera")
    arrived = []

    def work():
        for emotion in ("happy", "happy", "sad", None):
            fan_out.put(frame, make_observation(*[] if emotion is None else [emotion]))
            if len(arrived) != 1:  # the second has no news and arrives with the third
                wait_for(lambda: len(sink.items) == len(arrived) + 1)
            arrived.append(len(sink.items))

    workers.add("classify", work, ends=[fan_out])
    fan_out.add_workers(workers)
    workers.run(stop=lambda: None, check=lambda: None, check_every_s=0.5)
    assert arrived == [1, 1, 3, 4]


def test_no_file_waits_for_a_patient_sink():
    """A patient sink takes every item of a file at once, since the pipeline would wait for it."""
    sink = Patient()
    put_two(sink, Policy.BLOCK)
    assert len(sink.items) == 3


def test_metrics_on_a_port_in_use_are_tried_again(context, caplog):
    """While another program uses the port, the sink's error says so; one line is logged, and one when it is free."""
    pytest.importorskip("prometheus_client", reason="prometheus_client is not installed")
    pytest.importorskip("waitress", reason="waitress is not installed")
    caplog.set_level("INFO")
    squatter = socket.create_server(("127.0.0.1", 0))
    port = squatter.getsockname()[1]
    (guard,) = new_optional_sinks(Settings(metrics=MetricsSettings(enabled=True, port=port)), context).servers
    guard._backoff = Backoff(0.01, 0.01)
    told = []

    def look():
        with squatter:
            wait_for(lambda: guard.faults >= 2)
            told.append(guard.error)
        wait_for(lambda: guard.note)
        told.append(guard.note)

    fan_out, workers = FanOut([], [], Policy.BLOCK, Counters(), servers=[guard]), Workers()
    fan_out.add_workers(workers)
    workers.add("classify", look, ends=[fan_out])
    workers.run(stop=lambda: None, check=lambda: None, check_every_s=0.5)
    line = f"expected port {port} of 127.0.0.1, found: address already in use"
    assert told == [f"{line}: set metrics.port or metrics.address to another", f"http://127.0.0.1:{port}/metrics"]
    messages = [record.message for record in caplog.records if record.name == GUARD]
    assert messages == [f"metrics: {told[0]}; trying again", "metrics: works again"]
