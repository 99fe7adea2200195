"""A camera that is absent, lost or broken is tried again, counted, and given up only for a fresh process."""

import logging
import threading
import time

import pytest

from edge.errors import CameraAbsentError, CameraError
from edge.scenes.catalogue import make_scene
from edge.sources import reopen
from edge.sources.reopen import MOST_REOPENS, ReopeningSource
from edge.sources.scene import SceneSource

PATIENCE_S = 10.0


class Camera(SceneSource):
    """A drawn scene that notes when it is closed; it gives ten frames, and breaks at `fail_at`."""

    def __init__(self, *, fail_at=None):
        super().__init__(make_scene("empty", width=64, height=64, duration_s=1 / 3), live=False, fail_at=fail_at)
        self.closed = threading.Event()

    def close(self):
        self.closed.set()
        super().close()


def absent():
    raise CameraAbsentError("expected a camera, found none")


def busy():
    raise CameraError("another program has it")


def source_of(*steps, first_wait_s=0.001):
    """Return a source that takes one step a try: a camera, or a function that raises; and the cameras it was given."""
    left, given = list(steps), []

    def open_camera():
        step = left.pop(0)
        camera = step if isinstance(step, Camera) else step()
        given.append(camera)
        return camera

    return ReopeningSource(open_camera, name="auto", patience_s=PATIENCE_S, first_wait_s=first_wait_s), given


def indices(source):
    frames = []
    while (frame := source.read()) is not None:
        frames.append(frame.index)
    return frames


def test_a_lost_camera_is_opened_again_and_its_frames_are_counted_on():
    """Three frames of the first, then those of the second: no index twice, one re-open, the first given back."""
    source, given = source_of(Camera(fail_at=3), Camera())
    assert indices(source) == list(range(13))
    assert source.state.reopens == 1
    assert source.state.lost == ""
    assert given[0].closed.is_set()


def test_a_camera_may_come_late():
    """Nobody is troubled by the constructor; absences are no re-opens, since no driver was opened."""
    source, _ = source_of(absent, absent, Camera())
    assert (source.name, source.live, source.stills) == ("auto", True, False)
    assert source.read().index == 0
    assert source.name == "scene:empty"
    assert source.state.reopens == 0


def test_while_it_is_lost_the_state_says_why_and_when_it_is_tried_again():
    """And that no frame is to be expected before then."""
    source, _ = source_of(busy, Camera(), first_wait_s=5.0)
    reader = threading.Thread(target=source.read)
    reader.start()
    while not source.state.lost:
        time.sleep(0)
    state, now_s = source.state, time.monotonic()
    assert state.lost == "another program has it"
    assert 0 < state.retry_at_s - now_s <= 5.0
    assert state.busy_until_s == pytest.approx(state.retry_at_s + PATIENCE_S)
    source.close()
    reader.join(5)
    assert not reader.is_alive()


def test_a_frame_has_its_time_too():
    """A driver that is inside a read has as long as the camera's own limit, before anybody calls it hung."""
    source, _ = source_of(Camera())
    before_s = time.monotonic()
    source.read()
    assert source.state.busy_until_s >= before_s + PATIENCE_S


def test_the_waits_become_longer_up_to_a_limit_and_begin_anew_after_steady_work(monkeypatch):
    """1, 2, 4 ... as long as it is tried in vain, or works for a moment only; a camera that worked was not broken."""
    waits = []
    source, _ = source_of(
        absent, absent, absent, Camera(fail_at=1), absent, Camera(fail_at=1), absent, first_wait_s=1.0
    )
    monkeypatch.setattr(source, "_closed", ClosedAfter(7, waits))
    monkeypatch.setattr(reopen, "LONGEST_WAIT_S", 10.0)
    monkeypatch.setattr(reopen.time, "monotonic", steady_at_the_end(waits))
    indices(source)
    assert waits == [1.0, 2.0, 4.0, 8.0, 10.0, 1.0, 2.0]


class ClosedAfter:
    """An event that notes the waits, does not wait, and is set after so many."""

    def __init__(self, most, waits):
        self._most, self._waits = most, waits

    def is_set(self):
        return len(self._waits) >= self._most

    def wait(self, seconds):
        self._waits.append(seconds)


def steady_at_the_end(waits):
    """A clock on which everything is instantaneous, until five waits are over; then each look is minutes later."""
    seconds = [0.0]

    def monotonic():
        seconds[0] += 2 * reopen.STEADY_S if len(waits) >= 5 else 0.0
        return seconds[0]

    return monotonic


def test_after_so_many_reopens_a_new_process_is_asked_for():
    """Drivers leak: the error ends this one, with its own words and the count."""
    source, given = source_of(*(Camera(fail_at=0) for _ in range(MOST_REOPENS + 1)))
    monkeypatched = [0.0]
    source._closed.wait = lambda _seconds: monkeypatched.append(0.0)
    with pytest.raises(CameraError, match=rf"told to fail here \(tried {MOST_REOPENS} times"):
        indices(source)
    assert len(given) == MOST_REOPENS + 1
    assert all(camera.closed.is_set() for camera in given)


def test_an_absent_camera_is_looked_for_as_long_as_it_takes():
    """However often: no driver was opened, and a new process would find none either."""
    source, _ = source_of(*([absent] * (3 * MOST_REOPENS)), Camera())
    source._closed.wait = lambda _seconds: None
    assert source.read().index == 0


def test_the_same_reason_is_told_once_and_the_return_too(caplog):
    """A camera that is away for a weekend does not fill the journal."""
    caplog.set_level(logging.INFO)
    source, _ = source_of(absent, absent, absent, busy, Camera())
    source.read()
    source.read()
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "expected a camera, found none; trying again"),
        ("WARNING", "another program has it; trying again"),
        ("INFO", "scene:empty: the camera is back"),
    ]


def test_close_ends_the_wait_between_two_tries():
    """A stop takes less than a second, whatever the wait."""
    source, _ = source_of(absent, first_wait_s=600.0)
    read = []
    reader = threading.Thread(target=lambda: read.append(source.read()))
    reader.start()
    while not source.state.lost:
        time.sleep(0)
    source.close()
    source.close()
    reader.join(5)
    assert read == [None]
    assert source.read() is None


def test_a_camera_that_opens_after_the_close_is_given_back():
    """The stop came while the driver was busy opening it."""
    opening, go_on, camera = threading.Event(), threading.Event(), Camera()

    def open_slowly():
        opening.set()
        assert go_on.wait(10)
        return camera

    source = ReopeningSource(open_slowly, name="auto", patience_s=PATIENCE_S)
    reader = threading.Thread(target=source.read)
    reader.start()
    assert opening.wait(10)
    source.close()
    go_on.set()
    reader.join(5)
    assert camera.closed.is_set()


def test_close_gives_the_camera_back():
    """And there are no more frames, though it has some."""
    source, given = source_of(Camera())
    source.read()
    source.close()
    assert given[0].closed.is_set()
    assert source.read() is None


def test_an_error_that_is_no_cameras_is_passed_on():
    """A fault of ours is not tried again."""

    def broken():
        raise LookupError("ours")

    source, _ = source_of(broken)
    with pytest.raises(LookupError):
        source.read()
