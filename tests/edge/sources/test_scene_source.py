"""The drawn camera: behaves like a camera or like a file, and breaks when told to."""

import time

import numpy as np
import pytest

from edge.errors import CameraError
from edge.scenes.catalogue import make_scene
from edge.sources.scene import SceneSource


@pytest.fixture
def scene():
    return make_scene("one", width=160, height=120, fps=100, duration_s=0.2)


def test_as_a_file_it_gives_each_frame_once(scene):
    """Not live, it gives every frame in order, with media time, however slow the reader."""
    source = SceneSource(scene, live=False, color=True)
    frames = [source.read() for _ in range(20)]
    assert source.read() is None
    assert [frame.index for frame in frames] == list(range(20))
    assert frames[7].position_s == pytest.approx(0.07)
    assert np.array_equal(frames[3].color, scene.frame(3)[0])
    assert not frames[0].gray.flags.writeable
    assert not frames[0].color.flags.writeable
    assert (source.live, source.stills, source.skipped, source.name) == (False, False, 0, "scene:one")


def test_as_a_camera_it_does_not_wait_for_the_reader():
    """Live, a reader that was busy for a while sees a gap in the indices as long as that while."""
    source = SceneSource(make_scene("empty", width=64, height=64, fps=200), live=True)
    first = source.read()
    while time.monotonic() < first.captured_at + 0.1:
        pass  # the reader is busy
    second = source.read()
    assert first.index == 0
    assert second.index >= 19
    assert second.position_s == second.captured_at


def test_as_a_camera_it_keeps_its_rate():
    """Live, frames come no faster than the scene's rate, and end with it."""
    source = SceneSource(make_scene("empty", width=64, height=64, fps=100, duration_s=0.1), live=True)
    frames = []
    while (frame := source.read()) is not None:
        frames.append(frame)
    assert frames[-1].captured_at - frames[0].captured_at >= (frames[-1].index - frames[0].index) / 100 - 0.005
    assert frames[-1].index < 10


def test_it_breaks_when_told_to(scene):
    """The frames before `fail_at` come, and then a CameraError."""
    source = SceneSource(scene, live=False, fail_at=2)
    assert [source.read().index, source.read().index] == [0, 1]
    with pytest.raises(CameraError, match="scene:one"):
        source.read()


def test_it_falls_silent_until_closed(scene, in_thread):
    """A read at `hang_at` does not return before `close`, which may be called twice."""
    source = SceneSource(scene, live=False, hang_at=1)
    source.read()
    silent = in_thread(source.read)
    source.close()
    source.close()
    assert silent() is None


def test_close_wakes_who_waits_for_the_next_frame(in_thread):
    """A live reader that waits for its next frame is let go by `close`."""
    source = SceneSource(make_scene("empty", width=64, height=64, fps=0.01, duration_s=1000), live=True)
    source.read()
    waiting = in_thread(source.read)
    source.close()
    assert waiting() is None
