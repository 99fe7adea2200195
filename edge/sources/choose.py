"""Opens the source that the settings name, or the best one there is."""

import logging
from pathlib import Path

from edge.errors import CameraError, MediaError
from edge.scenes.catalogue import make_scene
from edge.settings import SourceSettings
from edge.sources.base import Source
from edge.sources.picamera import PiCameraSource
from edge.sources.picamera_api import has_pi_camera
from edge.sources.pictures import PICTURE_SUFFIXES, PictureSource
from edge.sources.scene import SceneSource
from edge.sources.v4l2 import V4l2Source
from edge.sources.v4l2_devices import find_cameras
from edge.sources.video import VideoSource

log = logging.getLogger(__name__)

DEMO_CLIP = Path(__file__).parents[1] / "assets" / "demo.mp4"
"""Shown where there is no camera."""

_SCENE_PREFIX = "scene:"


def open_source(settings: SourceSettings, *, color: bool = False) -> Source:
    """Open what `settings.use` names.

    `auto`: the Pi camera, else the first V4L2 camera, else the clip that ships, at its own pace.
    `picamera`: the Pi camera. `camera`: the first V4L2 camera. `/dev/...`: that V4L2 camera.
    `scene:NAME`: a drawn scene as a live camera. Else a path: a folder, a picture or a video.

    Args:
        settings: what to open, and what to ask of a camera.
        color: frames carry colour, too.

    Raises:
        CameraError: the camera is absent, busy, not permitted or gives no frames.
        MediaError: the path does not exist or cannot be read.
        ConfigError: there is no such scene.
    """
    use = settings.use
    if use == "auto":
        return _open_best(settings, color=color)
    if use == "picamera":
        return PiCameraSource(settings, color=color)
    if use == "camera":
        return V4l2Source(_first_camera(), settings, color=color)
    if use.startswith("/dev/"):
        return V4l2Source(Path(use), settings, color=color)
    if use.startswith(_SCENE_PREFIX):
        scene = make_scene(
            use.removeprefix(_SCENE_PREFIX), width=settings.width, height=settings.height, fps=settings.fps
        )
        return SceneSource(scene, live=True, color=color)
    return _open_path(Path(use).expanduser(), color=color)


def _open_best(settings: SourceSettings, *, color: bool) -> Source:
    if has_pi_camera():
        return PiCameraSource(settings, color=color)
    cameras = find_cameras()
    if cameras:
        return V4l2Source(cameras[0], settings, color=color)
    log.info("no camera found: playing the clip that ships with the project")
    return VideoSource(DEMO_CLIP, color=color, paced=True)


def _first_camera() -> Path:
    cameras = find_cameras()
    if not cameras:
        raise CameraError("camera: expected a V4L2 camera at /dev/video*, found none: plug one in, or use `picamera`")
    return cameras[0]


def _open_path(path: Path, *, color: bool) -> Source:
    if not path.exists():
        raise MediaError(
            f"{path}: no such file or folder: expected auto, camera, picamera, /dev/videoN, scene:NAME, "
            "or the path of a video, a picture or a folder of pictures"
        )
    if path.is_dir() or path.suffix.lower() in PICTURE_SUFFIXES:
        return PictureSource(path, color=color)
    return VideoSource(path, color=color)
