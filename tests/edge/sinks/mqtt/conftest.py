"""What the tests of the MQTT sink share."""

from contextlib import ExitStack

import pytest
from device import LABELS, World, seen
from mosquitto import MOSQUITTO, Listener, Mosquitto

from edge.sink_settings import MqttSettings


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
def lasting_broker(new_broker, tmp_path):
    """A broker that keeps what a listener has not had yet, while itself or the listener is away."""
    folder = tmp_path / "broker"
    folder.mkdir()
    return new_broker("persistence true", f"persistence_location {folder}/", "max_queued_messages 0")


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


@pytest.fixture
def world():
    return World()


@pytest.fixture
def open_sink(undo, world):
    """Open a sink."""

    def open_sink(settings, *, clock_set=True, **environment):
        from edge.sinks.mqtt.sink import MqttSink  # noqa: PLC0415  # the module skips where paho-mqtt is missing

        sink = MqttSink(
            settings,
            labels=LABELS,
            status=lambda: world.status,
            environment=environment,
            is_clock_set=lambda: clock_set,
        )
        undo.callback(lambda: sink._link._stop.is_set() or sink.close())
        return sink

    return open_sink


@pytest.fixture(name="seen")
def _seen():
    return seen
