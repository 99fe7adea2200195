"""Captures from a camera on the Pi's ribbon cable, through picamera2."""

import concurrent.futures
import logging
import threading
import time
from typing import cast

import numpy as np
from numpy.typing import NDArray

from edge.errors import CameraError
from edge.records import Frame, Gray
from edge.settings.schema import SourceSettings
from edge.sources.base import Source, read_only
from edge.sources.mounting import Mounting
from edge.sources.orientation import Orientation
from edge.sources.picamera_api import PiCamera, Transform, camera_error, full_range, new_transform, open_pi_camera

log = logging.getLogger(__name__)

_BUFFERS = 4

_CLOSE_WAIT_S = 5.0
_CANCEL_EVERY_S = 0.1
"""Limit of the wait for a read to end before the camera is closed, and the interval at which it is cancelled, s."""


_PAUSE_S = 1.0
"""A wait that ends this much too late was not ended by the camera, s."""


class PiCameraSource(Source):
    """Gives the frames of the Pi camera.

    The luma comes from the Y plane of a YUV420 stream, as the camera makes it: nothing is converted.

    Args:
        settings: The size and rate to request, and the stall time-out.
        color: Whether frames also carry color, which costs a second stream.
        mounting: Says in which orientation the frames are wanted: the camera mirrors them by itself as far as it can,
            which turns them by 180 degrees as well, and leaves the rest to `mounting`.
    """

    live = is_camera = True

    def __init__(self, settings: SourceSettings, *, color: bool = False, mounting: Mounting | None = None) -> None:
        """Open the first camera on a ribbon cable and start it.

        Raises:
            CameraError: picamera2 is not installed, or the camera is absent, in use or does not start.
        """
        self.name = "picamera"
        self._color = color
        self._gray_stream = "lores" if color else "main"
        self._stall_timeout_s = settings.stall_timeout_s
        self._closed = threading.Event()
        # Held by `read` while it waits for an image and copies it: `close` must not unmap the memory during the copy.
        self._lock = threading.Lock()
        self._index = 0
        self._camera: PiCamera | None = open_pi_camera()
        wanted = Orientation() if mounting is None else mounting.prepare(self.name)
        try:
            self._size, done = _start(self._camera, settings, color=color, gray_stream=self._gray_stream, wanted=wanted)
        except Exception as error:  # libcamera raises exceptions of any type
            self.close()
            raise error if isinstance(error, CameraError) else camera_error(error, "does not start") from error
        if mounting is not None:
            mounting.set_done_by_camera(done)

    def read(self) -> Frame | None:
        """Wait for the next frame; None after `close`.

        Raises:
            CameraError: No frame came within `stall_timeout_s`, or the camera failed.
        """
        with self._lock:
            if self._closed.is_set() or self._camera is None:
                return None
            began_s = time.monotonic()
            try:
                return self._capture(self._camera)
            except concurrent.futures.CancelledError:
                return None
            except TimeoutError as error:
                self._camera.cancel_all_and_flush()  # the pending request would take an image that nobody releases
                if time.monotonic() - began_s > self._stall_timeout_s + _PAUSE_S:
                    return self._capture(self._camera)  # not the camera was paused, but this process
                raise CameraError(
                    f"{self.name}: expected a frame within {self._stall_timeout_s:g} s, found none: "
                    "check the ribbon cable; if it is in place, reboot"
                ) from error
            except Exception as error:  # libcamera raises exceptions of any type
                raise camera_error(error, "has failed") from error

    def _capture(self, camera: PiCamera) -> Frame:
        request = camera.capture_request(wait=self._stall_timeout_s)
        try:
            # Both are copies: the camera reuses the memory after the release. Always release: the camera stalls when
            # it has none of its few buffers left.
            planes = request.make_array(self._gray_stream)
            color = request.make_array("main") if self._color else None
        finally:
            request.release()
        captured_at = time.monotonic()
        index = self._index
        self._index += 1
        kept = None if color is None else read_only(color)
        return Frame(self._luma_of(planes), index, captured_at, captured_at, self.name, kept)

    def _luma_of(self, planes: NDArray[np.uint8]) -> Gray:
        """Copy the luma out of (height * 3 / 2, stride) uint8: chroma lies below it, padding on its right."""
        width, height = self._size
        return read_only(planes[:height, :width].copy())

    def close(self) -> None:
        """Stop and release the camera; a waiting `read` returns None."""
        self._closed.set()
        give_up_at = time.monotonic() + _CLOSE_WAIT_S
        while not self._lock.acquire(timeout=_CANCEL_EVERY_S):
            # `stop` waits in the same queue as a capture: on a stalled camera it would wait forever behind one.
            if self._camera is not None:
                self._camera.cancel_all_and_flush()
            if time.monotonic() > give_up_at:
                log.warning("%s: a read did not end within %g s: the camera stays open", self.name, _CLOSE_WAIT_S)
                return
        try:
            camera, self._camera = self._camera, None
            if camera is not None:
                camera.stop()
                camera.close()
        except Exception as error:  # noqa: BLE001  # libcamera raises exceptions of any type
            log.warning("%s: the camera did not close cleanly: %s", self.name, error)
        finally:
            self._lock.release()


def _start(
    camera: PiCamera, settings: SourceSettings, *, color: bool, gray_stream: str, wanted: Orientation
) -> tuple[tuple[int, int], Orientation]:
    """Configure and start the camera; return the width and height of its images, px, and their orientation."""
    size = (settings.width, settings.height)
    streams: dict[str, object] = {gray_stream: {"size": size, "format": "YUV420"}}
    if color:
        # libcamera's RGB888 lies in memory as blue, green, red, which is OpenCV's order.
        streams["main"] = {"size": size, "format": "RGB888"}
    if wanted != Orientation() and not wanted.transpose:  # no camera of the Pi can transpose
        streams["transform"] = new_transform(hflip=wanted.hflip, vflip=wanted.vflip)
    configuration = camera.create_video_configuration(
        **streams, buffer_count=_BUFFERS, colour_space=full_range(), controls={"FrameRate": settings.fps}
    )
    camera.configure(configuration)
    camera.start()
    width, height = cast(tuple[int, int], camera.stream_configuration(gray_stream)["size"])
    transform = cast(Transform, camera.camera_configuration()["transform"])  # a sensor that cannot mirror leaves it out
    log.info("picamera: %dx%d, %g frames per second requested", width, height, settings.fps)
    return (width, height), Orientation(hflip=bool(transform.hflip), vflip=bool(transform.vflip))
