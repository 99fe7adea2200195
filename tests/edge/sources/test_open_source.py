"""The setting `use` opens the right source, and a wrong value gives a helpful error."""

import logging
import os
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.device.state import RotationMemory
from edge.errors import CameraAbsentError, CameraError, ConfigError, MediaError
from edge.records import Frame
from edge.settings.schema import SourceSettings
from edge.sources.images import ImageSource
from edge.sources.loop import LoopSource
from edge.sources.mounting import Mounting
from edge.sources.open import DEMO_CLIP, open_camera, open_source
from edge.sources.orientation import Orientation
from edge.sources.picamera import PiCameraSource
from edge.sources.reopen import ReopeningSource
from edge.sources.scene import SceneSource
from edge.sources.video import VideoSource


@pytest.fixture
def no_cameras(monkeypatch):
    """Hide all cameras of this machine."""
    monkeypatch.setitem(sys.modules, "picamera2", None)
    monkeypatch.setattr("edge.sources.open.find_cameras", list)


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "images" / "a.PNG"
    path.parent.mkdir()
    path.write_bytes(cv2.imencode(".png", np.zeros((8, 8), np.uint8))[1].tobytes())
    return path


@pytest.mark.usefixtures("no_cameras")
def test_auto_without_cameras_plays_the_clip(caplog):
    """Without a camera the bundled clip plays at its own pace, and an INFO line says so."""
    caplog.set_level(logging.INFO)
    source = open_source(SourceSettings())
    assert isinstance(source, VideoSource)
    assert source.name == DEMO_CLIP.name
    started_at = time.monotonic()
    source.read()
    assert source.read().captured_at - started_at >= 0.9 / source.fps
    (line,) = caplog.records
    assert line.levelno == logging.INFO
    assert line.getMessage() == "no camera found: playing the bundled clip"


@pytest.mark.usefixtures("no_cameras")
def test_for_a_viewer_the_clip_goes_on(caplog):
    """Without a camera the live page and the window get the clip again and again, as they would a camera's frames."""
    caplog.set_level(logging.INFO)
    source = open_source(SourceSettings(), paced=True)
    assert isinstance(source, LoopSource)
    assert caplog.messages == ["no camera found: playing the bundled clip, again and again"]
    source.close()


@pytest.mark.usefixtures("rig")
@pytest.mark.parametrize("use", ["auto", "picamera"])
def test_the_pi_camera_comes_first(monkeypatch, use):
    """A camera on the ribbon cable is preferred to a V4L2 camera, and gets the settings' size."""
    monkeypatch.setattr("edge.sources.open.find_cameras", lambda: [Path("/dev/null")])
    source = open_source(SourceSettings(use=use, width=96, height=64), color=True)
    assert isinstance(source, PiCameraSource)
    assert source.read().color.shape == (64, 96, 3)


@pytest.mark.parametrize("use", ["auto", "camera", "/dev/null"])
def test_a_camera_that_does_not_work_is_an_error(monkeypatch, use):
    """A V4L2 camera that is found but cannot be used is an error, not a reason to play the clip."""
    monkeypatch.setitem(sys.modules, "picamera2", None)
    monkeypatch.setattr("edge.sources.open.find_cameras", lambda: [Path("/dev/null")])
    with pytest.raises(CameraError, match=r"^/dev/null: "):
        open_source(SourceSettings(use=use))


@pytest.mark.usefixtures("no_cameras")
def test_a_requested_camera_that_is_absent_is_an_error():
    """`camera` never falls back to the clip."""
    with pytest.raises(CameraError, match="found none"):
        open_source(SourceSettings(use="camera"))


def test_paths_open_images_or_a_video(image, write_clip):
    """A folder and an image file open the image source, another file a video that is not paced."""
    for path in (image.parent, image):
        source = open_source(SourceSettings(use=str(path)), color=True)
        assert isinstance(source, ImageSource)
        assert source.read().color is not None
    source = open_source(SourceSettings(use=str(write_clip(fps=0.01))), color=True)
    assert isinstance(source, VideoSource)
    assert [source.read().color is not None for _ in range(3)] == [True] * 3


def test_a_scene_is_a_live_camera():
    """A scene opens as a live source with the settings' size and rate."""
    source = open_source(SourceSettings(use="scene:slow", width=320, height=240, fps=50.0), color=True)
    assert isinstance(source, SceneSource)
    assert source.live
    assert source.read().color.shape == (240, 320, 3)
    assert source.scene.fps == 50


def test_an_unknown_scene_names_the_known_ones():
    """The error for a misspelt scene lists the valid names."""
    with pytest.raises(ConfigError, match="choose one of empty, one, slow"):
        open_source(SourceSettings(use="scene:nix"))


@pytest.mark.usefixtures("no_cameras")
@pytest.mark.parametrize("use", ["auto", "scene:one", "clip", "image", "folder"])
def test_everything_but_a_camera_can_be_looped(write_clip, image, use):
    """With `loop`, the bundled clip, a scene, a video, a picture and a folder are loops."""
    paths = {"clip": write_clip(), "image": image, "folder": image.parent}
    source = open_source(SourceSettings(use=str(paths.get(use, use)), loop=True), color=True)
    assert isinstance(source, LoopSource)
    assert source.read().color is not None
    source.close()


@pytest.mark.parametrize("use", ["camera", "picamera", "0", "/dev/video0"])
def test_a_camera_cannot_be_looped(use):
    """A camera never ends, so that `loop` is a mistake."""
    with pytest.raises(ConfigError, match="expected a file or a scene, found the camera"):
        open_source(SourceSettings(use=use, loop=True))


def test_a_number_is_a_camera(monkeypatch, rig):
    """0 is the first camera: the Pi camera if there is one, then the V4L2 cameras in order."""
    monkeypatch.setattr("edge.sources.open.find_cameras", lambda: [Path("/dev/video2"), Path("/dev/video4")])
    monkeypatch.setattr("edge.sources.open.V4l2Source", lambda device, *_, **__: device)
    assert isinstance(open_source(SourceSettings(use="0")), PiCameraSource)
    assert open_source(SourceSettings(use="2")) == Path("/dev/video4")
    with pytest.raises(CameraAbsentError, match="0: picamera, 1: /dev/video2, 2: /dev/video4"):
        open_source(SourceSettings(use="3"))
    rig.cameras = []
    assert open_source(SourceSettings(use="0")) == Path("/dev/video2")


def test_a_path_that_does_not_exist_names_the_valid_values():
    """The error for a misspelt value lists everything that `use` accepts."""
    with pytest.raises(MediaError, match="camera, picamera, 0, /dev/videoN, a URL, scene:NAME, or the path"):
        open_source(SourceSettings(use="nowhere.mp4"))


@pytest.mark.usefixtures("no_cameras")
@pytest.mark.parametrize("use", ["auto", "camera", "picamera", "/dev/video99"])
def test_with_reopen_an_absent_camera_is_waited_for(use):
    """With `reopen` every camera value opens a reopening source and never the clip."""
    source = open_source(SourceSettings(use=use, reopen=True, stall_timeout_s=7.0))
    assert isinstance(source, ReopeningSource)
    assert source.name == use
    with pytest.raises(CameraError):
        source._open_camera()
    assert source._stall_timeout_s == 7.0


@pytest.mark.usefixtures("no_cameras")
@pytest.mark.parametrize("use", ["auto", "camera", "/dev/video99"])
def test_an_absent_v4l2_camera_has_its_own_error(use):
    """An absent camera raises CameraAbsentError, so that waiting for it does not count as a reopen."""
    with pytest.raises(CameraAbsentError):
        open_source(SourceSettings(use=use, reopen=True))._open_camera()


def test_an_absent_pi_camera_has_its_own_error(rig):
    """If picamera2 lists no camera, CameraAbsentError is raised."""
    rig.cameras = []
    with pytest.raises(CameraAbsentError):
        open_source(SourceSettings(use="picamera"))


@pytest.mark.usefixtures("rig")
def test_with_reopen_the_same_camera_is_opened():
    """A reopening source opens the camera with the same size and color as without `reopen`."""
    source = open_source(SourceSettings(use="auto", width=96, height=64, reopen=True), color=True)
    assert source.read().color.shape == (64, 96, 3)
    assert source.name == "picamera"
    source.close()


@pytest.mark.parametrize("use", ["scene:one", "clip"])
def test_reopen_applies_to_cameras_only(write_clip, use):
    """Scenes and videos are not reopened: they end when they are over."""
    source = open_source(SourceSettings(use=str(write_clip()) if use == "clip" else use, reopen=True))
    assert not isinstance(source, ReopeningSource)


@pytest.mark.usefixtures("rig")
@pytest.mark.parametrize("reopen", [False, True])
def test_every_way_to_the_camera_hands_over_the_mounting(rig, reopen):
    """A camera that can turn its frames is told to, whether it is reopened after a failure or not."""
    settings = SourceSettings(use="auto", rotate=180, reopen=reopen)
    source = open_source(settings, mounting=Mounting(settings))
    source.read()
    assert rig.opened[0].configuration["transform"].hflip == 1
    source.close()


def test_a_v4l2_camera_starts_in_the_rotation_found_for_it(monkeypatch, tmp_path):
    """A camera that cannot turn its frames has its rotation recalled by name; nothing of the last camera is left."""
    monkeypatch.setattr("edge.sources.open.V4l2Source", lambda *_, **__: None)
    RotationMemory(tmp_path).store("/dev/video7", 270)
    settings = SourceSettings(use="/dev/video7")
    mounting = Mounting(settings, RotationMemory(tmp_path))
    mounting.set_done_by_camera(Orientation.of(180))
    open_camera(settings, mounting=mounting)
    frame = Frame(np.arange(6, dtype=np.uint8).reshape(2, 3), 0, 0.0, 0.0, "/dev/video7")
    assert np.array_equal(mounting.orient(frame).gray, np.rot90(frame.gray))


@pytest.mark.usefixtures("rig")
def test_only_cameras_are_mounted(image, write_clip):
    """Cameras say that they are cameras; videos, images and scenes are never turned automatically."""
    assert open_source(SourceSettings(use="picamera")).is_camera
    assert open_source(SourceSettings(use="auto", reopen=True)).is_camera
    for use in (str(image), str(write_clip()), "scene:one"):
        assert not open_source(SourceSettings(use=use)).is_camera


@pytest.mark.parametrize("loop", [False, True])
def test_a_pipe_is_no_source(tmp_path, loop):
    """Opening a named pipe would wait for somebody who writes to it; one line says what to give."""
    os.mkfifo(tmp_path / "film.mp4")
    with pytest.raises(MediaError, match="found a pipe, socket or device: give a file"):
        open_source(SourceSettings(use=str(tmp_path / "film.mp4"), loop=loop))
