"""The Pi camera source, against a fake that follows picamera2's documented behavior."""

import time

import numpy as np
import pytest
from fake_picamera2 import expected_luma

from edge.device.state import RotationMemory
from edge.errors import CameraError
from edge.settings.schema import SourceSettings
from edge.sources.mounting import Mounting
from edge.sources.picamera import PiCameraSource

SETTINGS = SourceSettings(width=64, height=48, fps=20.0)
SHORT_STALL = SourceSettings(width=64, height=48, stall_timeout_s=0.05)


@pytest.mark.usefixtures("rig")
def test_gray_is_the_luma_plane_without_padding():
    """Gray is the upper two thirds of the YUV420 image, cut to the width, and read-only."""
    source = PiCameraSource(SETTINGS)
    for number in range(3):
        frame = source.read()
        assert np.array_equal(frame.gray, expected_luma(64, 48, number))
        assert frame.index == number
        assert not frame.gray.flags.writeable
        assert frame.color is None
        assert (frame.source, frame.media_time_s) == ("picamera", frame.captured_at)
    assert frame.captured_at <= time.monotonic()
    assert (source.live, source.is_still_images, source.skipped) == (True, False, 0)


@pytest.mark.usefixtures("rig")
def test_color_comes_from_a_second_stream():
    """With color, a frame also has a BGR image of the same moment, and gray is still the luma plane."""
    source = PiCameraSource(SETTINGS, color=True)
    source.read()
    frame = source.read()
    assert np.array_equal(frame.gray, expected_luma(64, 48, 1))
    assert frame.color.shape == (48, 64, 3)
    assert tuple(frame.color[0, 0]) == (1, 100, 200)
    assert not frame.color.flags.writeable


def test_the_camera_is_configured_as_the_settings_say(rig):
    """The camera gets one full-range luma stream with the settings' size and rate, and no unused color stream."""
    PiCameraSource(SETTINGS)
    configuration = rig.opened[0].configuration
    assert (configuration["main"]["size"], configuration["main"]["format"]) == ((64, 48), "YUV420")
    assert configuration["lores"] is None
    assert configuration["colour_space"] == "sYCC"
    assert configuration["controls"] == {"FrameRate": 20.0}


@pytest.mark.usefixtures("rig")
def test_a_size_that_the_camera_adjusts_is_respected():
    """Frames have the size that the camera really gives, not the requested one."""
    source = PiCameraSource(SourceSettings(width=65, height=49))
    assert np.array_equal(source.read().gray, expected_luma(64, 48, 0))


@pytest.mark.parametrize("color", [False, True])
def test_every_buffer_is_released(rig, color):
    """A hundred frames pass through the camera's few buffers, and none is held afterwards."""
    source = PiCameraSource(SETTINGS, color=color)
    assert [source.read().index for _ in range(100)] == list(range(100))
    assert rig.opened[0].held_buffers == 0


def test_a_buffer_that_cannot_be_copied_is_released(rig):
    """A buffer is released even if copying its image fails."""
    source = PiCameraSource(SETTINGS)
    rig.fail_at = "make_array"
    with pytest.raises(CameraError, match="the camera has failed: simulated failure"):
        source.read()
    assert rig.opened[0].held_buffers == 0


def test_a_camera_that_fails_while_running_is_an_error(rig):
    """An error of libcamera during a capture becomes a CameraError with its reason."""
    source = PiCameraSource(SETTINGS)
    source.read()
    rig.fail_at = "capture"
    with pytest.raises(CameraError, match="simulated failure"):
        source.read()


def test_a_stalled_camera_is_an_error(rig):
    """A camera without frames raises an error after `stall_timeout_s`, and can still be closed."""
    source = PiCameraSource(SHORT_STALL)
    source.read()
    rig.silent = True
    with pytest.raises(CameraError, match=r"expected a frame within 0.05 s, found none"):
        source.read()
    source.close()
    assert not rig.opened[0].is_open


def test_close_wakes_a_waiting_read(rig, in_thread):
    """Closing from another thread ends a read on a silent camera; closing twice is allowed."""
    source = PiCameraSource(SETTINGS)
    rig.silent = True
    waiting = in_thread(source.read)
    rig.opened[0].wait_for_reader()
    source.close()
    source.close()
    assert waiting() is None
    assert source.read() is None
    assert not rig.opened[0].is_open


def test_an_error_while_closing_is_a_warning(rig, caplog):
    """A camera that fails to stop is logged and not raised, so that it hides no earlier error."""
    source = PiCameraSource(SETTINGS)
    rig.fail_at = "stop"
    source.close()
    assert "did not close cleanly" in caplog.text


@pytest.mark.parametrize(
    ("rotate", "flip", "hflip", "vflip"),
    [
        (0, "none", 0, 0),
        (180, "none", 1, 1),
        (0, "horizontal", 1, 0),
        (0, "vertical", 0, 1),
        (180, "horizontal", 0, 1),
        (90, "none", 0, 0),
        (270, "vertical", 0, 0),
    ],
)
def test_the_camera_turns_by_180_degrees_and_mirrors_by_itself(rig, rotate, flip, hflip, vflip):
    """The sensor does what it can, and the frames are oriented as the settings say, whoever does it."""
    settings = SourceSettings(width=64, height=48, rotate=rotate, flip=flip)
    mounting = Mounting(settings)
    source = PiCameraSource(settings, mounting=mounting)
    transform = rig.opened[0].configuration["transform"]
    assert (transform.hflip, transform.vflip, transform.transpose) == (hflip, vflip, 0)
    frame = mounting.orient(source.read())
    turned = np.rot90(expected_luma(64, 48, 0), -rotate // 90)
    assert np.array_equal(frame.gray, {"none": turned, "horizontal": turned[:, ::-1], "vertical": turned[::-1]}[flip])
    assert frame.rotation == rotate


def test_a_sensor_that_cannot_mirror_leaves_it_to_the_software(rig):
    """What the camera does not do by itself is done afterwards."""
    rig.can_mirror = False
    settings = SourceSettings(width=64, height=48, rotate=180)
    mounting = Mounting(settings)
    frame = mounting.orient(PiCameraSource(settings, mounting=mounting).read())
    assert np.array_equal(frame.gray, np.rot90(expected_luma(64, 48, 0), 2))


@pytest.mark.parametrize("flip", ["none", "horizontal"])
def test_a_remembered_rotation_is_left_to_the_camera_and_a_new_one_to_the_software(rig, tmp_path, flip):
    """With `auto` the camera starts in the rotation found last; a turn while it runs needs no restart of it."""
    RotationMemory(tmp_path).store("picamera", 180)
    settings = SourceSettings(width=64, height=48, flip=flip)
    mounting = Mounting(settings, RotationMemory(tmp_path))
    source = PiCameraSource(settings, mounting=mounting)
    assert rig.opened[0].configuration["transform"].vflip == 1
    seen = np.rot90(expected_luma(64, 48, 0), 2)
    seen = seen[:, ::-1] if flip == "horizontal" else seen
    assert np.array_equal(mounting.orient(source.read()).gray, seen)
    mounting.turn(90)
    again = np.rot90(expected_luma(64, 48, 1), 2)
    again = again[:, ::-1] if flip == "horizontal" else again
    assert np.array_equal(mounting.orient(source.read()).gray, np.rot90(again, -1))
    assert len(rig.opened) == 1
