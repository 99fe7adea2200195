"""The Pi camera, against a fake that keeps to picamera2's documented behaviour."""

import sys
import time

import numpy as np
import pytest
from fake_picamera2 import RIBBON, USB, FakeRig, expected_luma

from edge.config import SourceSettings
from edge.errors import CameraError
from edge.sources.picamera import PiCameraSource
from edge.sources.picamera_api import has_pi_camera

SETTINGS = SourceSettings(width=64, height=48, fps=20.0)
IMPATIENT = SourceSettings(width=64, height=48, stall_timeout_s=0.05)


@pytest.fixture
def rig(monkeypatch):
    """Put the fake in the place of picamera2 and libcamera."""
    rig = FakeRig()
    for name, module in rig.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    return rig


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


def test_only_a_usb_camera_is_none_for_us(rig):
    """USB cameras are listed by libcamera, too: those are V4L2's."""
    rig.cameras = [USB]
    assert not has_pi_camera()
    with pytest.raises(CameraError, match="on the ribbon cable, found none"):
        PiCameraSource(SETTINGS)


def test_the_camera_on_the_ribbon_cable_is_taken(rig):
    """Beside a USB camera the one on the ribbon cable is opened."""
    rig.cameras = [USB, RIBBON]
    assert has_pi_camera()
    PiCameraSource(SETTINGS)
    assert rig.opened[0].number == 1


def test_no_camera_is_an_error(rig):
    """Without a camera the cable is named."""
    rig.cameras = []
    assert not has_pi_camera()
    with pytest.raises(CameraError, match="check the cable"):
        PiCameraSource(SETTINGS)


def test_a_busy_camera_is_named(rig):
    """picamera2 hides the reason behind another error; it is found."""
    rig.fail_at = "open"
    rig.failure = RuntimeError("Failed to acquire camera: Device or resource busy")
    with pytest.raises(CameraError, match="another program uses the camera: stop it"):
        PiCameraSource(SETTINGS)


@pytest.mark.parametrize("step", ["configure", "start"])
def test_a_start_that_fails_closes_what_it_opened(rig, step):
    """A constructor that fails half-way gives the camera back."""
    rig.fail_at = step
    with pytest.raises(CameraError, match="does not start: the fake was told to fail"):
        PiCameraSource(SETTINGS)
    assert not rig.opened[0].is_open


def test_without_libcamera_the_camera_is_given_back(rig, monkeypatch):
    """An installation that breaks after the camera was opened gives it back, too."""
    monkeypatch.setitem(sys.modules, "libcamera", None)
    with pytest.raises(CameraError, match="sudo apt install python3-picamera2"):
        PiCameraSource(SETTINGS)
    assert not rig.opened[0].is_open


def test_without_picamera2_the_command_is_named(monkeypatch, caplog):
    """Where picamera2 is not installed the message says how to get it; looking for a camera stays silent."""
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(CameraError, match=r"sudo apt install python3-picamera2.*--system-site-packages"):
        PiCameraSource(SETTINGS)
    assert not has_pi_camera()
    assert not caplog.messages


def test_a_numpy_that_does_not_fit_is_named(monkeypatch, tmp_path, caplog):
    """The commonest broken installation, a newer numpy than apt's, is told apart from a missing one."""
    (tmp_path / "picamera2.py").write_text("raise ValueError('numpy.dtype size changed')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "picamera2", raising=False)
    with pytest.raises(CameraError, match="pip uninstall numpy"):
        PiCameraSource(SETTINGS)
    assert not has_pi_camera()
    assert "pip uninstall numpy" in caplog.text


def test_a_system_that_cannot_be_asked_is_a_warning(rig, caplog):
    """Looking for a camera does not end the program where libcamera fails."""
    rig.fail_at = "list"
    assert not has_pi_camera()
    assert "cannot be looked for" in caplog.text
