"""A loop plays a file at its own rate and begins again when it ends, like a camera that never stops."""

import itertools
import threading
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from waiting import LIMIT_S, wait_for

from edge.errors import MediaError
from edge.records import TimeLine
from edge.scenes.catalogue import make_scene
from edge.sources import loop as loop_module
from edge.sources.base import Source
from edge.sources.images import ImageSource
from edge.sources.loop import PICTURE_S, LoopSource
from edge.sources.scene import SceneSource
from edge.sources.video import VideoSource


class ManualTime:
    """A clock that stands still, and moves when the loop waits on its event."""

    def __init__(self):
        self.now = 1000.0
        self.is_over = False

    def monotonic(self):
        return self.now

    def is_set(self):
        return self.is_over

    def set(self):
        self.is_over = True

    def wait(self, seconds):
        self.now += seconds
        return self.is_over


class InlineThread:
    """A thread whose work is done when `start` returns: opening a source takes no time of the clock."""

    def __init__(self, *, target, **_options):
        self.start = target


class HangingSource(Source):
    """Gives no frame until it is closed."""

    name = "hanging"

    def __init__(self):
        self.is_read, self._closed = threading.Event(), threading.Event()

    def read(self):
        self.is_read.set()
        self._closed.wait()

    def close(self):
        self._closed.set()


@pytest.fixture
def clock(monkeypatch):
    clock = ManualTime()
    monkeypatch.setattr(loop_module, "time", clock)
    stand_in = SimpleNamespace(Event=lambda: clock, Lock=threading.Lock, Thread=InlineThread)
    monkeypatch.setattr(loop_module, "threading", stand_in)
    return clock


def shades(source, count):
    """Return the times since the first frame and the shades of the next frames."""
    frames = [source.read() for _ in range(count)]
    began_s = frames[0].captured_at
    return [(round(frame.captured_at - began_s, 3), round(float(frame.gray.mean()) / 6)) for frame in frames]


def test_a_video_begins_again_at_its_own_rate(write_clip, clock):
    """Each frame comes at its time, and the first frame of the next round one frame after the last."""
    source = LoopSource(lambda: VideoSource(write_clip(frames=4, fps=25.0)))
    found = shades(source, 9)
    assert [at for at, _ in found] == pytest.approx([n * 0.04 for n in range(9)], abs=0.002)
    first = [shade for _, shade in found[:4]]
    assert first == sorted(set(first))
    assert [shade for _, shade in found[4:]] == [*first, first[0]]
    assert (source.live, source.is_camera, source.is_still_images) == (True, False, False)
    assert clock.now > 1000.0


def test_frames_are_like_those_of_a_camera(write_clip, clock):
    """The index counts on over the rounds, and the times are those of the clock."""
    source = LoopSource(lambda: VideoSource(write_clip(frames=3)))
    frames = [source.read() for _ in range(7)]
    assert [frame.index for frame in frames] == list(range(7))
    assert {frame.time_line for frame in frames} == {TimeLine.CLOCK}
    assert frames[-1].media_time_s == frames[-1].captured_at == clock.now


def test_a_scene_begins_again(clock):
    """A scene that is over begins again."""
    scene = make_scene("empty", width=64, height=64, fps=10, duration_s=0.3)
    source = LoopSource(lambda: SceneSource(scene, live=False))
    frames = [source.read() for _ in range(8)]
    assert frames[-1].captured_at - frames[0].captured_at == pytest.approx(0.7)
    assert clock.now == frames[-1].captured_at


def test_overdue_frames_are_skipped(write_clip, clock):
    """A reader that is busy for three frames gets the newest one that is due."""
    source = LoopSource(lambda: VideoSource(write_clip(frames=30, fps=25.0)))
    first = source.read()
    clock.now += 3.5 * 0.04
    assert source.read().gray.mean() - first.gray.mean() == pytest.approx(18, abs=3)  # three steps of 6


def test_a_long_delay_is_not_caught_up(write_clip, clock):
    """After a delay of a minute, as of a suspended machine, the video goes on where it was."""
    source = LoopSource(lambda: VideoSource(write_clip(frames=30, fps=25.0)))
    first = source.read()
    clock.now += 60.0
    assert 0 < source.read().gray.mean() - first.gray.mean() < 16  # at most two steps of 6
    before_s = clock.now
    source.read()
    assert clock.now - before_s == pytest.approx(0.04, abs=0.002)


@pytest.mark.usefixtures("clock")
def test_pictures_are_shown_for_a_while(tmp_path):
    """Each picture is given several times a second, for `PICTURE_S`, then the next, and after the last the first."""
    for name, shade in (("a.png", 60), ("b.png", 180)):
        (tmp_path / name).write_bytes(cv2.imencode(".png", np.full((64, 64), shade, np.uint8))[1].tobytes())
    source = LoopSource(lambda: ImageSource(tmp_path))
    found = shades(source, 40)
    assert max(after - before for (before, _), (after, _) in itertools.pairwise(found)) <= 0.4
    changes = [found[0], *(after for before, after in itertools.pairwise(found) if before[1] != after[1])]
    assert changes == [(0.0, 10), (PICTURE_S, 30), (2 * PICTURE_S, 10)]
    assert source.read().source in {"a.png", "b.png"}


def test_a_file_that_vanishes_ends_the_loop(write_clip, clock):
    """If the file is gone when the next round begins, that is an error."""
    path = write_clip(frames=2)
    source = LoopSource(lambda: VideoSource(path))
    source.read()
    path.unlink()
    with pytest.raises(MediaError, match="no such file"):
        [source.read() for _ in range(5)]
    assert clock.now < 1001.0


@pytest.fixture
def slow_to_open():
    """A source of three frames; its second opening waits until it is allowed, and may fail with `error`."""
    scene = make_scene("empty", width=64, height=64, fps=10, duration_s=0.3)
    opened, allowed, error = [], threading.Event(), []

    def open_source():
        opened.append(SceneSource(scene, live=False))
        if len(opened) > 1:
            allowed.wait(LIMIT_S)
            for reason in error:
                raise reason
        return opened[-1]

    yield SimpleNamespace(open=open_source, opened=opened, allowed=allowed, error=error)
    allowed.set()


def test_the_last_frame_is_shown_until_the_next_round_begins(slow_to_open):
    """A machine that takes seconds to open the file again still shows the faces: no face ends at the end of a round."""
    source = LoopSource(slow_to_open.open)
    first = [source.read() for _ in range(3)]
    repeated = [source.read() for _ in range(3)]
    assert all(frame.gray is first[-1].gray for frame in repeated)
    assert [frame.index for frame in repeated] == [3, 4, 5]
    gaps = [after.captured_at - before.captured_at for before, after in itertools.pairwise([first[-1], *repeated])]
    assert min(gaps) > 0.05
    slow_to_open.allowed.set()
    second = next(frame for frame in iter(source.read, None) if frame.gray is not first[-1].gray)
    assert np.array_equal(second.gray, first[0].gray)  # the next round begins with its first frame, however late it is
    assert len(slow_to_open.opened) == 2
    source.close()


def test_a_source_that_cannot_be_opened_again_ends_the_loop(slow_to_open):
    """The error of the opening is that of the read, even if it came later."""
    source = LoopSource(slow_to_open.open)
    for _ in range(4):
        source.read()
    slow_to_open.error.append(MediaError("gone"))
    slow_to_open.allowed.set()
    with pytest.raises(MediaError, match="gone"):
        wait_for(lambda: not source.read())


def test_closing_during_an_opening_closes_what_is_opened(slow_to_open, in_thread):
    """`close` does not wait for the opening, ends a read that does, and the source that comes later is closed."""
    source = LoopSource(slow_to_open.open)
    for _ in range(4):
        source.read()
    reading = in_thread(lambda: list(iter(source.read, None)))
    source.close()
    reading()
    slow_to_open.allowed.set()
    wait_for(lambda: len(slow_to_open.opened) > 1 and slow_to_open.opened[1]._closed.is_set())


def test_closing_ends_a_waiting_read(in_thread):
    """`close` from another thread ends the read of a source that hangs, and nothing is opened again."""
    opened = []

    def open_once():
        opened.append(HangingSource())
        return opened[-1]

    source = LoopSource(open_once)
    reading = in_thread(source.read)
    wait_for(opened[0].is_read.is_set)
    source.close()
    source.close()
    assert reading() is None
    assert source.read() is None
    assert len(opened) == 1
