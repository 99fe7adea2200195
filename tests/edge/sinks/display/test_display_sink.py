"""A display is up to date, dimmed while nobody is there, cleared at the end, and its faults are told."""

import threading

import numpy as np
import pytest
from said import PAGE, observation, status

from edge.errors import SinkError
from edge.records import Counts
from edge.runtime.guard import Guard
from edge.runtime.handover import HandOver, Policy
from edge.sink_settings import DisplaySettings
from edge.sinks.display import sink as sink_module
from edge.sinks.display.screens import Faces, Notice, Shares, ShownFace, draw_screen
from edge.sinks.display.sink import Display

SETTINGS = DisplaySettings(device="ssd1306", refresh_hz=30.0, dim_after_s=60.0)
HAPPY = ("happy", 0.9, 90)


class Glass:
    """A panel that keeps what it was shown."""

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


class House:
    """A display with a clock that is set by hand."""

    def __init__(self, settings=SETTINGS):
        self.now_s, self.status, self.glass = 1000.0, status(), Glass()
        self.display = Display(
            settings, status=lambda: self.status, open_display=lambda _settings: self.glass, clock=lambda: self.now_s
        )

    def shows(self, screen):
        expected = draw_screen(screen, width=128, height=64, colored=False)
        wait_for(lambda: self.glass.pictures and np.array_equal(self.glass.pictures[-1], expected))

    def draws_again(self):
        before = len(self.glass.pictures)
        wait_for(lambda: len(self.glass.pictures) > before)


def wait_for(condition):
    for _ in range(1000):
        if condition():
            return
        threading.Event().wait(0.005)
    raise AssertionError("it never came true")


@pytest.fixture
def house():
    house = House()
    yield house
    house.display.close()


def test_it_shows_the_newest_faces_until_they_are_out_of_date(house):
    """Two seconds without a word, and nobody is there."""
    house.display.write(observation(HAPPY))
    house.shows(Faces((ShownFace("happy", 0.9),)))
    house.now_s += 2.5
    house.shows(Notice("nobody", "no face"))


def test_it_shows_the_state_while_no_frame_comes(house):
    """A camera that is lost, and where the page is."""
    house.status = status(state="camera lost", camera_error="gone")
    house.now_s += 1
    house.shows(Notice("camera lost", "camera lost", "gone"))
    house.status = status(sinks=[PAGE])
    house.now_s += 1
    house.shows(Notice("nobody", "no face", foot="192.168.1.20:8080"))


def test_a_minutes_counts_stay_for_longer(house):
    """The next ones come after a minute."""
    house.display.write(observation(counts=Counts(60.0, 9, 9, 1, {"sad": 9})))
    house.shows(Shares((("sad", 1.0),)))
    house.now_s += 70
    house.draws_again()
    house.shows(Shares((("sad", 1.0),)))


def test_what_has_not_changed_is_not_drawn_again_but_sent_now_and_then(house):
    """The bus is left alone; every five seconds an unplugged display is noticed all the same."""
    house.shows(Notice("nobody", "no face"))
    count = len(house.glass.pictures)
    asked = []
    house.display._status = lambda: asked.append(1) or house.status
    for asks in range(4):
        house.now_s += 1.0
        wait_for(lambda before=asks: len(asked) > before)
    assert len(house.glass.pictures) == count
    house.now_s += 1.5
    wait_for(lambda: len(house.glass.pictures) == count + 1)


def test_without_a_face_it_is_dimmed_after_a_while(house):
    """And bright again with the next one."""
    house.shows(Notice("nobody", "no face"))
    house.now_s += 59
    house.draws_again()
    assert house.glass.dimmed == []
    house.now_s += 1
    wait_for(lambda: house.glass.dimmed == [True])
    house.display.write(observation(HAPPY))
    wait_for(lambda: house.glass.dimmed == [True, False])
    house.shows(Faces((ShownFace("happy", 0.9),)))


def test_zero_never_dims():
    house = House(DisplaySettings(device="ssd1306", refresh_hz=30.0, dim_after_s=0.0))
    house.now_s += 1e6
    house.draws_again()
    assert house.glass.dimmed == []
    house.display.close()


def test_at_the_end_it_is_cleared():
    house = House()
    house.display.close()
    assert house.glass.closed == 1


def test_its_note_says_what_it_is(house):
    assert house.display.note == "ssd1306, 128x64"


def test_a_fault_is_raised_by_the_next_write_and_closing_says_nothing_more():
    """The bus is broken already: that it cannot be cleared is no news."""
    house = House()
    house.glass.fault = SinkError("ssd1306: no answer")
    wait_for(lambda: house.display.fault is not None)
    with pytest.raises(SinkError, match="no answer"):
        house.display.write(observation(HAPPY))
    house.display.close()
    assert house.glass.closed == 1


def test_a_bus_that_hangs_does_not_keep_the_run_from_ending(monkeypatch):
    """Threads have less than a second; what cannot be cleared stays lit."""
    monkeypatch.setattr(sink_module, "_END_S", 0.01)
    house = House()
    released = threading.Event()
    house.glass.show = lambda _picture: released.wait()
    house.display.write(observation(HAPPY))
    threading.Event().wait(0.1)
    house.display.close()
    assert house.glass.closed == 0
    released.set()


def test_an_unplugged_display_is_opened_again_and_told(caplog):
    """Behind its guard, while no frame comes: from the fault to the picture on a new one."""
    glasses = []

    def open_display(_settings):
        glasses.append(Glass())
        return glasses[-1]

    def open_consumer():
        return Display(SETTINGS, status=status, open_display=open_display)

    guard = Guard("display", open_consumer, first_wait_s=0.01)
    inbox = HandOver(Policy.NEWEST_WINS)
    thread = threading.Thread(target=guard.deliver, args=(inbox,), daemon=True)
    thread.start()
    wait_for(lambda: glasses and glasses[0].pictures)
    assert guard.note == "ssd1306, 128x64"
    glasses[0].fault = SinkError("ssd1306 on /dev/i2c-1: expected an answer, found none")
    inbox.put(observation(HAPPY))
    wait_for(lambda: len(glasses) == 2 and glasses[1].pictures)
    inbox.close()
    thread.join(5)
    assert guard.faults == 1
    assert "display: ssd1306 on /dev/i2c-1: expected an answer, found none; trying again" in caplog.text
    assert glasses[1].closed == 1
