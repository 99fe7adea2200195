"""A stand-in for picamera2 and libcamera that keeps to their documented behaviour, and is driven by the test.

What it keeps to: a capture waits in a queue and stays there after its time-out; stopping waits in the same queue; a
request lends one of few buffers and the camera falls silent when none is free; YUV420 comes as (height * 3 / 2, stride)
with padding; sizes are made even; RGB888 is blue, green, red in memory.
"""

import threading
import types
from concurrent.futures import CancelledError

import numpy as np

PADDING = 24
RIBBON = {"Model": "imx219", "Id": "/base/soc/i2c0mux/i2c@1/imx219@10", "Num": 0}
USB = {"Model": "UVC Camera", "Id": "/base/scb/pcie@7d500000/usb@0,0-1.1:1.0-046d:0825", "Num": 1}


class FakeRig:
    """The Pi as the test wants it.

    cameras: what is plugged in. fail_at: `open`, `configure`, `start`, `capture`, `make_array` or `stop`: where
    `failure` is raised. silent: no frames come.
    """

    def __init__(self):
        self.cameras = [RIBBON]
        self.fail_at = ""
        self.failure = RuntimeError("the fake was told to fail")
        self.silent = False
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
        return {"picamera2": picamera2, "libcamera": libcamera}


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
        self.lent = 0
        self.frames = 0
        self._changed = threading.Condition()
        self._queue = []
        rig.opened.append(self)

    def create_video_configuration(self, main=None, lores=None, buffer_count=6, colour_space=None, controls=None):
        return {
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
        self.configuration = configuration

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
                raise TimeoutError  # and the job stays where it is
            self._queue.remove(job)
            self.lent += 1
            self.frames += 1
            return FakeRequest(self, self.frames - 1)

    def _frame_is_there(self):
        return not self.rig.silent and self.lent < self.configuration["buffer_count"]

    def cancel_all_and_flush(self):
        with self._changed:
            self._queue.clear()
            self._changed.notify_all()

    def wait_for_reader(self):
        """Return when somebody waits for a frame."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._queue, timeout=10)

    def stop(self):
        assert self.is_open, "closed before"  # the real one forgives this; we do not count on it
        assert not self._queue, "stopping waits behind a capture: on a silent camera for ever"
        self.rig.check("stop")
        self.started = False

    def close(self):
        assert not self.started, "closed while it runs"
        self.is_open = False

    def hand_back(self):
        with self._changed:
            self.lent -= 1
            self._changed.notify_all()


class FakeRequest:
    def __init__(self, camera, number):
        self._camera = camera
        self._number = number
        self._is_lent = True

    def make_array(self, name):
        assert self._is_lent, "the memory was already handed back"
        self._camera.rig.check("make_array")
        stream = self._camera.configuration[name]
        (width, height), stride = stream["size"], stream["stride"]
        if stream["format"] == "RGB888":
            return np.full((height, width, 3), (self._number % 256, 100, 200), dtype=np.uint8)
        planes = np.full((height * 3 // 2, stride), 255, dtype=np.uint8)
        planes[:height, :width] = expected_luma(width, height, self._number)
        return planes

    def release(self):
        assert self._is_lent, "handed back twice"
        self._is_lent = False
        self._camera.hand_back()


def expected_luma(width, height, number):
    """Return the luma of picture `number`, (height, width) uint8, nowhere the padding's 255."""
    return ((np.arange(width) + np.arange(height)[:, np.newaxis] + number) % 250).astype(np.uint8)
