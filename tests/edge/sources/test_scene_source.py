"""The scene source behaves like a camera or like a file, and fails or hangs on request."""

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
    """A scene that is not live gives every frame in order with its media time."""
    source = SceneSource(scene, live=False, color=True)
    frames = [source.read() for _ in range(20)]
    assert source.read() is None
    assert [frame.index for frame in frames] == list(range(20))
    assert frames[7].media_time_s == pytest.approx(0.07)
    assert np.array_equal(frames[3].color, scene.frame(3)[0])
    assert not frames[0].gray.flags.writeable
    assert not frames[0].color.flags.writeable
    assert (source.live, source.is_still_images, source.skipped, source.name) == (False, False, 0, "scene:one")


def test_as_a_camera_it_does_not_wait_for_the_reader():
    """A live scene skips the frames that become due while the reader is busy, here for 0.1 s."""
    source = SceneSource(make_scene("empty", width=64, height=64, fps=200), live=True)
    first = source.read()
    while time.monotonic() < first.captured_at + 0.1:
        pass  # the reader is busy
    second = source.read()
    assert first.index == 0
    assert second.index >= 19
    assert second.media_time_s == second.captured_at


def test_as_a_camera_it_keeps_its_rate(read_all):
    """A live scene gives no frame before it is due, and ends after its duration."""
    source = SceneSource(make_scene("empty", width=64, height=64, fps=100, duration_s=0.1), live=True)
    started_at = time.monotonic()
    frames = read_all(source)
    assert all(frame.captured_at - started_at >= frame.index / 100 - 0.001 for frame in frames)
    assert frames[-1].index < 10


def test_it_fails_at_the_given_frame(scene):
    """The frames before `fail_at` come, and then `read` raises CameraError."""
    source = SceneSource(scene, live=False, fail_at=2)
    assert [source.read().index, source.read().index] == [0, 1]
    with pytest.raises(CameraError, match="scene:one"):
        source.read()


def test_it_hangs_at_the_given_frame_until_closed(scene, in_thread):
    """A read at `hang_at` does not return before `close`, which may be called twice."""
    source = SceneSource(scene, live=False, hang_at=1)
    source.read()
    waiting = in_thread(source.read)
    source.close()
    source.close()
    assert waiting() is None


def test_close_wakes_a_waiting_read(in_thread):
    """Closing from another thread ends the wait for the next frame of a live scene."""
    source = SceneSource(make_scene("empty", width=64, height=64, fps=0.01, duration_s=1000), live=True)
    source.read()
    waiting = in_thread(source.read)
    source.close()
    assert waiting() is None
