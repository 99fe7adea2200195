"""The Pi camera is found and opened, and errors name what is missing or broken."""

import sys

import pytest
from fake_picamera2 import RIBBON, USB

from edge.errors import CameraError
from edge.settings.schema import SourceSettings
from edge.sources.picamera import PiCameraSource
from edge.sources.picamera_api import has_pi_camera

SETTINGS = SourceSettings(width=64, height=48)


def test_a_usb_camera_does_not_count(rig):
    """Libcamera lists USB cameras too, but they are read through V4L2."""
    rig.cameras = [USB]
    assert not has_pi_camera()
    with pytest.raises(CameraError, match="on the ribbon cable, found none"):
        PiCameraSource(SETTINGS)


def test_the_camera_on_the_ribbon_cable_is_opened(rig):
    """Of a USB camera and one on the ribbon cable, the latter is opened."""
    rig.cameras = [USB, RIBBON]
    assert has_pi_camera()
    PiCameraSource(SETTINGS)
    assert rig.opened[0].number == 1


def test_no_camera_is_an_error(rig):
    """The error for a missing camera suggests to check the cable."""
    rig.cameras = []
    assert not has_pi_camera()
    with pytest.raises(CameraError, match="check the cable"):
        PiCameraSource(SETTINGS)


def test_a_busy_camera_is_reported_as_busy(rig):
    """picamera2 hides the reason behind another error, but ours shows it."""
    rig.fail_at = "open"
    rig.failure = RuntimeError("Failed to acquire camera: Device or resource busy")
    with pytest.raises(CameraError, match="another program uses the camera: stop it"):
        PiCameraSource(SETTINGS)


@pytest.mark.parametrize("step", ["configure", "start"])
def test_a_start_that_fails_closes_what_it_opened(rig, step):
    """If the camera cannot be configured or started, the constructor closes it again."""
    rig.fail_at = step
    with pytest.raises(CameraError, match="does not start: simulated failure"):
        PiCameraSource(SETTINGS)
    assert not rig.opened[0].is_open


def test_without_libcamera_the_camera_is_closed(rig, monkeypatch):
    """If importing libcamera fails after the camera was opened, the constructor closes it again."""
    monkeypatch.setitem(sys.modules, "libcamera", None)
    with pytest.raises(CameraError, match=r"sudo apt install .*python3-picamera2"):
        PiCameraSource(SETTINGS)
    assert not rig.opened[0].is_open


def test_a_missing_picamera2_names_the_install_command(monkeypatch, caplog):
    """Opening the camera without picamera2 says how to install it; `has_pi_camera` logs nothing."""
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(CameraError, match=r"sudo apt install .*python3-picamera2.*--system-site-packages"):
        PiCameraSource(SETTINGS)
    assert not has_pi_camera()
    assert not caplog.messages


def test_an_incompatible_numpy_is_reported(monkeypatch, tmp_path, caplog):
    """The most common broken installation, a newer numpy than apt's, has its own message and a warning."""
    (tmp_path / "picamera2.py").write_text("raise ValueError('numpy.dtype size changed')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "picamera2", raising=False)
    with pytest.raises(CameraError, match="pip uninstall numpy"):
        PiCameraSource(SETTINGS)
    assert not has_pi_camera()
    assert "pip uninstall numpy" in caplog.text


def test_a_failure_to_list_cameras_is_a_warning(rig, caplog):
    """If libcamera fails, `has_pi_camera` warns and returns False instead of raising."""
    rig.fail_at = "list"
    assert not has_pi_camera()
    assert "cannot be listed" in caplog.text
