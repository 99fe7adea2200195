"""The Pi camera is found and opened, and what is missing or broken is named."""

import sys

import pytest
from fake_picamera2 import RIBBON, USB

from edge.errors import CameraError
from edge.settings import SourceSettings
from edge.sources.picamera import PiCameraSource
from edge.sources.picamera_api import has_pi_camera

SETTINGS = SourceSettings(width=64, height=48)


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
