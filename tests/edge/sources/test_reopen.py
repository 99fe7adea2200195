"""A camera that is absent, unplugged or broken is opened again with back-off, up to a limit per process."""

import logging
import threading
import time

import cv2
import numpy as np
import pytest
from waiting import wait_for

from edge.device.run_clock import RunClock
from edge.errors import CameraAbsentError, CameraError, ConfigError
from edge.records import Frame
from edge.scenes.catalogue import make_scene
from edge.sources import reopen
from edge.sources.reopen import (
    CLOSE_TIMEOUT_S,
    GRACE_S,
    LOOK_EVERY_S,
    MAX_HUNG,
    MAX_REOPENS,
    ReopeningSource,
    Replaced,
)
from edge.sources.scene import SceneSource

STALL_TIMEOUT_S = 10.0
LONG_S = 600.0


class Camera(SceneSource):
    """A drawn scene of ten frames that fails at `fail_at` and records whether it was closed."""

    def __init__(self, *, fail_at=None):
        super().__init__(make_scene("empty", width=64, height=64, duration_s=1 / 3), live=False, fail_at=fail_at)
        self.closed = threading.Event()

    def close(self):
        self.closed.set()
        super().close()


class NoWait:
    """An event that records the requested waits instead of waiting, and is set after `limit` of them."""

    def __init__(self, waits=None, *, limit=None):
        self._waits = [] if waits is None else waits
        self._limit = limit

    def is_set(self):
        return len(self._waits) == self._limit

    def wait(self, seconds):
        self._waits.append(seconds)


def absent():
    raise CameraAbsentError("expected a camera, found none")


def busy():
    raise CameraError("another program has it")


AT_ONCE = {"first_wait_s": 0.001, "look_every_s": 0.001}


def source_of(*attempts, **options):
    """Return a source whose attempts open the given cameras or call the given functions, and the opened cameras."""
    pending, opened = list(attempts), []

    def open_camera():
        attempt = pending.pop(0)
        camera = attempt if isinstance(attempt, Camera) else attempt()
        opened.append(camera)
        return camera

    return ReopeningSource(open_camera, name="auto", stall_timeout_s=STALL_TIMEOUT_S, **options), opened


def test_a_failed_camera_is_opened_again_and_the_index_counts_on(read_all):
    """Three frames of the first camera and ten of the second have consecutive indices, and the first is closed."""
    source, opened = source_of(Camera(fail_at=3), Camera(), **AT_ONCE)
    assert [frame.index for frame in read_all(source)] == list(range(13))
    assert source.state.reopens == 1
    assert source.state.error == ""
    assert opened[0].closed.is_set()


def test_a_camera_may_be_absent_at_the_start():
    """The constructor does not open the camera, and absences do not count as reopens, since no driver was opened."""
    source, _ = source_of(absent, absent, Camera(), **AT_ONCE)
    assert (source.name, source.live, source.is_still_images) == ("auto", True, False)
    assert source.read().index == 0
    assert source.name == "scene:empty"
    assert source.state.reopens == 0


def test_the_state_has_the_error_and_the_time_of_the_next_attempt(in_thread):
    """During the back-off the state gives the reason and the retry time, and expects no frame before it."""
    source, _ = source_of(busy, Camera(), first_wait_s=LONG_S)
    reader = in_thread(source.read)
    wait_for(lambda: source.state.error)
    state, now_s = source.state, time.monotonic()
    assert state.error == "another program has it"
    assert 0 < state.retry_at_s - now_s <= LONG_S
    source.close()
    assert reader() is None


def test_the_back_off_doubles_up_to_a_limit_and_restarts_after_steady_work(monkeypatch, read_all):
    """Waits double while attempts fail or work only briefly; they restart after `STEADY_S` of uninterrupted work."""
    monkeypatch.setattr(reopen, "LONGEST_WAIT_S", 10.0)
    waits = []
    clock = RunClock(steady_after_five(waits))
    source, _ = source_of(busy, busy, busy, Camera(fail_at=1), busy, Camera(fail_at=1), busy, clock=clock)
    monkeypatch.setattr(source, "_closed", NoWait(waits, limit=7))
    read_all(source)
    assert waits == [1.0, 2.0, 4.0, 8.0, 10.0, 1.0, 2.0]


def steady_after_five(waits):
    """Return a clock that stands still for five waits, and then advances by more than `STEADY_S` with each call."""
    seconds = [0.0]

    def monotonic():
        seconds[0] += 2 * reopen.STEADY_S if len(waits) >= 5 else 0.0
        return seconds[0]

    return monotonic


def test_an_absent_camera_is_looked_for_every_two_seconds(monkeypatch, read_all):
    """However long a camera was away, its return is noticed within `LOOK_EVERY_S`: such waits do not grow."""
    source, _ = source_of(*[absent] * 50)
    waits = []
    monkeypatch.setattr(source, "_closed", NoWait(waits, limit=50))
    read_all(source)
    assert set(waits) == {LOOK_EVERY_S}
    assert LOOK_EVERY_S <= 2.0


def test_after_too_many_reopens_the_error_is_raised(monkeypatch, read_all):
    """Drivers leak, so after `MAX_REOPENS` the camera's error ends the process, with the number of attempts."""
    source, opened = source_of(*(Camera(fail_at=0) for _ in range(MAX_REOPENS + 1)))
    monkeypatch.setattr(source, "_closed", NoWait())
    with pytest.raises(CameraError, match=rf"simulated failure \(tried {MAX_REOPENS} times"):
        read_all(source)
    assert len(opened) == MAX_REOPENS + 1
    assert all(camera.closed.is_set() for camera in opened)


def test_an_absent_camera_is_waited_for_without_limit(monkeypatch):
    """Absences never end the process: no driver was opened, and a new process would not find the camera either."""
    source, _ = source_of(*([absent] * (3 * MAX_REOPENS)), Camera())
    monkeypatch.setattr(source, "_closed", NoWait())
    assert source.read().index == 0


def test_a_repeated_reason_is_logged_once(caplog):
    """Each new reason is one warning and the return one info line, so that a long absence does not fill the journal."""
    caplog.set_level(logging.INFO)
    source, _ = source_of(absent, absent, absent, busy, Camera(), **AT_ONCE)
    source.read()
    source.read()
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "expected a camera, found none; trying again"),
        ("WARNING", "another program has it; trying again"),
        ("INFO", "scene:empty: the camera is back"),
    ]


def test_close_ends_the_back_off(in_thread):
    """Closing from another thread ends a read that waits for the next attempt; closing twice is allowed."""
    source, _ = source_of(absent, look_every_s=LONG_S)
    reader = in_thread(source.read)
    wait_for(lambda: source.state.error)
    source.close()
    source.close()
    assert reader() is None
    assert source.read() is None


def test_a_camera_that_opens_after_close_is_closed(in_thread):
    """If `close` comes while the driver is still opening the camera, the camera is closed as soon as it is open."""
    opening, proceed, camera = threading.Event(), threading.Event(), Camera()

    def open_slowly():
        opening.set()
        assert proceed.wait(60)
        return camera

    source = ReopeningSource(open_slowly, name="auto", stall_timeout_s=STALL_TIMEOUT_S)
    reader = in_thread(source.read)
    assert opening.wait(60)
    source.close()
    proceed.set()
    assert reader() is None
    assert camera.closed.is_set()


def test_close_closes_the_camera():
    """After `close`, `read` returns None although the camera still has frames."""
    source, opened = source_of(Camera())
    source.read()
    source.close()
    assert opened[0].closed.is_set()
    assert source.read() is None


def test_a_wrong_setting_is_raised():
    """A setting that cannot be used will not become right by trying again."""

    def wrong():
        raise ConfigError("no such scene")

    source, _ = source_of(wrong)
    with pytest.raises(ConfigError):
        source.read()


FOREIGN = [ValueError, cv2.error, OSError, MemoryError, RuntimeError, KeyError, SystemError, RecursionError]


@pytest.mark.parametrize("kind", FOREIGN)
@pytest.mark.parametrize("place", ["open", "read", "close"])
def test_whatever_a_driver_raises_the_camera_is_opened_again(kind, place, read_all, caplog):
    """Drivers and the libraries between raise what they like: each error is named and leads to another attempt."""

    class Foreign(Camera):
        def read(self):
            raise kind("the driver failed") if place == "read" else CameraError("gone")

        def close(self):
            super().close()
            if place == "close":
                raise kind("the driver failed")

    def fail():
        raise kind("the driver failed")

    source, _ = source_of(fail if place == "open" else Foreign(), Camera(), **AT_ONCE)
    assert len(read_all(source)) == 10
    assert source.state.reopens == 1
    assert "the driver failed" in caplog.text
    if place != "close":
        assert kind.__name__ in caplog.text


PICTURE = np.zeros((48, 64), np.uint8)


class Odd(Camera):
    """A camera that gives the arrays of a list as its pictures."""

    def __init__(self, *pictures):
        super().__init__()
        self._pictures = list(pictures)

    def read(self):
        return Frame(self._pictures.pop(0), 0, 0.0, 0.0, "odd") if self._pictures else None


@pytest.mark.parametrize("shape", [(0, 0), (0, 640), (10, 3000), (480,), (48, 64, 3)])
def test_what_is_no_picture_is_left_out_with_a_count(shape, read_all, caplog):
    """Empty, misshapen and tiny frames are left out and counted; the camera is not opened again for one of them."""
    source, opened = source_of(Odd(PICTURE, np.zeros(shape, np.uint8), PICTURE))
    assert len(read_all(source)) == 2
    assert len(opened) == 1
    assert "left out (1 so far)" in caplog.text


def test_a_camera_that_gives_no_pictures_at_all_is_opened_again(read_all):
    """If nothing else comes for `stall_timeout_s`, the camera has failed."""
    seconds = [0.0]

    class Empty(Odd):
        def read(self):
            seconds[0] += 1.0
            return Frame(PICTURE[:0], 0, 0.0, 0.0, "odd")

    source, _ = source_of(Empty(), Camera(), clock=RunClock(lambda: seconds[0]), **AT_ONCE)
    assert len(read_all(source)) == 10
    assert seconds[0] == pytest.approx(STALL_TIMEOUT_S + 2, abs=1.0)


def test_frames_tell_how_often_the_camera_was_opened():
    """After a reopen nothing is known about the time between: the frames of each opening have their own number."""
    source, _ = source_of(Camera(fail_at=2), Camera(fail_at=1), Camera(fail_at=1), busy, **AT_ONCE)
    frames = []
    while len(frames) < 4:
        frames.append(source.read())
    assert [frame.opening for frame in frames] == [0, 0, 1, 2]


class HungCamera(Camera):
    """A camera whose `read` or `close` blocks until `release` is set; it records how often it was closed."""

    def __init__(self, place="read"):
        super().__init__()
        self.release, self.entered, self.closes = threading.Event(), threading.Event(), 0
        self._place = place

    def _hang(self, place):
        if place == self._place:
            self.entered.set()
            assert self.release.wait(60)

    def read(self):
        self._hang("read")
        raise CameraError("gone")

    def close(self):
        self.closes += 1
        self._hang("close")
        super().close()


@pytest.fixture
def seconds():
    """The system's monotonic clock as a list of one value, s; a pause of the process is not simulated."""
    return [1000.0]


@pytest.fixture
def clock(seconds, monkeypatch):
    monkeypatch.setattr("edge.device.run_clock.LONGEST_STEP_S", LONG_S)
    return RunClock(lambda: seconds[0])


@pytest.mark.parametrize(("place", "limit_s"), [("read", STALL_TIMEOUT_S + GRACE_S), ("close", CLOSE_TIMEOUT_S)])
def test_a_driver_that_hangs_is_abandoned_with_its_thread(in_thread, seconds, clock, place, limit_s):
    """After the limit, and not before, another thread may read, and opens the camera again; the old thread ends."""
    hung = HungCamera(place)
    source, opened = source_of(hung, Camera(), clock=clock, **AT_ONCE)
    first = in_thread(source.read)
    assert hung.entered.wait(60)
    seconds[0] += limit_s - 0.1
    assert not source.is_hung()
    seconds[0] += 0.2 + max(0.0, STALL_TIMEOUT_S - CLOSE_TIMEOUT_S) * (place == "close")
    assert source.is_hung()
    assert not source.is_hung()  # said once
    assert "the driver may hang" in source.state.error
    frame = source.read()
    assert (frame.index, frame.opening) == (0, 1)
    assert (source.state.error, source.state.reopens) == ("", 1)
    hung.release.set()
    with pytest.raises(Replaced):
        first()
    assert hung.closes == 1
    assert not opened[1].closed.is_set()


def test_an_opening_that_takes_long_is_named_first_and_abandoned_later(in_thread, seconds, clock):
    """After `stall_timeout_s` the state names the opening, and after `open_timeout_s` it is abandoned."""
    proceed, opening, late = threading.Event(), threading.Event(), Camera()

    def open_slowly():
        opening.set()
        assert proceed.wait(60)
        return late

    source, _ = source_of(open_slowly, Camera(), clock=clock, open_timeout_s=3 * STALL_TIMEOUT_S)
    first = in_thread(source.read)
    assert opening.wait(60)
    seconds[0] += STALL_TIMEOUT_S + 0.1
    assert not source.is_hung()
    assert "has not been opened for 10 s" in source.state.error
    seconds[0] += 2 * STALL_TIMEOUT_S + GRACE_S
    assert source.is_hung()
    assert source.read().opening == 0
    proceed.set()
    with pytest.raises(Replaced):
        first()
    assert late.closed.is_set()


def test_a_second_hang_ends_the_process(in_thread, seconds, clock):
    """If `MAX_HUNG` abandoned threads still hang, only a new process can help; no thread is left for each retry."""
    cameras = [HungCamera() for _ in range(MAX_HUNG + 1)]
    source, _ = source_of(*cameras, clock=clock)
    for camera in cameras[:-1]:
        in_thread(source.read)
        assert camera.entered.wait(60)
        seconds[0] += STALL_TIMEOUT_S + 1
        assert source.is_hung()
    in_thread(source.read)
    assert cameras[-1].entered.wait(60)
    seconds[0] += STALL_TIMEOUT_S + 1
    with pytest.raises(CameraError, match="a new process may do better"):
        source.is_hung()
    for camera in cameras:
        camera.release.set()


def test_a_camera_that_an_abandoned_call_still_holds_ends_the_process(in_thread, seconds, clock):
    """A camera that this process's own hung call keeps busy is not retried here: a new process finds it free."""
    hung = HungCamera()
    source, _ = source_of(hung, busy, clock=clock)
    in_thread(source.read)
    assert hung.entered.wait(60)
    seconds[0] += STALL_TIMEOUT_S + 1
    assert source.is_hung()
    with pytest.raises(CameraError, match=r"another program has it \(a call of the driver hangs: a new process"):
        source.read()
    hung.release.set()


def test_a_camera_that_was_unplugged_while_its_driver_hung_is_waited_for(in_thread, seconds, clock):
    """An absent camera does not end the process, even if a call of its driver still hangs."""
    hung = HungCamera()
    source, _ = source_of(hung, absent, absent, Camera(), clock=clock, **AT_ONCE)
    in_thread(source.read)
    assert hung.entered.wait(60)
    seconds[0] += STALL_TIMEOUT_S + 1
    assert source.is_hung()
    assert source.read().index == 0
    hung.release.set()


def test_a_pause_of_the_process_is_no_hang(in_thread, seconds):
    """If the process itself stood still for longer than the limit, the camera keeps its full time."""
    hung = HungCamera()
    clock = RunClock(lambda: seconds[0])
    source, _ = source_of(hung, clock=clock)
    clock.tick()
    in_thread(source.read)
    assert hung.entered.wait(60)
    for step_s in (0.5, 60.0, 0.5):
        seconds[0] += step_s
        clock.tick()
        assert not source.is_hung()
    assert source.state.error == ""
    hung.release.set()
