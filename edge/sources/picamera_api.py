"""Typed subset of picamera2, and clear errors where it is missing, broken or finds no camera."""

import importlib
import logging
from contextlib import suppress
from types import ModuleType
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from edge.device.packages import picamera_command, uninstall_command
from edge.errors import CameraAbsentError, CameraError

log = logging.getLogger(__name__)


class Request(Protocol):
    """A captured image in the camera's own memory, valid until `release`."""

    def make_array(self, name: str) -> NDArray[np.uint8]:
        """Return a copy of a stream's image."""

    def release(self) -> None:
        """Return the memory to the camera."""


class Transform(Protocol):
    """`libcamera.Transform`: how the sensor mirrors its images, 0 or 1 each."""

    hflip: int
    vflip: int


class PiCamera(Protocol):
    """`picamera2.Picamera2`, which collects images on its own thread."""

    def create_video_configuration(self, **options: object) -> dict[str, object]:
        """Return a configuration with these streams and controls."""

    def configure(self, configuration: dict[str, object]) -> None:
        """Configure the camera, which may adjust the sizes."""

    def camera_configuration(self) -> dict[str, object]:
        """Return the whole configuration as the camera adjusted it."""

    def stream_configuration(self, name: str) -> dict[str, object]:
        """Return a stream's configuration as the camera adjusted it."""

    def start(self) -> None:
        """Start capturing."""

    def capture_request(self, *, wait: float) -> Request:
        """Wait for an image; after `wait` s raise TimeoutError, which leaves the request in the queue."""

    def cancel_all_and_flush(self) -> None:
        """Empty the queue; a waiting `capture_request` raises CancelledError."""

    def stop(self) -> None:
        """Stop capturing; this request waits in the same queue."""

    def close(self) -> None:
        """Release the camera."""


def open_pi_camera() -> PiCamera:
    """Open the first camera on a ribbon cable.

    Raises:
        CameraError: picamera2 is missing or broken, or the camera is absent or in use.
    """
    package = _import("picamera2")
    try:
        number = _ribbon_camera(package)
        if number is not None:
            return cast(PiCamera, package.Picamera2(number))
    except Exception as error:  # libcamera raises exceptions of any type
        raise camera_error(error, "cannot be opened") from error
    raise CameraAbsentError("picamera: expected a camera on the ribbon cable, found none: check the cable, then reboot")


def has_pi_camera() -> bool:
    """Whether picamera2 is installed and lists a camera on a ribbon cable.

    A broken installation is logged, but not again while it stays the same: a service looks for its camera every two
    seconds.
    """
    try:
        is_there = _ribbon_camera(_import("picamera2")) is not None
    except Exception as error:  # noqa: BLE001  # libcamera raises exceptions of any type
        if not isinstance(error.__cause__, ModuleNotFoundError):
            _warn_once(str(error if isinstance(error, CameraError) else camera_error(error, "cannot be listed")))
        return False
    _last_warning.clear()
    return is_there


_last_warning: list[str] = []
"""The newest warning of `has_pi_camera`; empty if its last look has succeeded."""


def _warn_once(text: str) -> None:
    if _last_warning != [text]:
        log.warning("%s", text)
    _last_warning[:] = [text]


def load_picamera2() -> None:
    """Import picamera2 if it is installed, which takes seconds on a small board, before anybody waits for a camera."""
    with suppress(CameraError):  # opening the camera reports it
        _import("picamera2")


def pi_camera_model() -> str | None:
    """Return the model of the first camera on a ribbon cable, or None if none is listed.

    Raises:
        CameraError: picamera2 is missing or broken, or libcamera fails; its cause tells which.
    """
    package = _import("picamera2")
    try:
        number = _ribbon_camera(package)
        return None if number is None else str(package.Picamera2.global_camera_info()[number].get("Model"))
    except Exception as error:  # libcamera raises exceptions of any type
        raise camera_error(error, "cannot be listed") from error


def full_range() -> object:
    """Return the color space in which luma goes from 0 to 255.

    picamera2's default for video is the television range, 16 to 235; models are trained on full contrast.
    """
    return cast(object, _import("libcamera").ColorSpace.Sycc())


def new_transform(*, hflip: bool, vflip: bool) -> Transform:
    """Return libcamera's request to mirror each image: left and right with `hflip`, top and bottom with `vflip`."""
    return cast(Transform, _import("libcamera").Transform(hflip=int(hflip), vflip=int(vflip)))


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise CameraError(f"picamera: {error}: {picamera_command()}") from error
    except ValueError as error:  # "numpy.dtype size changed": its compiled parts need apt's numpy
        raise CameraError(
            f"picamera: {name} does not fit the numpy of this environment ({error}): {uninstall_command('numpy')}, "
            "so that the system's is used"
        ) from error
    except Exception as error:  # importing it runs its code, and that of everything below it
        raise camera_error(error, f"cannot be used, since {name} cannot be imported") from error


def _ribbon_camera(package: ModuleType) -> int | None:
    """Return the number of the first camera that is not on USB: libcamera lists those too, but V4L2 reads them."""
    cameras: list[dict[str, object]] = package.Picamera2.global_camera_info()
    return next((number for number, camera in enumerate(cameras) if "/usb" not in str(camera.get("Id"))), None)


def camera_error(error: BaseException, what: str) -> CameraError:
    """Translate an error of libcamera, which picamera2 hides behind others, to one for the user."""
    causes = [error]
    while causes[-1].__cause__ is not None:
        causes.append(causes[-1].__cause__)
    reason = " ".join(str(causes[-1]).split()) or type(causes[-1]).__name__
    if any("busy" in str(cause).lower() for cause in causes):
        return CameraError("picamera: another program uses the camera: stop it (`fuser -v /dev/media*` names it)")
    return CameraError(f"picamera: the camera {what}: {reason}: check the ribbon cable, then reboot")
