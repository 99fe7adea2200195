"""Fixtures of the source tests: clips, threads, and a fake Pi camera."""

import sys
import threading

import cv2
import numpy as np
import pytest
from fake_picamera2 import FakeRig

THREAD_LIMIT_S = 60.0


@pytest.fixture
def write_clip(tmp_path):
    """Write a clip in which frame n is gray of level 20 + 6 n, so that each frame shows its number.

    With `corner`, the upper left quarter is white.
    """

    def write(name="clip.avi", *, frames=20, fps=25.0, size=(64, 48), corner=False):
        path = tmp_path / name
        codec = cv2.VideoWriter.fourcc(*("mp4v" if path.suffix == ".mp4" else "MJPG"))
        writer = cv2.VideoWriter(str(path), codec, fps, size)
        for number in range(frames):
            pixels = np.full((size[1], size[0], 3), 20 + 6 * number, dtype=np.uint8)
            if corner:
                pixels[: size[1] // 2, : size[0] // 2] = 255
            writer.write(pixels)
        writer.release()
        return path

    return write


@pytest.fixture
def in_thread():
    """Run a function on a thread; return a function that waits for its result, or raises its error."""

    def start(body):
        outcome = {}

        def run():
            try:
                outcome["result"] = body()
            except Exception as error:  # noqa: BLE001  # raised again below
                outcome["error"] = error

        thread = threading.Thread(target=run, daemon=True)
        thread.start()

        def result():
            thread.join(timeout=THREAD_LIMIT_S)
            assert not thread.is_alive(), "the thread hangs"
            if "error" in outcome:
                raise outcome["error"]
            return outcome["result"]

        return result

    return start


@pytest.fixture
def rig(monkeypatch):
    """Replace picamera2 and libcamera by the fake."""
    rig = FakeRig()
    for name, module in rig.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    return rig


@pytest.fixture
def read_all():
    """Read all frames of a source."""

    def read(source):
        frames = []
        while (frame := source.read()) is not None:
            frames.append(frame)
        return frames

    return read
