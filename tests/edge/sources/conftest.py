"""What the tests of the sources share."""

import contextlib
import os
import shutil
import sys
import tempfile
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from fake_picamera2 import FakeRig


@pytest.fixture
def write_clip(tmp_path):
    """Write a clip in which frame n is grey of level 20 + 6 n, so that each frame tells its number."""

    def write(name="clip.avi", *, frames=20, fps=25.0, size=(64, 48)):
        path = tmp_path / name
        codec = cv2.VideoWriter.fourcc(*("mp4v" if path.suffix == ".mp4" else "MJPG"))
        writer = cv2.VideoWriter(str(path), codec, fps, size)
        for number in range(frames):
            writer.write(np.full((size[1], size[0], 3), 20 + 6 * number, dtype=np.uint8))
        writer.release()
        return path

    return write


@pytest.fixture
def in_thread():
    """Run a function on a thread; return a function that waits for its result (or raises its error)."""

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
            thread.join(timeout=10)
            assert not thread.is_alive(), "it hangs"
            if "error" in outcome:
                raise outcome["error"]
            return outcome["result"]

        return result

    return start


@pytest.fixture
def open_folder():
    """Return a folder that every user may enter; pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def as_nobody():
    """Return a context in which root has no more rights than anybody; others keep theirs."""

    @contextlib.contextmanager
    def drop_rights():
        if os.geteuid() != 0:
            yield
            return
        os.seteuid(65534)
        try:
            yield
        finally:
            os.seteuid(0)

    return drop_rights


@pytest.fixture
def rig(monkeypatch):
    """Put the fake in the place of picamera2 and libcamera."""
    rig = FakeRig()
    for name, module in rig.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    return rig
