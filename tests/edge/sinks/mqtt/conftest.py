"""What the tests of the MQTT sink share."""

from contextlib import ExitStack

import msgspec
import pytest
from mosquitto import MOSQUITTO, Listener, Mosquitto

from edge.records import Box, Observation, Reading
from edge.sink_settings import MqttSettings
from edge.status import Status

LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


@pytest.fixture
def undo():
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def new_broker(tmp_path, undo):
    """Start a Mosquitto with these lines in its configuration."""
    if MOSQUITTO is None:
        pytest.skip("mosquitto is not installed: make setup-system")

    def start(*lines):
        broker = Mosquitto(tmp_path, *lines)
        undo.callback(broker.close)
        return broker.start()

    return start


@pytest.fixture
def broker(new_broker):
    return new_broker()


@pytest.fixture
def listen(undo):
    """Listen to a broker."""

    def listen(broker, **options):
        listener = Listener(broker.port, **options)
        undo.callback(listener.close)
        return listener

    return listen


@pytest.fixture
def new_settings(tmp_path):
    """Settings for a broker here, with the queue in the test's folder."""

    def new(broker=None, **values):
        values = {"host": "127.0.0.1", "device_id": "pi", "queue": str(tmp_path / "queue.sqlite3")} | values
        return MqttSettings(port=broker.port if broker else values.pop("port", 0), **values)

    return new


class World:
    """What the sink is told of the run. status: may be exchanged."""

    def __init__(self):
        self.status = Status(
            version="1.0.0",
            pid=1,
            state="running",
            since="2026-11-20T10:00:00Z",
            uptime_s=60.0,
            source="a camera",
            frames=100,
            fps=12.5,
            latency_ms_p50=5.0,
            latency_ms_p95=9.0,
            faces=1,
            dropped=0,
            undelivered=0,
            reopens=0,
            log="readings.jsonl",
            log_dropped=0,
            temperature_c=51.5,
            throttled=[],
            core_v=None,
        )

    def change(self, **values):
        self.status = msgspec.structs.replace(self.status, **values)


@pytest.fixture
def world():
    return World()


@pytest.fixture
def open_sink(undo, world):
    """Open a sink."""

    def open_sink(settings, **environment):
        from edge.sinks.mqtt.sink import MqttSink  # noqa: PLC0415  # the module skips where paho-mqtt is missing

        sink = MqttSink(settings, labels=LABELS, status=lambda: world.status, environment=environment)
        undo.callback(lambda: sink._link._stop.is_set() or sink.close())
        return sink

    return open_sink


def seen(index, *emotions):
    """What is said of a frame with a face for each of these, numbered from 1."""
    readings = tuple(
        Reading(
            track_id=number,
            box=Box(10, 10, 50, 50),
            emotion=emotion,
            confidence=0.8,
            probabilities=dict.fromkeys(LABELS, 1 / 7),
            frame_index=index,
            captured_at=index / 10,
            latency_s=0.01,
        )
        for number, emotion in enumerate(emotions, 1)
    )
    return Observation(index, "a camera", index / 10, index / 10, readings, tuple(range(1, 1 + len(emotions))))


@pytest.fixture(name="seen")
def _seen():
    return seen
