"""Fixtures for tests of the MQTT sink against a real broker."""

from contextlib import ExitStack

import pytest
from device import LABELS
from mosquitto import MOSQUITTO, Listener, Mosquitto
from samples import make_status, opened

from edge.settings.sinks import MqttSettings


class RunStatus:
    """The status that a sink reads; a test may change it meanwhile."""

    def __init__(self):
        self.value = make_status(faces=1, fps=12.5, temperature_c=51.5)

    def __call__(self):
        return self.value

    def change(self, **values):
        self.value = make_status(**values)


@pytest.fixture
def undo():
    """A stack of callbacks that are called after the test."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def new_broker(tmp_path, undo):
    """Return a function that starts a Mosquitto with the given lines in its configuration."""
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
    """A broker that keeps undelivered messages on disk while it or the subscriber is away."""
    folder = tmp_path / "broker"
    folder.mkdir()
    return new_broker("persistence true", f"persistence_location {folder}/", "max_queued_messages 0")


@pytest.fixture
def listen(undo):
    """Return a function that subscribes a listener at a broker."""

    def listen(broker, **options):
        listener = Listener(broker.port, **options)
        undo.callback(listener.close)
        return listener

    return listen


@pytest.fixture
def new_settings(tmp_path):
    """Return a function that makes settings for a broker of this machine, with the queue in the test's folder."""

    def new(broker=None, **values):
        values = {"host": "127.0.0.1", "device_id": "pi", "queue": str(tmp_path / "queue.sqlite3")} | values
        return MqttSettings(port=broker.port if broker else values.pop("port", 0), **values)

    return new


@pytest.fixture
def run_status():
    return RunStatus()


@pytest.fixture
def open_sink(undo, run_status):
    """Return a function that opens a sink; it is closed after the test unless the test has closed it."""

    def open_sink(
        settings, *, clock_set=True, labels=LABELS, counts_only=False, page_url="", attributes=None, **environment
    ):
        from edge.sinks.mqtt.sink import MqttSink  # noqa: PLC0415  # needs paho; without it the test modules are skipped

        sink = opened(
            MqttSink(
                settings,
                labels=labels,
                status=run_status,
                counts_only=counts_only,
                page_url=page_url,
                attributes=attributes or {},
                environment=environment,
                is_clock_set=lambda: clock_set,
            )
        )
        undo.callback(lambda: sink._publisher._stop.is_set() or sink.close())
        return sink

    return open_sink
