"""The doctor names each fault of a camera: absent, closed to the user, another's, without frames."""

import grp
import os
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.doctor.context import Identity

VIDEO_GROUP = 44
"""Debian's number of the group video."""

HOLD = "import sys; held = open(sys.argv[1]); print('open', flush=True); sys.stdin.read()"


def use(source):
    return f'[source]\nuse = "{source}"\nstall_timeout_s = 1.0\n'


@pytest.fixture
def device(tree):
    """A file in the place of /dev/video0, which nobody but its owner may use."""
    path = tree() / "dev" / "video0"
    path.parent.mkdir()
    path.touch(mode=0o600)
    path.chmod(0o660)
    return path


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to the group video")
def test_a_camera_that_may_not_be_used_names_the_group(find, config, device):
    """With the command that lets the user in; whoever is in the group is."""
    os.chown(device, 0, VIDEO_GROUP)
    found = find("permission", config=config(use("camera")))
    assert (found.status, found.remedy) == (
        "failed",
        f"sudo usermod -aG {grp.getgrgid(VIDEO_GROUP).gr_name} $USER, then log in again",
    )
    assert "video0: somebody may not use it" in found.text
    member = Identity("somebody", 54321, frozenset([VIDEO_GROUP]))
    assert find("permission", config=config(use("camera")), identity=member).status == "ok"


@pytest.mark.parametrize("mode", [0o600, 0o660])
def test_a_camera_whose_group_is_no_help_names_what_gives_the_right(find, config, device, mode):
    """As where udev's rules are missing: nobody should join the group of whoever runs this, or root's."""
    device.chmod(mode)
    if os.geteuid() == 0:
        os.chown(device, 0, 0)
    elif mode == 0o660:
        pytest.skip("only root has files of the group root")
    found = find("permission", config=config(use("/dev/video0")))
    assert found.status == "failed"
    assert "chgrp video" in found.remedy


def test_an_absent_camera_is_named(find, config):
    """The one that the settings name, or any V4L2 camera at all."""
    found = find("V4L2 camera", config=config(use("/dev/video7")))
    assert (found.status, "no such device" in found.text) == ("failed", True)
    found = find("V4L2 camera", config=config(use("camera")))
    assert (found.status, "found none" in found.text) == ("failed", True)


@pytest.mark.parametrize("source", ["/dev/video77", "camera", "picamera"])
def test_an_absent_camera_that_is_waited_for_is_a_warning(find, config, picamera, source):
    """With `source.reopen`, as in the service's own settings: it would run, and wait."""
    if source == "camera" and list(Path("/dev").glob("video*")):
        pytest.skip("this machine has a camera")
    picamera(PICAMERA.format(body="return []"))
    settings = config(use(source) + "reopen = true\n")
    for name in ("ribbon camera", "V4L2 camera", "frames"):
        assert find(name, config=settings).status != "failed"


def test_without_any_camera_the_clip_would_be_played(find, config):
    """That is no failure: it would run; but it is said."""
    if list(Path("/dev").glob("video*")):
        pytest.skip("this machine has a camera")
    found = find("frames", config=config(use("auto")))
    assert found.status == "warning"
    assert "the clip" in found.text
    waited = find("frames", config=config(use("auto") + "reopen = true\n"))
    assert "would be waited for" in waited.text


def test_a_camera_that_another_process_has_is_named_with_it(find, config, device, start):
    """Who has it, and the command that ends that. A program that runs cannot be opened for writing: it is busy."""
    shutil.copy(shutil.which("sleep"), device)
    device.chmod(0o755)
    with subprocess.Popen([device, "60"]) as running:  # noqa: S603  # ours
        holder = start(HOLD, device)
        found = find("V4L2 camera", config=config(use("/dev/video0")))
        running.kill()
    assert found.status == "failed"
    assert f"(process {holder.pid})" in found.text
    assert found.remedy == f"kill {holder.pid}"


def test_frames_that_come_are_counted(find, config):
    """Here of a drawn scene, which is live like a camera."""
    found = find("frames", config=config(use("scene:one")))
    assert found.status == "ok"
    assert "15 frames of 640x480" in found.text


def test_frames_that_do_not_come_are_a_failure(find, config, tmp_path):
    """A device that is no camera, a file that is not there."""
    for source in ("/dev/null", tmp_path / "none.mp4"):
        found = find("frames", config=config(use(source)))
        assert found.status == "failed"
        assert str(source) in found.text


def test_black_frames_are_a_warning(find, config, tmp_path):
    """As with a covered lens."""
    cv2.imwrite(str(tmp_path / "black.png"), np.full((48, 64), 3, dtype=np.uint8))
    found = find("frames", config=config(use(tmp_path / "black.png")))
    assert (found.status, "all but black" in found.text) == ("warning", True)


PICAMERA = """
class Picamera2:
    @staticmethod
    def global_camera_info():
        {body}
"""


@pytest.fixture
def picamera(tmp_path, monkeypatch):
    """Let `import picamera2` run `source`."""

    def write(source):
        (tmp_path / "picamera2.py").write_text(source)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    return write


@pytest.mark.parametrize(
    ("source", "asked", "status", "words"),
    [
        (PICAMERA.format(body="return [{'Model': 'imx708', 'Id': '/base/soc/i2c'}]"), "auto", "ok", "imx708"),
        (PICAMERA.format(body="return []"), "picamera", "failed", "no camera"),
        (PICAMERA.format(body="return []"), "auto", "ok", "no camera"),
        (PICAMERA.format(body="raise RuntimeError('libcamera broke')"), "picamera", "failed", "libcamera broke"),
        ("raise ModuleNotFoundError('No module named picamera2')", "picamera", "failed", "No module named picamera2"),
        ("raise ModuleNotFoundError('No module named picamera2')", "auto", "ok", "not installed"),
        ("raise ValueError('numpy.dtype size changed')", "auto", "warning", "numpy.dtype size changed"),
        ("import os; os.abort()", "auto", "failed", "SIGABRT"),
    ],
)
def test_the_ribbon_camera(find, config, picamera, source, asked, status, words):
    """Listed; not there; libcamera fails; picamera2 is missing, built against another numpy, or crashes."""
    picamera(source)
    found = find("ribbon camera", config=config(use(asked)))
    assert found.status == status
    assert words in found.text
    assert found.remedy or status == "ok"


def test_a_camera_that_hangs_is_a_failure(picamera, find, config):
    """Libcamera waits for ever; the process that looks is ended."""
    picamera("import threading; threading.Event().wait()")
    found = find("ribbon camera", config=config(use("auto")), limit_s=1.0)
    assert (found.status, found.text) == ("failed", "expected an answer within 1 s, found none")
