"""Opens the source that the settings name."""

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

from edge.device.state import RotationMemory, state_folder
from edge.errors import CameraAbsentError, ConfigError, MediaError, did_you_mean, redact
from edge.settings.schema import SourceSettings
from edge.sources.address import is_network, parse_address
from edge.sources.base import Source
from edge.sources.folder import is_image
from edge.sources.images import ImageSource
from edge.sources.loop import LoopSource
from edge.sources.mounting import Mounting
from edge.sources.network import LONGEST_WAIT_S, START_S, NetworkCamera
from edge.sources.picamera import PiCameraSource
from edge.sources.picamera_api import has_pi_camera, load_picamera2
from edge.sources.reopen import ReopeningSource
from edge.sources.v4l2 import V4l2Source
from edge.sources.v4l2_devices import find_cameras
from edge.sources.video import VideoSource

log = logging.getLogger(__name__)

DEMO_CLIP = Path(__file__).parents[1] / "assets" / "demo.mp4"
"""The bundled clip, which `auto` plays if there is no camera."""

_CAMERAS = ("auto", "camera", "picamera")
_DEVICE_PREFIX, _SCENE_PREFIX = "/dev/", "scene:"


def open_source(
    settings: SourceSettings, *, color: bool = False, paced: bool = False, mounting: Mounting | None = None
) -> Source:
    """Open the source that `settings.use` names.

    - `auto`: the Pi camera, else the first V4L2 camera, else the bundled clip at its own pace.
    - `picamera`: the Pi camera.
    - `camera`: the first V4L2 camera.
    - `0`, `1` …: that camera, counted from 0: the Pi camera first, if there is one, then the V4L2 cameras.
    - `/dev/...`: that V4L2 camera.
    - A URL, or `gst:` and a pipeline: that network camera.
    - `scene:NAME`: a drawn scene, as a live camera.
    - Anything else: the path of a video, an image or a folder of images.

    With `settings.loop` a clip, file or scene begins again when it ends, and plays at its own pace. So does the bundled
    clip for a viewer, who expects a camera, which does not end.

    With `settings.reopen` the camera may be absent now or later, and `auto` never falls back to the clip.

    Args:
        settings: What to open, and the size and rate to request from a camera.
        color: Whether frames also carry color.
        paced: Whether a video plays at its own pace, for a viewer of the live page or a window.
        mounting: Orients the frames after they are read; a camera that can turn them by itself does so. None if nothing
            orients them.

    Raises:
        CameraError: The camera is absent, busy, not permitted or gives no frames.
        MediaError: The path does not exist or cannot be read.
        ConfigError: There is no scene of that name, a camera cannot be looped, or a network camera's address or
            credentials are wrong.
    """
    use = settings.use
    if is_camera(use):
        if settings.loop and use != "auto":
            raise ConfigError(
                f"source.loop: expected a file or a scene, found the camera {redact(use)}: leave loop out"
            )
        if is_network(use) and settings.reopen:
            return _wait_for_network_camera(settings, color=color, mounting=mounting)
        open_again = partial(open_camera, settings, color=color, mounting=mounting)
        if settings.reopen:
            if use in {"auto", "picamera"} or _is_number(use):
                load_picamera2()
            return ReopeningSource(
                open_again,
                name=use,
                stall_timeout_s=settings.stall_timeout_s,
                open_timeout_s=settings.open_timeout_s,
            )
        return open_again() if use != "auto" else _open_best(open_again, loop=settings.loop or paced, color=color)
    if use.startswith(_SCENE_PREFIX):
        # Only scenes need these modules: with numpy's random numbers they take 3 MB.
        from edge.scenes.catalogue import make_scene  # noqa: PLC0415
        from edge.sources.scene import SceneSource  # noqa: PLC0415

        scene = make_scene(
            use.removeprefix(_SCENE_PREFIX), width=settings.width, height=settings.height, fps=settings.fps
        )
        if settings.loop:
            return LoopSource(partial(SceneSource, scene, live=False, color=color))
        return SceneSource(scene, live=True, color=color)
    path = Path(use)
    open_file = partial(_open_path, path, color=color, max_megapixels=settings.max_megapixels)
    return LoopSource(partial(open_file, paced=False)) if settings.loop else open_file(paced=paced)


def _wait_for_network_camera(settings: SourceSettings, *, color: bool, mounting: Mounting | None) -> Source:
    camera = _new_network_camera(settings, color=color, mounting=mounting)
    return ReopeningSource(
        camera.open,
        name=camera.name,
        stall_timeout_s=settings.stall_timeout_s,
        open_timeout_s=settings.open_timeout_s + START_S,
        longest_wait_s=LONGEST_WAIT_S,
        max_reopens=None,  # what leaks, leaks in the decoder's process
        abort=camera.close,
    )


def _new_network_camera(settings: SourceSettings, *, color: bool, mounting: Mounting | None) -> NetworkCamera:
    camera = NetworkCamera(parse_address(settings), settings, color=color)
    if mounting is not None:
        mounting.prepare(camera.name)
    return camera


def new_mounting(settings: SourceSettings, state: Path | None = None) -> Mounting:
    """Create what orients the source's frames; a camera's rotation that was found in an earlier run is remembered.

    Args:
        settings: See `open_source`.
        state: The state folder; None for the usual one.
    """
    remembers = settings.rotate in {"auto", None} and is_camera(settings.use)
    return Mounting(settings, RotationMemory(state or state_folder()) if remembers else None)


def open_camera(settings: SourceSettings, *, color: bool = False, mounting: Mounting | None = None) -> Source:
    """Open the camera that `settings.use` names; `auto` is the Pi camera, else the first V4L2 camera.

    Args:
        settings: See `open_source`.
        color: Whether frames also carry color.
        mounting: See `open_source`.

    Raises:
        CameraError: There is no camera, or it cannot be used.
        ConfigError: A network camera's address or credentials are wrong.
    """
    use = settings.use
    if is_network(use):
        return _new_network_camera(settings, color=color, mounting=mounting).open()
    if use == "picamera" or (use == "auto" and has_pi_camera()):
        return PiCameraSource(settings, color=color, mounting=mounting)
    device = _numbered_camera(int(use)) if _is_number(use) else _named_camera(use)
    if device is None:
        return PiCameraSource(settings, color=color, mounting=mounting)
    if mounting is not None:
        mounting.prepare(str(device))
    return V4l2Source(device, settings, color=color)


def _open_best(open_any_camera: Callable[[], Source], *, loop: bool, color: bool) -> Source:
    try:
        return open_any_camera()
    except CameraAbsentError:
        log.info("no camera found: playing the bundled clip%s", ", again and again" if loop else "")
        if loop:
            return LoopSource(partial(VideoSource, DEMO_CLIP, color=color))
        return VideoSource(DEMO_CLIP, color=color, paced=True)


def is_camera(use: str) -> bool:
    """Return whether `source.use` is a camera, and no file, folder or scene."""
    return use in _CAMERAS or use.startswith(_DEVICE_PREFIX) or _is_number(use) or is_network(use)


def _is_number(use: str) -> bool:
    return use.isascii() and use.isdecimal()


def _numbered_camera(number: int) -> Path | None:
    """Return the V4L2 camera with that number; None for the Pi camera, which comes first."""
    cameras: list[Path | None] = [None] if has_pi_camera() else []
    cameras += find_cameras()
    if number < len(cameras):
        return cameras[number]
    found = ", ".join(f"{place}: {device or 'picamera'}" for place, device in enumerate(cameras)) or "none"
    raise CameraAbsentError(f"camera {number}: expected a camera of that number, found {found}: plug it in")


def _named_camera(use: str) -> Path:
    if use.startswith(_DEVICE_PREFIX):
        return Path(use)
    cameras = find_cameras()
    if not cameras:
        raise CameraAbsentError(
            "camera: expected a V4L2 camera at /dev/video*, found none: plug one in, or use `picamera`"
        )
    return cameras[0]


def _open_path(path: Path, *, color: bool, paced: bool, max_megapixels: float) -> Source:
    if not path.exists():
        question = did_you_mean(str(path), _CAMERAS)
        raise MediaError(
            f"{path}: no such file or folder: expected auto, camera, picamera, 0, /dev/videoN, a URL, scene:NAME, "
            f"or the path of a video, an image or a folder of images{question and ': '}{question}"
        )
    if not path.is_dir() and not path.is_file():  # opening a pipe waits until somebody writes to it
        raise MediaError(
            f"{path}: expected a video, an image or a folder of images, found a pipe, socket or device: give a file"
        )
    if path.is_dir() or is_image(path):
        return ImageSource(path, color=color, max_megapixels=max_megapixels)
    return VideoSource(path, color=color, paced=paced, max_megapixels=max_megapixels)
