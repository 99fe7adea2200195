"""Frames of a camera on the Pi's ribbon cable, through picamera2."""

import concurrent.futures
import logging
import threading
import time
from typing import cast

import numpy as np
from numpy.typing import NDArray

from edge.errors import CameraError
from edge.records import Frame, Gray
from edge.settings import SourceSettings
from edge.sources.opencv import read_only
from edge.sources.picamera_api import PiCamera, explain, full_range, open_pi_camera

log = logging.getLogger(__name__)

_BUFFERS = 4
_CLOSE_WAIT_S = 5.0
_CANCEL_EVERY_S = 0.1


class PiCameraSource:
    """Gives what the Pi camera captures.

    settings: size and rate asked for, and how long the camera may be silent, s.
    color: frames carry colour, too, which costs a second stream.

    The grey picture is the luma plane of a YUV420 stream, as the camera makes it: nothing is converted.
    """

    def __init__(self, settings: SourceSettings, *, color: bool = False) -> None:
        """Open the first camera on a ribbon cable and start it.

        Raises:
            CameraError: picamera2 is not installed, there is no camera, another program has it, or it does not start.
        """
        self.name = "picamera"
        self.live = True
        self.stills = False
        self.skipped = 0
        self._color = color
        self._gray_stream = "lores" if color else "main"
        self._stall_timeout_s = settings.stall_timeout_s
        self._closed = threading.Event()
        # Held by `read` while it waits for a picture and copies it: the memory must not be unmapped below the copy.
        self._lock = threading.Lock()
        self._index = 0
        self._camera: PiCamera | None = open_pi_camera()
        try:
            self._size = _start(self._camera, settings, color=color, gray_stream=self._gray_stream)
        except Exception as error:  # libcamera's errors come as any kind
            self.close()
            raise error if isinstance(error, CameraError) else explain(error, "does not start") from error

    def read(self) -> Frame | None:
        """Wait for the next frame; None after `close`.

        Raises:
            CameraError: no frame came within `stall_timeout_s`, or the camera failed.
        """
        with self._lock:
            if self._closed.is_set() or self._camera is None:
                return None
            try:
                return self._capture(self._camera)
            except concurrent.futures.CancelledError:
                return None
            except TimeoutError as error:
                self._camera.cancel_all_and_flush()  # else the wish would take a picture that nobody hands back
                raise CameraError(
                    f"{self.name}: expected a frame within {self._stall_timeout_s:g} s, found none: "
                    "check the ribbon cable; if it is in place, reboot"
                ) from error
            except Exception as error:  # libcamera's errors come as any kind
                raise explain(error, "has failed") from error

    def _capture(self, camera: PiCamera) -> Frame:
        request = camera.capture_request(wait=self._stall_timeout_s)
        try:
            # Both are copies, since the camera writes the next picture into the same memory once it is released. And
            # released it must be whatever happens: there are few buffers, and a camera that has none falls silent.
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
        """Cut the luma out of (height * 3 / 2, stride) uint8: chroma lies below it, padding on its right."""
        width, height = self._size
        return read_only(planes[:height, :width].copy())

    def close(self) -> None:
        """Stop the camera; a `read` that waits returns None. May be called twice, and from another thread."""
        self._closed.set()
        give_up_at = time.monotonic() + _CLOSE_WAIT_S
        while not self._lock.acquire(timeout=_CANCEL_EVERY_S):
            # `stop` waits in the same queue as a capture: behind one on a silent camera it would wait for ever.
            if self._camera is not None:
                self._camera.cancel_all_and_flush()
            if time.monotonic() > give_up_at:
                log.warning("%s: a read did not end within %g s: the camera is left as it is", self.name, _CLOSE_WAIT_S)
                return
        try:
            camera, self._camera = self._camera, None
            if camera is not None:
                camera.stop()
                camera.close()
        except (RuntimeError, OSError) as error:
            log.warning("%s: the camera did not close as it should: %s", self.name, error)
        finally:
            self._lock.release()


def _start(camera: PiCamera, settings: SourceSettings, *, color: bool, gray_stream: str) -> tuple[int, int]:
    """Configure and start the camera; returns the width and height that it gives, px."""
    size = (settings.width, settings.height)
    streams: dict[str, object] = {gray_stream: {"size": size, "format": "YUV420"}}
    if color:
        # The name is libcamera's: its RGB888 lies in memory as blue, green, red, which is OpenCV's order.
        streams["main"] = {"size": size, "format": "RGB888"}
    configuration = camera.create_video_configuration(
        **streams, buffer_count=_BUFFERS, colour_space=full_range(), controls={"FrameRate": settings.fps}
    )
    camera.configure(configuration)
    camera.start()
    width, height = cast(tuple[int, int], camera.stream_configuration(gray_stream)["size"])
    log.info("picamera: %dx%d, %g frames a second asked for", width, height, settings.fps)
    return width, height
