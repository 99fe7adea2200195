"""A fake of picamera2 and libcamera that follows their documented behavior and is controlled by the test.

It follows these rules: a capture waits in a queue and stays there after its time-out; stopping waits in the same queue;
a request holds one of few buffers, and the camera stalls when none is free; YUV420 comes as (height * 3 / 2, stride)
with padding; sizes are rounded down to even numbers; RGB888 is blue, green, red in memory; the configuration says after
`configure` how the sensor mirrors its images, which may be less than was requested.
"""

import threading
import types
from concurrent.futures import CancelledError

import numpy as np

PADDING = 24
RIBBON = {"Model": "imx219", "Id": "/base/soc/i2c0mux/i2c@1/imx219@10", "Num": 0}
USB = {"Model": "UVC Camera", "Id": "/base/scb/pcie@7d500000/usb@0,0-1.1:1.0-046d:0825", "Num": 1}


class FakeRig:
    """State of the fake Pi, which the test sets.

    Attributes:
        cameras: The cameras that are plugged in.
        fail_at: The step at which `failure` is raised: `list`, `open`, `configure`, `start`, `capture`, `make_array` or
            `stop`; empty for none.
        failure: The error to raise.
        silent: Whether the camera gives no frames.
        can_mirror: Whether the sensor can mirror its images.
        opened: The cameras that were opened.
    """

    def __init__(self):
        self.cameras = [RIBBON]
        self.fail_at = ""
        self.failure = RuntimeError("simulated failure")
        self.silent = False
        self.can_mirror = True
        self.opened = []

    def check(self, step):
        if self.fail_at == step:
            raise self.failure

    def modules(self):
        """Return the two modules, by name."""
        rig = self

        class Picamera2(FakePicamera2):
            def __init__(self, camera_num=0):
                super().__init__(rig, camera_num)

            @staticmethod
            def global_camera_info():
                rig.check("list")
                return [dict(camera) for camera in rig.cameras]

        picamera2 = types.ModuleType("picamera2")
        picamera2.Picamera2 = Picamera2
        libcamera = types.ModuleType("libcamera")
        libcamera.ColorSpace = types.SimpleNamespace(Sycc=lambda: "sYCC", Smpte170m=lambda: "SMPTE170M")
        libcamera.Transform = Transform
        return {"picamera2": picamera2, "libcamera": libcamera}


class Transform(types.SimpleNamespace):
    def __init__(self, hflip=0, vflip=0, transpose=0):
        super().__init__(hflip=hflip, vflip=vflip, transpose=transpose)


class FakePicamera2:
    def __init__(self, rig, number):
        self.rig = rig
        self.number = number
        try:
            rig.check("open")
        except Exception as error:
            raise RuntimeError("Camera __init__ sequence did not complete.") from error
        self.is_open = True
        self.started = False
        self.configuration = None
        self.held_buffers = 0
        self.frames = 0
        self._changed = threading.Condition()
        self._queue = []
        rig.opened.append(self)

    def create_video_configuration(
        self, main=None, lores=None, buffer_count=6, colour_space=None, transform=None, controls=None
    ):
        return {
            "transform": transform or Transform(),
            "main": {"format": "XBGR8888", "size": (1280, 720), **(main or {})},
            "lores": lores and {"format": "YUV420", **lores},
            "buffer_count": buffer_count,
            "colour_space": colour_space or "SMPTE170M",
            "controls": controls or {},
        }

    def configure(self, configuration):
        self.rig.check("configure")
        for name in ("main", "lores"):
            stream = configuration[name]
            if stream:
                width, height = stream["size"]
                stream["size"] = (width - width % 2, height - height % 2)
                stream["stride"] = stream["size"][0] * (1 if stream["format"] == "YUV420" else 3) + PADDING
        assert not configuration["transform"].transpose, "no sensor of the Pi can transpose"
        if not self.rig.can_mirror:
            configuration["transform"] = Transform()
        self.configuration = configuration

    def camera_configuration(self):
        return self.configuration

    def stream_configuration(self, name):
        return self.configuration[name]

    def start(self):
        self.rig.check("start")
        self.started = True

    def capture_request(self, wait):
        self.rig.check("capture")
        job = object()
        with self._changed:
            self._queue.append(job)
            self._changed.notify_all()
            self._changed.wait_for(lambda: job not in self._queue or self._frame_is_there(), timeout=wait)
            if job not in self._queue:
                raise CancelledError
            if not self._frame_is_there():
                raise TimeoutError  # and the job stays in the queue
            self._queue.remove(job)
            self.held_buffers += 1
            self.frames += 1
            return FakeRequest(self, self.frames - 1)

    def _frame_is_there(self):
        return not self.rig.silent and self.held_buffers < self.configuration["buffer_count"]

    def cancel_all_and_flush(self):
        with self._changed:
            self._queue.clear()
            self._changed.notify_all()

    def wait_for_reader(self):
        """Return once a thread waits for a frame."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._queue, timeout=60)

    def stop(self):
        assert self.is_open, "the camera is closed"  # the real one tolerates this, but we do not rely on it
        assert not self._queue, "stopping waits behind a capture: forever, on a silent camera"
        self.rig.check("stop")
        self.started = False

    def close(self):
        assert not self.started, "the camera is still running"
        self.is_open = False

    def release_buffer(self):
        with self._changed:
            self.held_buffers -= 1
            self._changed.notify_all()


class FakeRequest:
    def __init__(self, camera, number):
        self._camera = camera
        self._number = number
        self._is_held = True

    def make_array(self, name):
        assert self._is_held, "the buffer was already released"
        self._camera.rig.check("make_array")
        stream = self._camera.configuration[name]
        (width, height), stride = stream["size"], stream["stride"]
        transform = self._camera.configuration["transform"]
        mirror = (slice(None, None, -1 if transform.vflip else 1), slice(None, None, -1 if transform.hflip else 1))
        if stream["format"] == "RGB888":
            return np.full((height, width, 3), (self._number % 256, 100, 200), dtype=np.uint8)
        planes = np.full((height * 3 // 2, stride), 255, dtype=np.uint8)
        planes[:height, :width] = expected_luma(width, height, self._number)[mirror]
        return planes

    def release(self):
        assert self._is_held, "the buffer was released twice"
        self._is_held = False
        self._camera.release_buffer()


def expected_luma(width, height, number):
    """Return the luma of frame `number`, (height, width) uint8, which is nowhere 255 like the padding."""
    return ((np.arange(width) + np.arange(height)[:, np.newaxis] + number) % 250).astype(np.uint8)
