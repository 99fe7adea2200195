"""What is asked for is opened beside the pipeline, and nothing else is."""

import socket
import threading

import numpy as np
import pytest

from edge.extras import Surroundings, open_extras
from edge.manifest import read_manifest
from edge.meters import Meters
from edge.outlets import Outlets
from edge.records import Box, Frame, Observation, Reading
from edge.runtime.crew import Crew
from edge.runtime.guard import Guard
from edge.runtime.handover import HandOver, Policy
from edge.settings import Settings
from edge.shipped import SHIPPED_MODEL
from edge.sink_settings import DisplaySettings, MetricsSettings

GUARD = "edge.runtime.guard"


@pytest.fixture
def surroundings():
    def status():
        raise AssertionError("nobody asks")

    model = read_manifest(SHIPPED_MODEL.with_suffix(".json"))
    return Surroundings(status, Meters(), model, model.labels)


def test_by_default_nothing_is_opened(surroundings):
    """The log is all there is."""
    extras = open_extras(Settings(), surroundings)
    assert (extras.sinks, extras.viewers, extras.servers) == ([], [], [])


def test_a_display_is_given_what_is_said_and_no_picture(surroundings):
    """It is opened by its guard; where its bus is missing that is one line, and the run goes on."""
    (guard,) = open_extras(Settings(display=DisplaySettings(device="ssd1306", i2c_port=250)), surroundings).sinks
    inbox = HandOver[Observation](Policy.NEWEST_WINS)
    thread = threading.Thread(target=guard.deliver, args=(inbox,), daemon=True)
    thread.start()
    wait_for(lambda: guard.error)
    inbox.close()
    thread.join(5)
    assert guard.name == "display"
    assert guard.error == "expected the display's bus /dev/i2c-250, found none: sudo raspi-config nonint do_i2c 0"


class Clock:
    """A server that is opened by its guard, and given nothing."""

    error = note = ""

    def __init__(self, opened, closed):
        self._closed = closed
        opened.set()

    def write(self, item):
        raise AssertionError(item)

    def close(self):
        self._closed.set()


def test_a_server_is_opened_without_a_frame_and_ends_with_the_run():
    """No frame wakes its thread, so that it costs nothing until somebody asks."""
    opened, closed, crew = threading.Event(), threading.Event(), Crew()
    server = Guard("clock", lambda: Clock(opened, closed))
    outlets = Outlets([], [], Policy.BLOCKING, Meters(), servers=[server])
    outlets.enlist(crew)
    crew.add("name", lambda: opened.wait(5), ends=[outlets])
    crew.run(stop=lambda: None, check=lambda: None, check_every_s=0.5)
    assert opened.is_set()
    assert closed.is_set()


class Patient:
    """A sink that need not be woken for each item, for as long as a test may last."""

    name = "log"
    patience_s = 1000

    def __init__(self):
        self.items = []

    def write(self, item):
        self.items.append(item)

    def close(self):
        self.items.append("closed")


def put_two(sink, policy):
    """Put an observation, and another when the first has arrived; wait for that one for a moment, then close."""
    outlets, crew = Outlets([sink], [], policy, Meters()), Crew()
    frame = Frame(np.zeros((4, 6), np.uint8), 0, 0.0, 0.0, "camera")

    def work():
        for number in (1, 2):
            outlets.put(frame, Observation(0, "camera", 0.0, 0.0, (), ()))
            wait_for(lambda: len(sink.items) == number, limit=20 if number == 2 else 1000)  # noqa: B023  # at once

    crew.add("name", work, ends=[outlets])
    outlets.enlist(crew)
    crew.run(stop=lambda: None, check=lambda: None, check_every_s=0.5)


def test_a_patient_sink_gathers_what_a_camera_gives():
    """A thread is woken less, which costs more than most sinks do; nothing is lost at the end."""
    sink = Patient()
    with pytest.raises(AssertionError):
        put_two(sink, Policy.NEWEST_WINS)
    assert len(sink.items) == 3


def test_a_patient_sink_has_at_once_what_is_new():
    """A face that appears, is called something else, or leaves, is not kept waiting."""
    sink = Patient()
    outlets, crew = Outlets([sink], [], Policy.NEWEST_WINS, Meters()), Crew()
    frame = Frame(np.zeros((4, 6), np.uint8), 0, 0.0, 0.0, "camera")
    arrived = []

    def work():
        for emotion in ("happy", "happy", "sad", None):
            said = [] if emotion is None else [Reading(1, Box(0, 0, 2, 2), emotion, 0.8, {}, 0, 0.0, 0.0)]
            outlets.put(frame, Observation(0, "camera", 0.0, 0.0, tuple(said), (1,) if said else ()))
            if len(arrived) != 1:  # the second says nothing new: it comes with the third
                wait_for(lambda: len(sink.items) == len(arrived) + 1)
            arrived.append(len(sink.items))

    crew.add("name", work, ends=[outlets])
    outlets.enlist(crew)
    crew.run(stop=lambda: None, check=lambda: None, check_every_s=0.5)
    assert arrived == [1, 1, 3, 4]


def test_no_file_waits_for_a_patient_sink():
    """Its frames are handed over as fast as may be."""
    sink = Patient()
    put_two(sink, Policy.BLOCKING)
    assert len(sink.items) == 3


def test_figures_on_a_port_in_use_are_tried_again(surroundings, caplog):
    """One line, while somebody else has it; as soon as it is free it is taken."""
    pytest.importorskip("prometheus_client", reason="prometheus_client is not installed")
    pytest.importorskip("waitress", reason="waitress is not installed")
    caplog.set_level("INFO")
    squatter = socket.create_server(("127.0.0.1", 0))
    port = squatter.getsockname()[1]
    (guard,) = open_extras(Settings(metrics=MetricsSettings(enabled=True, port=port)), surroundings).servers
    guard._first_wait_s = guard._wait_s = 0.01
    told = []

    def look():
        with squatter:
            wait_for(lambda: guard.faults >= 2)
            told.append(guard.error)
        wait_for(lambda: guard.note)
        told.append(guard.note)

    outlets, crew = Outlets([], [], Policy.BLOCKING, Meters(), servers=[guard]), Crew()
    outlets.enlist(crew)
    crew.add("name", look, ends=[outlets])
    crew.run(stop=lambda: None, check=lambda: None, check_every_s=0.5)
    line = f"expected port {port} of 127.0.0.1, found: address already in use"
    assert told == [f"{line}: set metrics.port or metrics.address to another", f"http://127.0.0.1:{port}/metrics"]
    messages = [record.message for record in caplog.records if record.name == GUARD]
    assert messages == [f"metrics: {told[0]}; trying again", "metrics: works again"]


def wait_for(condition, *, limit=1000):
    for _ in range(limit):
        if condition():
            return
        threading.Event().wait(0.005)
    raise AssertionError("it never came true")
