"""Opens the source that the settings name, or the best one there is."""

import logging
from functools import partial
from pathlib import Path

from edge.errors import CameraAbsentError, MediaError
from edge.scenes.catalogue import make_scene
from edge.settings import SourceSettings
from edge.sources.base import Source
from edge.sources.picamera import PiCameraSource
from edge.sources.picamera_api import has_pi_camera
from edge.sources.pictures import PICTURE_SUFFIXES, PictureSource
from edge.sources.reopen import ReopeningSource
from edge.sources.scene import SceneSource
from edge.sources.v4l2 import V4l2Source
from edge.sources.v4l2_devices import find_cameras
from edge.sources.video import VideoSource

log = logging.getLogger(__name__)

DEMO_CLIP = Path(__file__).parents[1] / "assets" / "demo.mp4"
"""Shown where there is no camera."""

_CAMERAS = ("auto", "camera", "picamera")
_DEVICE_PREFIX, _SCENE_PREFIX = "/dev/", "scene:"


def open_source(settings: SourceSettings, *, color: bool = False, paced: bool = False) -> Source:
    """Open what `settings.use` names.

    `auto`: the Pi camera, else the first V4L2 camera, else the clip that ships, at its own pace.
    `picamera`: the Pi camera. `camera`: the first V4L2 camera. `/dev/...`: that V4L2 camera.
    `scene:NAME`: a drawn scene as a live camera. Else a path: a folder, a picture or a video.
    With `settings.reopen` a camera may be absent, now or later, and `auto` means a camera.

    Args:
        settings: what to open, and what to ask of a camera.
        color: frames carry colour, too.
        paced: a video is played at its own pace, for somebody who watches.

    Raises:
        CameraError: the camera is absent, busy, not permitted or gives no frames.
        MediaError: the path does not exist or cannot be read.
        ConfigError: there is no such scene.
    """
    use = settings.use
    if use in _CAMERAS or use.startswith(_DEVICE_PREFIX):
        open_again = partial(open_camera, settings, color=color)
        if settings.reopen:
            return ReopeningSource(open_again, name=use, patience_s=settings.stall_timeout_s)
        return open_again() if use != "auto" else _open_best(settings, color=color)
    if use.startswith(_SCENE_PREFIX):
        scene = make_scene(
            use.removeprefix(_SCENE_PREFIX), width=settings.width, height=settings.height, fps=settings.fps
        )
        return SceneSource(scene, live=True, color=color)
    return _open_path(Path(use).expanduser(), color=color, paced=paced)


def open_camera(settings: SourceSettings, *, color: bool = False) -> Source:
    """Open the camera that `settings.use` names, and nothing else; `auto` is the Pi camera, else the first V4L2 camera.

    Raises:
        CameraError: there is none, or it cannot be used.
    """
    use = settings.use
    if use == "picamera" or (use == "auto" and has_pi_camera()):
        return PiCameraSource(settings, color=color)
    device = Path(use) if use.startswith(_DEVICE_PREFIX) else _first_camera()
    return V4l2Source(device, settings, color=color)


def _open_best(settings: SourceSettings, *, color: bool) -> Source:
    try:
        return open_camera(settings, color=color)
    except CameraAbsentError:
        log.info("no camera found: playing the clip that ships with the project")
        return VideoSource(DEMO_CLIP, color=color, paced=True)


def _first_camera() -> Path:
    cameras = find_cameras()
    if not cameras:
        raise CameraAbsentError(
            "camera: expected a V4L2 camera at /dev/video*, found none: plug one in, or use `picamera`"
        )
    return cameras[0]


def _open_path(path: Path, *, color: bool, paced: bool) -> Source:
    if not path.exists():
        raise MediaError(
            f"{path}: no such file or folder: expected auto, camera, picamera, /dev/videoN, scene:NAME, "
            "or the path of a video, a picture or a folder of pictures"
        )
    if path.is_dir() or path.suffix.lower() in PICTURE_SUFFIXES:
        return PictureSource(path, color=color)
    return VideoSource(path, color=color, paced=paced)
