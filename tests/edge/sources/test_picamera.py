"""The Pi camera, against a fake that keeps to picamera2's documented behaviour."""

import time

import numpy as np
import pytest
from fake_picamera2 import expected_luma

from edge.errors import CameraError
from edge.settings import SourceSettings
from edge.sources.picamera import PiCameraSource

SETTINGS = SourceSettings(width=64, height=48, fps=20.0)
IMPATIENT = SourceSettings(width=64, height=48, stall_timeout_s=0.05)


@pytest.mark.usefixtures("rig")
def test_grey_is_the_luma_plane_without_padding():
    """Grey is the upper two thirds of the YUV420 picture, cut to the width, and read-only."""
    source = PiCameraSource(SETTINGS)
    for number in range(3):
        frame = source.read()
        assert np.array_equal(frame.gray, expected_luma(64, 48, number))
        assert frame.index == number
        assert not frame.gray.flags.writeable
        assert frame.color is None
        assert (frame.source, frame.position_s) == ("picamera", frame.captured_at)
    assert frame.captured_at <= time.monotonic()
    assert (source.live, source.stills, source.skipped) == (True, False, 0)


@pytest.mark.usefixtures("rig")
def test_colour_comes_from_a_second_stream():
    """With colour there is a BGR picture of the same moment, and grey stays the luma plane."""
    source = PiCameraSource(SETTINGS, color=True)
    source.read()
    frame = source.read()
    assert np.array_equal(frame.gray, expected_luma(64, 48, 1))
    assert frame.color.shape == (48, 64, 3)
    assert tuple(frame.color[0, 0]) == (1, 100, 200)
    assert not frame.color.flags.writeable


def test_what_is_asked_of_the_camera(rig):
    """One luma stream of full range at the size and rate of the settings; no colour stream that nobody wants."""
    PiCameraSource(SETTINGS)
    configuration = rig.opened[0].configuration
    assert (configuration["main"]["size"], configuration["main"]["format"]) == ((64, 48), "YUV420")
    assert configuration["lores"] is None
    assert configuration["colour_space"] == "sYCC"
    assert configuration["controls"] == {"FrameRate": 20.0}


@pytest.mark.usefixtures("rig")
def test_the_size_is_what_the_camera_makes_of_it():
    """A size that the camera corrects is cut as corrected."""
    source = PiCameraSource(SourceSettings(width=65, height=49))
    assert np.array_equal(source.read().gray, expected_luma(64, 48, 0))


@pytest.mark.parametrize("color", [False, True])
def test_every_picture_is_handed_back(rig, color):
    """A hundred frames go through the few buffers there are."""
    source = PiCameraSource(SETTINGS, color=color)
    assert [source.read().index for _ in range(100)] == list(range(100))
    assert rig.opened[0].lent == 0


def test_a_picture_that_cannot_be_copied_is_handed_back(rig):
    """The buffer goes back to the camera even where reading it fails."""
    source = PiCameraSource(SETTINGS)
    rig.fail_at = "make_array"
    with pytest.raises(CameraError, match="the camera has failed: the fake was told to fail"):
        source.read()
    assert rig.opened[0].lent == 0


def test_a_camera_that_fails_in_the_middle_is_an_error(rig):
    """What libcamera raises while it runs comes as a CameraError with the reason."""
    source = PiCameraSource(SETTINGS)
    source.read()
    rig.fail_at = "capture"
    with pytest.raises(CameraError, match="the fake was told to fail"):
        source.read()


def test_a_silent_camera_is_an_error_in_time(rig):
    """A stalled stream ends in an error after `stall_timeout_s`, and the camera can still be closed."""
    source = PiCameraSource(IMPATIENT)
    source.read()
    rig.silent = True
    with pytest.raises(CameraError, match=r"expected a frame within 0.05 s, found none"):
        source.read()
    source.close()
    assert not rig.opened[0].is_open


def test_close_wakes_who_waits(rig, in_thread):
    """Closing from another thread ends a read on a silent camera at once; closing twice is allowed."""
    source = PiCameraSource(SETTINGS)
    rig.silent = True
    waiting = in_thread(source.read)
    rig.opened[0].wait_for_reader()
    source.close()
    source.close()
    assert waiting() is None
    assert source.read() is None
    assert not rig.opened[0].is_open


def test_a_camera_that_does_not_stop_is_a_warning(rig, caplog):
    """An error while closing does not hide the one that led to it."""
    source = PiCameraSource(SETTINGS)
    rig.fail_at = "stop"
    source.close()
    assert "did not close as it should" in caplog.text
