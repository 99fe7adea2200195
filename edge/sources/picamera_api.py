"""As much of picamera2 as is used here, typed; and the ways in which it can be missing."""

import importlib
import logging
from types import ModuleType
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from edge.errors import CameraAbsentError, CameraError

log = logging.getLogger(__name__)


class Request(Protocol):
    """A captured picture in the camera's own memory, lent until `release`."""

    def make_array(self, name: str) -> NDArray[np.uint8]:
        """Copy a stream's picture out of it."""

    def release(self) -> None:
        """Hand the memory back to the camera."""


class PiCamera(Protocol):
    """`picamera2.Picamera2`, which has an own thread that collects the pictures."""

    def create_video_configuration(self, **options: object) -> dict[str, object]:
        """Return a configuration with these streams and controls."""

    def configure(self, configuration: dict[str, object]) -> None:
        """Prepare the camera; it may correct the sizes."""

    def stream_configuration(self, name: str) -> dict[str, object]:
        """Return what a stream has become."""

    def start(self) -> None:
        """Start capturing."""

    def capture_request(self, *, wait: float) -> Request:
        """Wait for a picture; after `wait` s raise TimeoutError, but keep the wish for one in the queue."""

    def cancel_all_and_flush(self) -> None:
        """Empty the queue: whoever waits for a picture is given CancelledError."""

    def stop(self) -> None:
        """Stop capturing; this wish, too, waits in the queue."""

    def close(self) -> None:
        """Give the camera back."""


def open_pi_camera() -> PiCamera:
    """Open the first camera on a ribbon cable.

    Raises:
        CameraError: picamera2 is missing or broken, there is no such camera, or another program has it.
    """
    package = _import("picamera2")
    try:
        number = _ribbon_camera(package)
        if number is not None:
            return cast(PiCamera, package.Picamera2(number))
    except Exception as error:  # libcamera's errors come as any kind
        raise explain(error, "cannot be opened") from error
    raise CameraAbsentError("picamera: expected a camera on the ribbon cable, found none: check the cable, then reboot")


def has_pi_camera() -> bool:
    """Whether picamera2 is there and lists a camera on a ribbon cable. A broken installation is named in a warning."""
    try:
        return _ribbon_camera(_import("picamera2")) is not None
    except CameraError as error:
        if not isinstance(error.__cause__, ModuleNotFoundError):
            log.warning("%s", error)
    except (RuntimeError, OSError) as error:
        log.warning("%s", explain(error, "cannot be looked for"))
    return False


def pi_camera_model() -> str | None:
    """Return the model of the first camera on a ribbon cable, None where none is listed.

    Raises:
        CameraError: picamera2 is missing or broken, or libcamera fails; the cause tells which.
    """
    package = _import("picamera2")
    try:
        number = _ribbon_camera(package)
        return None if number is None else str(package.Picamera2.global_camera_info()[number].get("Model"))
    except (RuntimeError, OSError) as error:
        raise explain(error, "cannot be looked for") from error


def full_range() -> object:
    """Return the colour space in which luma goes from 0 to 255.

    picamera2's own choice for video goes from 16 to 235, as television wants it; models are trained on full contrast.
    """
    return cast(object, _import("libcamera").ColorSpace.Sycc())


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise CameraError(
            f"picamera: {error}: sudo apt install python3-picamera2, "
            "and make the environment with --system-site-packages"
        ) from error
    except ValueError as error:  # "numpy.dtype size changed": its compiled parts were built against apt's numpy
        raise CameraError(
            f"picamera: {name} does not fit the numpy of this environment ({error}): pip uninstall numpy, "
            "so that the system's is used"
        ) from error


def _ribbon_camera(package: ModuleType) -> int | None:
    """Return the number of the first camera that is not on USB: those are listed, too, but are left to V4L2."""
    cameras: list[dict[str, object]] = package.Picamera2.global_camera_info()
    return next((number for number, camera in enumerate(cameras) if "/usb" not in str(camera.get("Id"))), None)


def explain(error: BaseException, what: str) -> CameraError:
    """Return the error to show for one of libcamera's; picamera2 hides the telling one behind others."""
    causes = [error]
    while causes[-1].__cause__ is not None:
        causes.append(causes[-1].__cause__)
    reason = " ".join(str(causes[-1]).split()) or type(causes[-1]).__name__
    if any("busy" in str(cause).lower() for cause in causes):
        return CameraError("picamera: another program uses the camera: stop it (`fuser -v /dev/media*` names it)")
    return CameraError(f"picamera: the camera {what}: {reason}: check the ribbon cable, then reboot")
