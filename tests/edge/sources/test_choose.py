"""The setting `use` leads to the right source, and a wrong one to a sentence that helps."""

import logging
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from fake_picamera2 import FakeRig

from edge.errors import CameraAbsentError, CameraError, ConfigError, MediaError
from edge.settings import SourceSettings
from edge.sources import choose
from edge.sources.choose import DEMO_CLIP, open_source
from edge.sources.picamera import PiCameraSource
from edge.sources.pictures import PictureSource
from edge.sources.reopen import ReopeningSource
from edge.sources.scene import SceneSource
from edge.sources.video import VideoSource


@pytest.fixture
def no_cameras(monkeypatch):
    """Make this machine one without cameras."""
    monkeypatch.setitem(sys.modules, "picamera2", None)
    monkeypatch.setattr(choose, "find_cameras", list)


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "pictures" / "a.PNG"
    path.parent.mkdir()
    path.write_bytes(cv2.imencode(".png", np.zeros((8, 8), np.uint8))[1].tobytes())
    return path


@pytest.mark.usefixtures("no_cameras")
def test_auto_without_cameras_plays_the_clip(caplog):
    """Where there is no camera one INFO line says so, and the clip plays at its own pace."""
    caplog.set_level(logging.INFO)
    source = open_source(SourceSettings())
    assert isinstance(source, VideoSource)
    assert source.name == DEMO_CLIP.name
    first, second = source.read(), source.read()
    assert second.captured_at - first.captured_at >= 0.9 / source.fps
    (line,) = caplog.records
    assert line.levelno == logging.INFO
    assert line.getMessage() == "no camera found: playing the clip that ships with the project"


@pytest.mark.parametrize("use", ["auto", "picamera"])
def test_the_pi_camera_comes_first(monkeypatch, use):
    """A camera on the ribbon cable is preferred, with the settings' size."""
    for name, module in FakeRig().modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(choose, "find_cameras", lambda: [Path("/dev/null")])
    source = open_source(SourceSettings(use=use, width=96, height=64), color=True)
    assert isinstance(source, PiCameraSource)
    assert source.read().color.shape == (64, 96, 3)


@pytest.mark.parametrize("use", ["auto", "camera", "/dev/null"])
def test_a_v4l2_camera_is_opened_and_not_passed_over(monkeypatch, use):
    """A camera that is found but does not work is an error, not a reason to play the clip."""
    monkeypatch.setitem(sys.modules, "picamera2", None)
    monkeypatch.setattr(choose, "find_cameras", lambda: [Path("/dev/null")])
    with pytest.raises(CameraError, match=r"^/dev/null: "):
        open_source(SourceSettings(use=use))


@pytest.mark.usefixtures("no_cameras")
def test_camera_without_one_is_an_error():
    """Whoever asks for a camera does not get the clip."""
    with pytest.raises(CameraError, match="found none"):
        open_source(SourceSettings(use="camera"))


def test_paths_lead_to_pictures_or_video(picture, write_clip):
    """A folder and a picture become pictures, another file a video that is not held back."""
    for path in (picture.parent, picture):
        source = open_source(SourceSettings(use=str(path)), color=True)
        assert isinstance(source, PictureSource)
        assert source.read().color is not None
    source = open_source(SourceSettings(use=str(write_clip(fps=0.01))), color=True)
    assert isinstance(source, VideoSource)
    assert [source.read().color is not None for _ in range(3)] == [True] * 3


def test_a_scene_is_a_live_camera():
    """A scene has the settings' size and rate."""
    source = open_source(SourceSettings(use="scene:slow", width=320, height=240, fps=50.0), color=True)
    assert isinstance(source, SceneSource)
    assert source.live
    assert source.read().color.shape == (240, 320, 3)
    assert source.scene.fps == 50


def test_an_unknown_scene_names_the_known_ones():
    """A misspelt scene is answered with the list."""
    with pytest.raises(ConfigError, match="take one of empty, one, slow"):
        open_source(SourceSettings(use="scene:nix"))


def test_a_path_that_does_not_exist_says_what_was_expected():
    """A misspelt setting is answered with all that may stand there."""
    with pytest.raises(MediaError, match="expected auto, camera, picamera, /dev/videoN, scene:NAME, or the path"):
        open_source(SourceSettings(use="nowhere.mp4"))


@pytest.mark.usefixtures("no_cameras")
@pytest.mark.parametrize("use", ["auto", "camera", "picamera", "/dev/video99"])
def test_with_reopen_a_camera_may_be_absent_and_no_clip_takes_its_place(use):
    """Whichever is asked for: it is waited for, by its name, as long as the settings say."""
    source = open_source(SourceSettings(use=use, reopen=True, stall_timeout_s=7.0))
    assert isinstance(source, ReopeningSource)
    assert source.name == use
    with pytest.raises(CameraError):
        source._open_camera()
    assert source._patience_s == 7.0


@pytest.mark.usefixtures("no_cameras")
@pytest.mark.parametrize("use", ["auto", "camera", "/dev/video99"])
def test_a_camera_that_is_not_there_is_told_from_one_that_fails(use):
    """The one can be waited for without end, the other wears a driver out."""
    with pytest.raises(CameraAbsentError):
        open_source(SourceSettings(use=use, reopen=True))._open_camera()


def test_a_ribbon_camera_that_is_not_there_is_told_from_one_that_fails(monkeypatch):
    """picamera2 is installed, and lists none."""
    rig = FakeRig()
    rig.cameras = []
    for name, module in rig.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    with pytest.raises(CameraAbsentError):
        open_source(SourceSettings(use="picamera"))


def test_with_reopen_the_camera_is_the_one_without(monkeypatch):
    """Size and colour included."""
    for name, module in FakeRig().modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    source = open_source(SourceSettings(use="auto", width=96, height=64, reopen=True), color=True)
    assert source.read().color.shape == (64, 96, 3)
    assert source.name == "picamera"
    source.close()


@pytest.mark.parametrize("use", ["scene:one", "clip"])
def test_what_is_no_camera_ends_as_ever(write_clip, use):
    """A video is over when it is over."""
    source = open_source(SourceSettings(use=str(write_clip()) if use == "clip" else use, reopen=True))
    assert not isinstance(source, ReopeningSource)
