"""The display shows observations and status, dims without a face, is cleared at the end, and recovers from errors."""

import threading

import numpy as np
import pytest
from display_parts import PAGE, make_face
from samples import make_observation, make_status, opened
from waiting import wait_for

from edge.errors import SinkError
from edge.pipeline.fanout import deliver
from edge.records import MinuteCounts
from edge.runtime.queue import BoundedQueue, Policy
from edge.settings.sinks import DisplaySettings
from edge.sinks.display import sink as sink_module
from edge.sinks.display.layout import draw_screen
from edge.sinks.display.screens import FaceOnScreen, FacesScreen, MessageScreen, SharesScreen
from edge.sinks.display.sink import Display
from edge.sinks.supervised import SupervisedSink

SETTINGS = DisplaySettings(device="ssd1306", refresh_hz=30.0, dim_after_s=60.0)
HAPPY = make_face("happy", 0.9, 90)
NO_FACE = MessageScreen("nobody", "no face")
NO_RESPONSE = SinkError("ssd1306 on /dev/i2c-1: expected a response, found none")


class FakePanel:
    """A panel that records the pictures that it shows.

    Attributes:
        fault: raised by each call, if set.
    """

    width, height, colored = 128, 64, False

    def __init__(self):
        self.pictures, self.dimmed, self.closed = [], [], 0
        self.fault = None

    def show(self, picture):
        if self.fault:
            raise self.fault
        self.pictures.append(picture)

    def dim(self, *, dimmed):
        self.dimmed.append(dimmed)

    def close(self):
        self.closed += 1
        if self.fault:
            raise self.fault


class Harness:
    """A display with a fake panel, on a clock that the test moves.

    Attributes:
        now_s: the time of that clock, s.
        status: the status of the run.
    """

    def __init__(self, settings=SETTINGS):
        self.now_s, self.status, self.panel = 1000.0, make_status(), FakePanel()
        self.display = opened(
            Display(
                settings,
                status=lambda: self.status,
                open_display=lambda _settings: self.panel,
                clock=lambda: self.now_s,
            )
        )

    def wait_until_shown(self, screen):
        expected = draw_screen(screen, width=128, height=64, colored=False)
        wait_for(lambda: self.panel.pictures and np.array_equal(self.panel.pictures[-1], expected))

    def wait_until_sent_again(self, *, after_s):
        """Let enough time pass for the unchanged screen to be sent again, and wait for that."""
        before = len(self.panel.pictures)
        self.now_s += after_s
        wait_for(lambda: len(self.panel.pictures) > before)


@pytest.fixture(autouse=True)
def _patient_close(monkeypatch):
    """On a busy machine, closing the display may wait for its thread longer than the sink allows."""
    monkeypatch.setattr(sink_module, "_CLOSE_TIMEOUT_S", 60.0)


@pytest.fixture
def harness():
    harness = Harness()
    yield harness
    harness.display.close()


def test_faces_are_shown_until_they_are_out_of_date(harness):
    """Two seconds after the last observation there is no face."""
    harness.display.write(make_observation(HAPPY))
    harness.wait_until_shown(FacesScreen((FaceOnScreen("happy", 0.9),)))
    harness.now_s += 2.5
    harness.wait_until_shown(NO_FACE)


def test_the_status_is_shown_while_no_frame_arrives(harness):
    """A lost camera and the address of the live page appear without an observation."""
    harness.status = make_status(state="camera lost", camera_error="gone")
    harness.now_s += 1
    harness.wait_until_shown(MessageScreen("camera lost", "camera lost", "gone"))
    harness.status = make_status(sinks=[PAGE])
    harness.now_s += 1
    harness.wait_until_shown(MessageScreen("nobody", "no face", footer="192.168.1.20:8080"))


def test_counts_of_a_minute_are_shown_until_the_next_ones(harness):
    """Counts are not out of date after two seconds, since the next ones arrive after a minute."""
    harness.display.write(make_observation(counts=MinuteCounts(60.0, 9, 9, 1, {"sad": 9})))
    harness.wait_until_shown(SharesScreen((("sad", 1.0),)))
    harness.wait_until_sent_again(after_s=70)
    harness.wait_until_shown(SharesScreen((("sad", 1.0),)))


def test_an_unchanged_screen_is_sent_again_after_five_seconds(harness):
    """The bus is idle in between; sending again detects an unplugged display."""
    harness.wait_until_shown(NO_FACE)
    count = len(harness.panel.pictures)
    reads = []
    harness.display._status = lambda: reads.append(1) or harness.status
    for seconds in range(4):
        harness.now_s += 1.0
        wait_for(lambda before=seconds: len(reads) > before)
    assert len(harness.panel.pictures) == count
    harness.now_s += 1.5
    wait_for(lambda: len(harness.panel.pictures) == count + 1)


def test_a_display_is_dimmed_without_a_face(harness):
    """After a minute without a face it is dimmed, and the next face restores its brightness."""
    harness.wait_until_shown(NO_FACE)
    harness.wait_until_sent_again(after_s=59)
    assert harness.panel.dimmed == []
    harness.now_s += 1
    wait_for(lambda: harness.panel.dimmed == [True])
    harness.display.write(make_observation(HAPPY))
    wait_for(lambda: harness.panel.dimmed == [True, False])
    harness.wait_until_shown(FacesScreen((FaceOnScreen("happy", 0.9),)))


def test_a_display_without_a_dimming_time_is_never_dimmed():
    """With `dim_after_s = 0` it stays bright for days without a face."""
    harness = Harness(DisplaySettings(device="ssd1306", refresh_hz=30.0, dim_after_s=0.0))
    harness.wait_until_shown(NO_FACE)
    harness.wait_until_sent_again(after_s=1e6)
    assert harness.panel.dimmed == []
    harness.display.close()


def test_closing_the_sink_closes_the_panel():
    """The panel clears itself when it is closed."""
    harness = Harness()
    harness.display.close()
    assert harness.panel.closed == 1


def test_the_note_has_controller_and_size(harness):
    """The status shows which display is in use."""
    assert harness.display.note == "ssd1306, 128x64"


def test_a_failure_is_raised_by_the_next_write_only():
    """Closing a display that has failed raises nothing, though it cannot be cleared."""
    harness = Harness()
    harness.panel.fault = NO_RESPONSE
    harness.now_s += 10  # an unchanged screen would not be sent
    wait_for(lambda: harness.display._fault is not None)
    with pytest.raises(SinkError, match="expected a response"):
        harness.display.write(make_observation(HAPPY))
    harness.display.close()
    assert harness.panel.closed == 1


def test_a_bus_that_hangs_does_not_block_closing(monkeypatch):
    """The panel, which would hang as well, is not closed."""
    monkeypatch.setattr(sink_module, "_CLOSE_TIMEOUT_S", 0.01)
    harness = Harness()
    hangs, released = threading.Event(), threading.Event()

    def hang(_picture):
        hangs.set()
        released.wait()

    harness.panel.show = hang
    harness.display.write(make_observation(HAPPY))
    assert hangs.wait(60)
    harness.display.close()
    assert harness.panel.closed == 0
    released.set()


def test_a_bus_that_hangs_is_reported(harness, caplog):
    """A call that does not return raises nothing: after five seconds the display has an error, which is logged once."""
    hangs, released = threading.Event(), threading.Event()

    def hang(_picture):
        hangs.set()
        released.wait()

    harness.wait_until_shown(NO_FACE)
    harness.panel.show = hang
    harness.display.write(make_observation(HAPPY))
    assert hangs.wait(60)
    harness.display.poll()
    assert (harness.display.error, caplog.text) == ("", "")
    harness.now_s += 6.0
    for _ in range(3):
        harness.display.poll()
    assert harness.display.error == "no response from ssd1306 for 6 s: check its wiring"
    assert [record.getMessage() for record in caplog.records] == [
        "display: no response from ssd1306 for 6 s: check its wiring; the run goes on"
    ]
    released.set()
    wait_for(lambda: harness.display.error == "")


def test_an_unplugged_display_is_opened_again(caplog):
    """The supervisor reports the failure and opens the display again while no frame arrives."""
    panels = []

    def open_display(_settings):
        panels.append(FakePanel())
        return panels[-1]

    def new_sink():
        return Display(SETTINGS, status=make_status, open_display=open_display)

    supervised = SupervisedSink("display", new_sink, first_wait_s=0.01)
    queue = BoundedQueue(Policy.DROP_OLDEST)
    thread = threading.Thread(target=deliver, args=(supervised, queue), daemon=True)
    thread.start()
    wait_for(lambda: panels and panels[0].pictures)
    assert supervised.note == "ssd1306, 128x64"
    panels[0].fault = NO_RESPONSE
    queue.put(make_observation(HAPPY))
    wait_for(lambda: len(panels) == 2 and panels[1].pictures)
    queue.close()
    thread.join(60)
    assert supervised.faults == 1
    assert "display: ssd1306 on /dev/i2c-1: expected a response, found none; trying again" in caplog.text
    assert panels[1].closed == 1


def test_a_display_is_closed_if_its_thread_cannot_start(monkeypatch):
    """The next try to open the sink then finds the bus free."""

    def raise_no_thread(_thread):
        raise RuntimeError("can't start new thread")

    panel = FakePanel()
    display = Display(SETTINGS, status=make_status, open_display=lambda _settings: panel)
    monkeypatch.setattr(threading.Thread, "start", raise_no_thread)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        display.open()
    assert panel.closed == 1
